// SPDX-License-Identifier: MIT
/* Keys and authentication of TLS 1.2 (RFC 5246 7.4, 8.1), both roles */
#include <errno.h>

#include "hs.h"
#include "hs_cred.h"
#include "msg12.h"

/* ---- secrets ----------------------------------------------------------- */

static struct slice str(const uint8_t *p, size_t len)
{
	return (struct slice){ p, len };
}

bool hs12_need_ems(const struct ktls_hs *hs)
{
	return hs->config->flags & KTLS_F_NEED_EMS || hs->binding.round;
}

/* 8.1, or RFC 7627 4 with the hash of all up to ClientKeyExchange */
static int main_secret(struct ktls_hs *hs, struct slice premaster)
{
	struct slice client = str(hs->client_random, RANDOM_LEN);
	struct slice server = str(hs->tls12.server_random, RANDOM_LEN);
	struct secret *master = &hs->tls12.master, session;
	int err = transcript_now(&hs->transcript, &session);

	master->len = MAIN_SECRET_LEN;
	if (err)
		return err;
	if (!hs->tls12.ems)
		return prf(hs->config->crypto, hs->suite->hash, premaster,
			   "master secret", client, server, master->b,
			   master->len);
	return prf(hs->config->crypto, hs->suite->hash, premaster,
		   "extended master secret", str(session.b, session.len),
		   str(NULL, 0), master->b, master->len);
}

static int derive_keys(struct ktls_hs *hs)
{
	hs->info.ems = hs->tls12.ems;
	hs_keylog(hs, "CLIENT_RANDOM", &hs->tls12.master);
	return key_block(hs->config->crypto, hs->suite, &hs->tls12.master,
			 str(hs->client_random, RANDOM_LEN),
			 str(hs->tls12.server_random, RANDOM_LEN),
			 &hs->tls12.keys);
}

int hs12_secrets(struct ktls_hs *hs, struct slice premaster)
{
	int err = main_secret(hs, premaster);

	return err ? err : derive_keys(hs);
}

int hs12_resume(struct ktls_hs *hs)
{
	const struct session *s = &hs->session;

	hs->tls12.master = s->secret;
	hs->info.group = s->group;	/* 1.3 has a new one */
	session_tell(s, &hs->info);
	return derive_keys(hs);
}

int hs12_agree(struct ktls_hs *hs, struct kex *kex, struct slice share,
	       struct wr *premaster)
{
	uint8_t padded[KEX_SECRET_MAX] = { 0 };
	size_t want = kex->group->server_len, skip = 0;
	struct kex_secret secret = { 0 };
	int err;

	/* a number may be shorter than the prime, 1.3's form may not */
	if (kex->group->kind == KEX_FFDHE && share.len < want) {
		memcpy(padded + want - share.len, share.p, share.len);
		share = str(padded, want);
	}
	err = kex_finish(kex, hs->config->crypto, share, &secret);
	/*
	 * 8.1.2: leading zeros of a number are left out, and their number shows
	 * in the time of all that follows: of use to nobody, as @kex is for
	 * this handshake alone (the Raccoon attack asks for one again)
	 */
	if (kex->group->kind == KEX_FFDHE)
		while (skip < secret.len && !secret.b[skip])
			skip++;
	if (!err) {
		wr_reset(premaster);
		wr_bytes(premaster, secret.b + skip, secret.len - skip);
		err = wr_ok(premaster) ? 0 : -ENOMEM;
	}
	wipe(&secret, sizeof(secret));
	return err;
}

/* ---- choosing a credential --------------------------------------------- */

bool hs12_scheme_fits(const struct sigscheme *scheme, enum suite_auth auth)
{
	bool rsa = scheme->kind == SIG_RSA_PSS ||
		   scheme->kind == SIG_RSA_PKCS1;

	return auth == AUTH_ANY || rsa == (auth == AUTH_RSA);
}

const struct sigscheme *hs12_common_scheme(const struct ktls_config *cfg,
					   const struct cred *cred,
					   enum suite_auth auth,
					   uint32_t peer)
{
	for (size_t i = 0; i < cfg->sigalgs_len; i++)
		for (size_t j = 0; j < cred->schemes12_len; j++)
			if (cfg->sigalgs[i] == cred->schemes12[j] &&
			    peer & sigscheme_bit(cred->schemes12[j]) &&
			    hs12_scheme_fits(cred->schemes12[j], auth))
				return cred->schemes12[j];
	return NULL;
}

int hs12_cred_score(const struct ktls_hs *hs, const struct cred *cred,
		    const struct exts *peer)
{
	int is = 0;

	if (hs_cred_named(hs, cred))
		is |= CRED_NAMED;
	if (hs_cred_verifiable(cred, peer, true))
		is |= CRED_VERIFIABLE;
	if (cred_trusted_by(cred, peer->trusted_cas))
		is |= CRED_OF_CA;
	return is;
}

static int worth(const struct ktls_hs *hs, const struct cred *cred,
		 const void *arg)
{
	const struct suite_ask *ask = arg;

	return hs12_common_scheme(hs->config, cred, ask->auth,
				  ask->peer->sigalgs_known) &&
	       ecdh_curve_known(cred, ask->peer) ?
	       hs12_cred_score(hs, cred, ask->peer) : -1;
}

bool hs12_choose_cred(struct ktls_hs *hs, const struct suite_ask *ask)
{
	hs->cred = hs_best_cred(hs, worth, ask);
	if (!hs->cred)
		return false;
	hs->scheme = hs12_common_scheme(hs->config, hs->cred, ask->auth,
					ask->peer->sigalgs_known);
	return true;
}

/* ---- Certificate (7.4.2, 7.4.6) ---------------------------------------- */

