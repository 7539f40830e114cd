// SPDX-License-Identifier: MIT
/* Our signature: with a key of ours, or made where the key is */
#include "hs.h"

#include <errno.h>

/* The flight has the signature: its message is complete */
static int complete(struct ktls_hs *hs, struct wr_mark *mark)
{
	hs->info.sigalg = hs->scheme->id;
	return hs_close(hs, mark);
}

/* ---- elsewhere --------------------------------------------------------- */

/* One that is wrong may tell the key, and the peer would refuse it anyway */
static int check(struct ktls_hs *hs, struct slice content, struct slice sig)
{
	int err = sig_verify(hs->config->crypto, hs->scheme,
			     cred_public(hs->cred), content, sig);

	return err == -KTLS_E_SIGNATURE ? -KTLS_E_SIGN_BAD : err;
}

static int take(struct ktls_hs *hs, struct slice content, const void *sig,
		ssize_t len)
{
	struct slice s = { sig, (size_t)len };
	int err;

	if (len < 0)
		return -KTLS_E_SIGN_REFUSED;
	if (!len || s.len > hs->wait.sign.max_len)
		return -KTLS_E_SIGN_BAD;
	err = check(hs, content, s);
	wr_opaque(&hs->flight, 2, s);
	return err;
}

/* 0: it is in the flight; KTLS_LATER */
static int ask_hook(struct ktls_hs *hs, struct slice content)
{
	const struct ktls_config *cfg = hs->config;
	size_t size = hs->wait.sign.max_len;
	struct wr sig = { 0 };
	uint8_t *to = wr_reserve(&sig, size);
	ssize_t n = KTLS_LATER;
	int err = KTLS_LATER;

	if (!to)
		return -ENOMEM;
	if (cfg->hooks.sign)
		n = cfg->hooks.sign(cfg->arg, hs, &hs->wait.sign, to, size);
	if (n != KTLS_LATER)
		err = take(hs, content, to, n);
	wr_free(&sig);
	return err;
}

static int sign_elsewhere(struct ktls_hs *hs, struct wr_mark *mark,
			  struct slice content)
{
	struct hs_wait *wait = &hs->wait;
	int err;

	wait->sign = (struct ktls_sign_request){
		.size = sizeof(wait->sign),
		.cred = (size_t)(hs->cred - hs->config->creds),
		.version = hs->info.version,
		.scheme = hs->scheme->id,
		.content = content.p,
		.content_len = content.len,
		.max_len = cred_sig_max(hs->cred),
	};
	err = ask_hook(hs, content);
	if (err != KTLS_LATER) {
		hs_wait_free(wait);
		return err;
	}
	wr_slice(&wait->bytes, content);
	wait->sign.content = wait->bytes.buf;
	wait->mark = *mark;
	return wr_ok(&wait->bytes) ? KTLS_LATER : -ENOMEM;
}

int hs_sign(struct ktls_hs *hs, struct wr_mark mark, struct slice content,
	    hs_step *then)
{
	struct wr *w = &hs->flight;
	int err = 0;

	wr_u16(w, hs->scheme->id);
	if (!hs->cred->key)
		err = sign_elsewhere(hs, &mark, content);
	else
		wr_vec(w, 2)
			err = cred_sign(hs->cred, hs->scheme, content, w);
	if (!err)
		err = complete(hs, &mark);
	return hs_then(hs, err, KTLS_WANT_SIGN, then);
}

/* ---- the application's side -------------------------------------------- */

int ktls_hs_sign_request_size(const struct ktls_hs *hs,
			      struct ktls_sign_request *request, size_t size)
{
	int err = hs_awaited(hs, KTLS_WANT_SIGN);

	if (!err)
		copy_out(request, size, &hs->wait.sign,
			 sizeof(hs->wait.sign));
	return err;
}

int ktls_hs_sign_answer(struct ktls_hs *hs, const void *sig, ssize_t len)
{
	const struct hs_wait *wait = &hs->wait;
	struct slice content = { wait->sign.content, wait->sign.content_len };
	struct wr_mark mark = wait->mark;
	int err = hs_awaited(hs, KTLS_WANT_SIGN);

	if (err)
		return err;
	err = take(hs, content, sig, len);
	if (!err)
		err = complete(hs, &mark);
	return hs_resume(hs, err);
}
