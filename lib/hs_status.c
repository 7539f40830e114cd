// SPDX-License-Identifier: MIT
/*
 * The status of a certificate, sent along with it: status_request (RFC 6066
 * 8, RFC 9846 4.5.1.1), OCSP alone, of the end entity's certificate.
 */
#include "hs.h"

#include <errno.h>
#include <time.h>

/* What a hook may return at most */
#define OCSP_MAX	16384

/* ---- who asks ---------------------------------------------------------- */

bool status_wanted(const struct ktls_hs *hs)
{
	return hs->config->flags & (KTLS_F_STATUS | KTLS_F_NEED_STATUS);
}

int status_take(struct ktls_hs *hs, struct slice response)
{
	return peer_status(&hs->peer, hs->config->trust, response,
			   &hs->info.peer_status, hs_text(hs));
}

/* RFC 7633 4.3.2: the certificate may demand it as well */
int status_require(struct ktls_hs *hs)
{
	bool need = hs->config->flags & KTLS_F_NEED_STATUS;

	if (!status_wanted(hs) || hs->info.peer_status == KTLS_STATUS_GOOD)
		return 0;
	if (need && hs->info.peer_status == KTLS_STATUS_UNKNOWN) {
		text_set(hs_text(hs), "status of the certificate is unknown");
		return -KTLS_E_STATUS_BAD;
	}
	if (hs->info.peer_status == KTLS_STATUS_NONE &&
	    (need || peer_must_staple(&hs->peer)))
		return -KTLS_E_STATUS_MISSING;
	return 0;
}

/* ---- who is asked ------------------------------------------------------ */

static int ask_hook(struct ktls_hs *hs)
{
	const struct ktls_config *cfg = hs->config;
	uint8_t *to = wr_reserve(&hs->status, OCSP_MAX);
	ssize_t n;

	if (!to)
		return -ENOMEM;
	n = cfg->hooks.ocsp(cfg->arg, (size_t)(hs->cred - cfg->creds), to,
			    OCSP_MAX);
	/* without one the certificate goes alone: the peer decides */
	if (n > 0 && n <= OCSP_MAX)
		hs->status.len = (size_t)n;
	return 0;
}

int status_fetch(struct ktls_hs *hs, const struct exts *asked)
{
	const struct cred *cred = hs->cred;

	/* in a hello it says of which kind, in a CertificateRequest nothing */
	if (!cred || cred->raw || !ext_has(asked, EXT_STATUS_REQUEST) ||
	    (hs->config->role == KTLS_SERVER &&
	     asked->status_type != STATUS_OCSP))
		return 0;
	if (hs->config->hooks.ocsp)
		return ask_hook(hs);
	/* an outdated one would only be refused */
	if (!cred->ocsp_until || time(NULL) < cred->ocsp_until)
		wr_bytes(&hs->status, cred->ocsp.buf, cred->ocsp.len);
	return wr_ok(&hs->status) ? 0 : -ENOMEM;
}

/* In 1.2 it is a message of its own */
int status_send(struct ktls_hs *hs)
{
	struct wr_mark mark;

	if (!hs->status.len)
		return 0;
	mark = hs_open(hs, HT_CERTIFICATE_STATUS);
	wr_status(&hs->flight, wr_content(&hs->status));
	return hs_close(hs, &mark);
}