int hs12_send_certificate(struct ktls_hs *hs)
{
	struct wr *w = &hs->flight;
	struct wr_mark m = hs_open(hs, HT_CERTIFICATE);

	wr_vec(w, 3)
		for (size_t i = 0; hs->cred && i < hs->cred->chain_len; i++)
			wr_opaque(w, 3, str(hs->cred->chain[i].der,
					    hs->cred->chain[i].len));
	return hs_close(hs, &m);
}

int hs12_add_certificate(struct ktls_hs *hs, struct slice der)
{
	return peer_len(&hs->peer) < hs->config->max_chain ?
	       peer_add(&hs->peer, der) : -KTLS_E_CERT_CHAIN;
}

int hs12_verify_peer(struct ktls_hs *hs)
{
	/* RFC 7627 1: who another handshake is with must not change */
	if (peer_len(&hs->binding.peer) &&
	    !peer_same(&hs->peer, &hs->binding.peer))
		return -KTLS_E_PEER_CHANGED;
	return peer_len(&hs->peer) ? hs_verify_chain(hs) : 0;
}

int hs12_take_certificate(struct ktls_hs *hs, struct slice body)
{
	struct chain_seen seen = { 0 };
	struct slice list, rest, der;
	int more = 0, err = parse_certificate12(body, &list);

	rest = list;
	while (!err && (more = parse_certificate12_entry(&rest, &der)) > 0)
		err = chain_see(hs, &seen, der);
	if (!err)
		err = more;
	if (!chain_known(hs, &seen))
		while (!err && parse_certificate12_entry(&list, &der) > 0)
			err = hs12_add_certificate(hs, der);
	return err ? err : hs12_verify_peer(hs);
}

/* ---- signatures (7.4.3, 7.4.8) ----------------------------------------- */

int hs12_signed_params(struct ktls_hs *hs, struct slice params,
		       struct wr *out)
{
	wr_bytes(out, hs->client_random, RANDOM_LEN);
	wr_bytes(out, hs->tls12.server_random, RANDOM_LEN);
	wr_slice(out, params);
	return wr_ok(out) ? 0 : -ENOMEM;
}

int hs12_verify(struct ktls_hs *hs, uint16_t id, struct slice msg,
		struct slice signature)
{
	const struct sigscheme *scheme = hs_offered_scheme(hs, id);
	struct evp_pkey_st *key = peer_key(&hs->peer);
	int err;

	if (!scheme || !key || !sig_fits12(scheme, key))
		return -KTLS_E_SIGALG_CHOICE;
	err = sig_verify(hs->config->crypto, scheme, key, msg, signature);
	if (!err)
		hs->info.peer_sigalg = id;
	return err;
}

struct slice hs12_messages(const struct ktls_hs *hs)
{
	return str(hs->transcript.kept.buf, hs->transcript.kept.len);
}

int hs12_send_certificate_verify(struct ktls_hs *hs, hs_step *then)
{
	return hs_sign(hs, hs_open(hs, HT_CERTIFICATE_VERIFY),
		       hs12_messages(hs), then);
}

int hs12_take_certificate_verify(struct ktls_hs *hs, struct slice body)
{
	struct certificate_verify m;
	int err = parse_certificate_verify(body, &m);

	/* RFC 6066 5: whose it is nobody knows, and nobody is told */
	if (err || hs->server.unobtained)
		return err;
	return hs12_verify(hs, m.scheme, hs12_messages(hs), m.signature);
}

/* ---- ChangeCipherSpec and Finished (7.1, 7.4.9) ------------------------ */

static int verify_data(struct ktls_hs *hs, bool client,
		       uint8_t out[VERIFY_DATA_LEN])
{
	struct secret digest;
	int err = transcript_now(&hs->transcript, &digest);

	return err ? err : verify_data12(hs->config->crypto, hs->suite->hash,
					 &hs->tls12.master, client, &digest,
					 out);
}

int hs12_send_finished(struct ktls_hs *hs)
{
	static const uint8_t ccs[] = { 1 };
	bool client = hs->config->role == KTLS_CLIENT;
	uint8_t mac[VERIFY_DATA_LEN];
	struct wr_mark m;
	int err = hs_flush(hs);

	if (!err)
		err = record_seal(&hs->tx, hs->out_version,
				  CT_CHANGE_CIPHER_SPEC, ccs, sizeof(ccs),
				  &hs->out);
	if (!err)
		err = hs_tx_keys(hs, client ? &hs->tls12.keys.client :
				 &hs->tls12.keys.server);
	if (!err)
		err = verify_data(hs, client, mac);
	if (err)
		return err;
	memcpy(hs->binding.verify + (client ? 0 : sizeof(mac)), mac,
	       sizeof(mac));
	m = hs_open(hs, HT_FINISHED);
	wr_bytes(&hs->flight, mac, sizeof(mac));
	err = hs_close(hs, &m);
	return err ? err : hs_flush(hs);
}

int hs12_take_finished(struct ktls_hs *hs, struct slice body)
{
	bool client = hs->config->role == KTLS_CLIENT;
	uint8_t mac[VERIFY_DATA_LEN];
	int err = verify_data(hs, !client, mac);

	if (err)
		return err;
	if (body.len != sizeof(mac))
		return -KTLS_E_DECODE;
	/* the kernel's count of records begins behind this one */
	if (!hs->msg.last)
		return -KTLS_E_UNALIGNED;
	if (!secret_eq(body.p, mac, sizeof(mac)))
		return -KTLS_E_FINISHED;
	memcpy(hs->binding.verify + (client ? sizeof(mac) : 0), mac,
	       sizeof(mac));
	return 0;
}
