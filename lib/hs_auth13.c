// SPDX-License-Identifier: MIT
/* Keys and the authentication block of TLS 1.3 (RFC 9846 4.5), both roles */
#include "hs.h"

#include <errno.h>

#include "hs_cred.h"

/* ---- keys (7.1) -------------------------------------------------------- */

int hs_handshake_secrets(struct ktls_hs *hs, const struct kex_secret *kex)
{
	const struct secret *psk = &hs->psk.key;
	int err = sched_begin(&hs->sched, hs->config->crypto, hs->suite->hash,
			      secret_slice(psk));

	if (!err)
		err = sched_mix(&hs->sched, (struct slice){ kex->b, kex->len });
	if (!err)
		err = hs_derive(hs, "c hs traffic",
				"CLIENT_HANDSHAKE_TRAFFIC_SECRET",
				&hs->client_hs);
	if (!err)
		err = hs_derive(hs, "s hs traffic",
				"SERVER_HANDSHAKE_TRAFFIC_SECRET",
				&hs->server_hs);
	return err;
}

int hs_main_secrets(struct ktls_hs *hs)
{
	int err = sched_mix(&hs->sched, (struct slice){ NULL, 0 });

	if (!err)
		err = hs_derive(hs, "c ap traffic", "CLIENT_TRAFFIC_SECRET_0",
				&hs->client_app);
	if (!err)
		err = hs_derive(hs, "s ap traffic", "SERVER_TRAFFIC_SECRET_0",
				&hs->server_app);
	if (!err)
		err = hs_derive(hs, "exp master", "EXPORTER_SECRET",
				&hs->exporter);
	return err;
}

int hs_resumption_secret(struct ktls_hs *hs)
{
	return session13_tickets(hs->config) ?
	       hs_derive(hs, "res master", NULL, &hs->resumption) : 0;
}

/* ---- authentication of the client afterwards (4.7.2) ------------------- */

bool hs_post_auth(const struct ktls_hs *hs)
{
	/* 4.4.2: not with an external PSK */
	return hs->suite->version == KTLS_TLS13 && !hs->psk.ext &&
	       hs->config->flags & KTLS_F_POST_HANDSHAKE_AUTH &&
	       (hs->config->role == KTLS_CLIENT ||
		(hs->server.post_auth && !hs->certs.unasked));
}

/* ---- choosing a credential (4.5.1.2) ----------------------------------- */

/* Self-signed ones stand for themselves, whatever they are signed with */
bool hs_cred_verifiable(const struct cred *cred, const struct exts *peer,
			bool tls12)
{
	uint32_t sigalgs = ext_has(peer, EXT_SIGNATURE_ALGORITHMS_CERT) ?
			   peer->sigalgs_cert_known : peer->sigalgs_known;

	for (size_t i = 0; i < cred->chain_len; i++) {
		const struct cert *c = &cred->chain[i];
		const struct sigscheme *s = tls12 ? c->signed_with12 :
						    c->signed_with;

		if (!c->self_signed && (!s || !(sigalgs & sigscheme_bit(s))))
			return false;
	}
	return true;
}

/* 4.5.1.2: the name counts most, then a MUST, then a SHOULD */
int hs_cred_score(const struct cred *cred, const struct exts *peer, bool tls12)
{
	return 2 * hs_cred_verifiable(cred, peer, tls12) +
	       cred_issued_by(cred, peer->authorities);
}

static int worth(const struct ktls_hs *hs, const struct cred *cred,
		 const void *arg)
{
	const struct exts *peer = arg;

	if (cred->raw != (hs->certs.ours == CERT_RAW) ||
	    !config_scheme(hs->config, cred, peer->sigalgs_known))
		return -1;
	return 4 * hs_cred_named(hs, cred) + hs_cred_score(cred, peer, false);
}

bool hs_choose_cred(struct ktls_hs *hs, const struct exts *peer)
{
	hs->cred = hs_best_cred(hs, worth, peer);
	if (!hs->cred)
		return false;
	hs->scheme = config_scheme(hs->config, hs->cred, peer->sigalgs_known);
	return true;
}

/* ---- Certificate (4.5.1) ----------------------------------------------- */

int hs_send_certificate(struct ktls_hs *hs, struct slice context)
{
	int sent = compress_send(hs, context);
	struct exts answer = { 0 };
	struct wr_mark m;

	if (sent)
		return sent < 0 ? sent : 0;
	sct_answer(hs, &answer);
	m = hs_open(hs, HT_CERTIFICATE);
	cred_write(&hs->flight, context, hs->cred, wr_content(&hs->status),
		   answer.sct);
	return hs_close(hs, &m);
}

static int parse_chain(struct ktls_hs *hs, struct slice list, uint64_t asked)
{
	struct slice der;
	struct exts exts;
	int err = 0;

	while (!err && parse_certificate_entry(&list, asked, &der, &exts) > 0)
		err = peer_add(&hs->peer, der);
	return err;
}

/* Its certificates are parsed once it is seen that they are not known */
static int take_chain(struct ktls_hs *hs, struct slice list, uint64_t asked,
		      struct slice *status)
{
	struct chain_seen seen = { 0 };
	struct slice der, rest = list;
	struct exts exts;
	int more, err = 0;

