// SPDX-License-Identifier: MIT
/* The other end of hooks.sign: who has the key */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "opts.h"
#include "x509.h"

struct ktls_signer {
	struct cred cred;
};

int ktls_signer_new_size(struct ktls_signer **out, char *error,
			 size_t error_size, const struct ktls_cred *cred,
			 size_t size)
{
	struct text why = { error, error_size };
	struct ktls_cred from = { 0 };
	int err = opts_copy(&from, sizeof(from), cred, size);
	struct ktls_signer *s;

	*out = NULL;
	text_set(why, "%s", "");
	if (err)
		return err;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	err = from.key_elsewhere ? -EINVAL :
				   cred_load(&s->cred, &from, false, why);
	if (err) {
		free(s);
		return err;
	}
	*out = s;
	return 0;
}

void ktls_signer_free(struct ktls_signer *s)
{
	if (!s)
		return;
	cred_free(&s->cred);
	free(s);
}

static const struct sigscheme *find(const struct ktls_signer *s,
				    uint16_t version, uint16_t id)
{
	bool tls13 = version == KTLS_TLS13;
	const struct sigscheme *const *list = tls13 ? s->cred.schemes :
						      s->cred.schemes12;
	size_t n = tls13 ? s->cred.schemes_len : s->cred.schemes12_len;

	for (size_t i = 0; i < n; i++)
		if (list[i]->id == id)
			return list[i];
	return NULL;
}

/* 9846 4.5.2: so that what is for one use passes for no other */
static bool is_tls13(struct slice content)
{
	static const char context[] = "TLS 1.3, ";
	uint8_t pad[64];

	memset(pad, ' ', sizeof(pad));
	return content.len > sizeof(pad) + strlen(context) &&
	       !memcmp(content.p, pad, sizeof(pad)) &&
	       !memcmp(content.p + sizeof(pad), context, strlen(context));
}

ssize_t ktls_signer_sign(const struct ktls_signer *s,
			 const struct ktls_sign_request *request, void *sig,
			 size_t size)
{
	struct slice content = { request->content, request->content_len };
	const struct sigscheme *scheme = find(s, request->version,
					      request->scheme);
	struct wr w = { 0 };
	ssize_t len;

	if ((request->version != KTLS_TLS13 &&
	     request->version != KTLS_TLS12) || !scheme ||
	    (request->version == KTLS_TLS13) != is_tls13(content))
		return -EINVAL;
	len = cred_sign(&s->cred, scheme, content, &w);
	if (!len)
		len = w.len <= size ? (ssize_t)w.len : -EMSGSIZE;
	if (len > 0)
		memcpy(sig, w.buf, w.len);
	wr_free(&w);
	return len;
}
