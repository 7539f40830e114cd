// SPDX-License-Identifier: MIT
/*
 * Which kind of certificate each end sends: X.509, or a raw public key (RFC
 * 7250, RFC 9846 4.5.1); TLS 1.3 alone.
 */
#include "hs.h"
#include "hs_cert.h"

#include <errno.h>

static const uint8_t raw_then_x509[] = { CERT_RAW, CERT_X509, CERT_RAW };
#define X509_ONLY	((struct slice){ raw_then_x509 + 1, 1 })
#define RAW_ONLY	((struct slice){ raw_then_x509, 1 })
#define RAW_FIRST	((struct slice){ raw_then_x509, 2 })
#define X509_FIRST	((struct slice){ raw_then_x509 + 1, 2 })

static bool has_type(struct slice list, uint8_t type)
{
	return list.len && memchr(list.p, type, list.len);
}

/* ---- what a config has ------------------------------------------------- */

/* Best first: a key that was named is the more definite trust */
static struct slice types_taken(const struct ktls_config *cfg)
{
	if (!cfg->raw_trust)
		return X509_ONLY;
	return cfg->flags & KTLS_F_RAW_KEYS_ONLY ? RAW_ONLY : RAW_FIRST;
}

/* In the order of the credentials */
static struct slice types_given(const struct ktls_config *cfg)
{
	bool raw = false, x509 = false;

	for (size_t i = 0; i < cfg->creds_len; i++) {
		raw |= cfg->creds[i].raw;
		x509 |= !cfg->creds[i].raw;
	}
	if (!raw)
		return X509_ONLY;
	if (!x509)
		return RAW_ONLY;
	return cfg->creds[0].raw ? RAW_FIRST : X509_FIRST;
}

/* ---- client ------------------------------------------------------------ */

/* RFC 7250 4.1: X.509 alone is not worth an extension */
void cert_type_offer(const struct ktls_hs *hs, struct exts *e)
{
	e->server_types = types_taken(hs->config);
	if (has_type(e->server_types, CERT_RAW))
		e->set |= EXT_BIT(EXT_SERVER_CERTIFICATE_TYPE);
	e->client_types = types_given(hs->config);
	if (has_type(e->client_types, CERT_RAW))
		e->set |= EXT_BIT(EXT_CLIENT_CERTIFICATE_TYPE);
}

static int take_choice(struct slice chosen, struct slice offered,
		       uint8_t *type)
{
	*type = chosen.len ? chosen.p[0] : CERT_X509;
	return !chosen.len || has_type(offered, *type) ? 0 :
	       -KTLS_E_CERT_TYPE_CHOICE;
}

int cert_type_take(struct ktls_hs *hs, const struct exts *e)
{
	struct hs_certs *c = &hs->certs;
	int err = take_choice(e->server_types, types_taken(hs->config),
			      &c->theirs);

	if (!err)
		err = take_choice(e->client_types, types_given(hs->config),
				  &c->ours);
	/* in 1.2 keys of ours are not offered, and none is taken */
	if (!err && hs->info.version < KTLS_TLS13 && (c->theirs || c->ours))
		err = -KTLS_E_CERT_TYPE_CHOICE;
	return err;
}

/* ---- server (RFC 7250 4.2) --------------------------------------------- */

static struct slice asked(const struct exts *ch, enum ext_id id,
			  struct slice list)
{
	return ext_has(ch, id) ? list : X509_ONLY;
}

/* The first of the client's types for which there is a credential that fits */
int cert_type_choose_cred(struct ktls_hs *hs, const struct exts *ch)
{
	struct slice given = types_given(hs->config);
	struct slice list = asked(ch, EXT_SERVER_CERTIFICATE_TYPE,
				  ch->server_types);
	bool common = false;

	for (size_t i = 0; i < list.len; i++) {
		if (!has_type(given, list.p[i]))
			continue;
		common = true;
		hs->certs.ours = list.p[i];
		if (hs_choose_cred(hs, ch))
			return 0;
	}
	return common ? -KTLS_E_NO_SIGALG : -KTLS_E_CERT_TYPE;
}

/*
 * Of what it shows now or later.  A client that has to have one now and has
 * none of a kind that we take fails.
 */
int cert_type_choose_peer(struct ktls_hs *hs, const struct exts *ch)
{
	const struct ktls_config *cfg = hs->config;
	struct slice taken = types_taken(cfg);
	struct slice list = asked(ch, EXT_CLIENT_CERTIFICATE_TYPE,
				  ch->client_types);

	hs->certs.unasked = true;
	if (cfg->verify == KTLS_VERIFY_NONE)
		return 0;
	for (size_t i = 0; i < list.len && hs->certs.unasked; i++) {
		if (!has_type(taken, list.p[i]))
			continue;
		hs->certs.theirs = list.p[i];
		hs->certs.unasked = false;
	}
	return hs->certs.unasked && cfg->verify == KTLS_VERIFY_REQUIRE &&
	       server_asks(hs) && !hs->psk.chosen ? -KTLS_E_CERT_TYPE : 0;
}

void cert_type_answer(const struct ktls_hs *hs, const struct exts *ch,
		      struct exts *e)
{
	if (hs->cred && ext_has(ch, EXT_SERVER_CERTIFICATE_TYPE)) {
		e->server_types = (struct slice){ &hs->certs.ours, 1 };
		e->set |= EXT_BIT(EXT_SERVER_CERTIFICATE_TYPE);
	}
	/* RFC 7250 4.2: not to who is never asked */
	if ((server13_asks(hs) || hs_post_auth(hs)) &&
	    ext_has(ch, EXT_CLIENT_CERTIFICATE_TYPE)) {
		e->client_types = (struct slice){ &hs->certs.theirs, 1 };
		e->set |= EXT_BIT(EXT_CLIENT_CERTIFICATE_TYPE);
	}
}

/* ---- the peer's key ---------------------------------------------------- */

int cert_type_take_raw(struct ktls_hs *hs, struct slice list, uint64_t asked_for)
{
	struct slice spki;
	struct exts exts;
	int more = parse_certificate_entry(&list, asked_for, &spki, &exts);
	int err;

	if (more <= 0)
		return more;
	if (list.len) {		/* 9846 4.5.1 */
		text_set(hs_text(hs), "a raw public key does not come alone");
		return -KTLS_E_CERT_CHAIN;
	}
	err = peer_add_raw(&hs->peer, spki);
	if (err)
		return err;
	hs->info.peer_raw_key = 1;
	peer_subject(&hs->peer, hs->info.peer_subject,
		     sizeof(hs->info.peer_subject));
	err = peer_verify_raw(&hs->peer, hs->config->raw_trust, hs_text(hs));
	hs->info.peer_verified = !err;
	return err ? err : status_require(hs);
}