	while (!err && (more = parse_certificate_entry(&rest, asked, &der,
						       &exts)) > 0) {
		err = chain_see(hs, &seen, der);
		if (err || seen.count > 1)
			continue;
		*status = exts.status;
		err = sct_take(hs, exts.sct);
	}
	if (!err)
		err = more;
	if (!chain_known(hs, &seen) && !err)
		err = parse_chain(hs, list, asked);
	return err;
}

int hs_take_certificate(struct ktls_hs *hs, struct slice body,
			struct slice context, uint64_t asked)
{
	struct slice status = { NULL, 0 };
	struct certificate m;
	int err = parse_certificate(body, &m);

	if (err)
		return err;
	if (!slice_eq(m.context, context))
		return -KTLS_E_CERT_CONTEXT;
	if (hs->certs.theirs == CERT_RAW)
		return cert_type_take_raw(hs, m.list, asked);
	if (m.list.len && hs->config->flags & KTLS_F_RAW_KEYS_ONLY)
		return -KTLS_E_CERT_TYPE;
	err = take_chain(hs, m.list, asked, &status);
	if (err || !peer_len(&hs->peer))
		return err;
	err = hs_verify_chain(hs);
	if (!err && status.len)
		err = status_take(hs, status);
	return err ? err : status_require(hs);
}

/* ---- CertificateVerify (4.5.2) ----------------------------------------- */

#define SIGNED_PAD	64
#define SIGNED_CONTEXT	34	/* with its terminating zero, which is sent */

struct signed_content {
	uint8_t pad[SIGNED_PAD];
	char context[SIGNED_CONTEXT];
	uint8_t digest[HASH_MAX];
};

static int signed_content(const struct ktls_hs *hs, enum ktls_role signer,
			  struct signed_content *c, struct slice *out)
{
	struct secret digest = { 0 };
	int err = transcript_now(&hs->transcript, &digest);

	memset(c->pad, ' ', sizeof(c->pad));
	memcpy(c->context, signer == KTLS_SERVER ?
	       "TLS 1.3, server CertificateVerify" :
	       "TLS 1.3, client CertificateVerify", sizeof(c->context));
	memcpy(c->digest, digest.b, digest.len);
	*out = (struct slice){ c->pad, SIGNED_PAD + SIGNED_CONTEXT +
			       digest.len };
	return err;
}

int hs_send_certificate_verify(struct ktls_hs *hs, hs_step *then)
{
	struct signed_content content;
	struct slice msg;
	int err = signed_content(hs, hs->config->role, &content, &msg);

	return err ? err : hs_sign(hs, hs_open(hs, HT_CERTIFICATE_VERIFY), msg,
				   then);
}

const struct sigscheme *hs_offered_scheme(const struct ktls_hs *hs,
					  uint16_t id)
{
	const struct ktls_config *cfg = hs->config;

	for (size_t i = 0; i < cfg->sigalgs_len; i++)
		if (cfg->sigalgs[i]->id == id)
			return cfg->sigalgs[i];
	return NULL;
}

int hs_take_certificate_verify(struct ktls_hs *hs, struct slice body)
{
	enum ktls_role peer = hs->config->role == KTLS_CLIENT ?
			      KTLS_SERVER : KTLS_CLIENT;
	struct evp_pkey_st *key = peer_key(&hs->peer);
	const struct sigscheme *scheme;
	struct signed_content content;
	struct certificate_verify m;
	struct slice msg;
	int err = parse_certificate_verify(body, &m);

	if (err)
		return err;
	scheme = hs_offered_scheme(hs, m.scheme);
	if (!scheme || !scheme->tls13 || !key || !sig_fits(scheme, key))
		return -KTLS_E_SIGALG_CHOICE;
	err = signed_content(hs, peer, &content, &msg);
	if (!err)
		err = sig_verify(hs->config->crypto, scheme, key, msg,
				 m.signature);
	if (!err)
		hs->info.peer_sigalg = scheme->id;
	return err;
}

/* ---- Finished (4.5.3) -------------------------------------------------- */

static int verify_data(const struct ktls_hs *hs, enum ktls_role sender,
		       struct secret *out)
{
	const struct secret *base = sender == KTLS_SERVER ? &hs->server_hs :
				    &hs->client_hs;
	struct secret digest;
	int err = transcript_now(&hs->transcript, &digest);

	return err ? err : finished_mac(hs->config->crypto, hs->suite->hash,
					base, &digest, out);
}

int hs_send_finished(struct ktls_hs *hs)
{
	struct secret mac;
	int err = verify_data(hs, hs->config->role, &mac);
	struct wr_mark m;

	if (err)
		return err;
	m = hs_open(hs, HT_FINISHED);
	wr_bytes(&hs->flight, mac.b, mac.len);
	return hs_close(hs, &m);
}

int hs_take_finished(struct ktls_hs *hs, struct slice body)
{
	enum ktls_role peer = hs->config->role == KTLS_CLIENT ?
			      KTLS_SERVER : KTLS_CLIENT;
	struct secret mac;
	int err = verify_data(hs, peer, &mac);

	if (err)
		return err;
	if (body.len != mac.len)
		return -KTLS_E_DECODE;
	return secret_eq(body.p, mac.b, mac.len) ? 0 : -KTLS_E_FINISHED;
}
