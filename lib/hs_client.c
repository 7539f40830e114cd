// SPDX-License-Identifier: MIT
/* The client, in either version: its hello, and what both take alike */
#include "hs.h"

#include <errno.h>
#include <stdio.h>

/* ---- ClientHello ------------------------------------------------------- */

int client_add_share(struct ktls_hs *hs, struct kex *kex,
		     const struct group *group)
{
	struct wr *w = &hs->client.shares;
	int err = 0;

	wr_u16(w, group->id);
	wr_vec(w, 2)
		err = kex_begin(kex, hs->config->crypto, group, w);
	if (!err && !wr_ok(w))
		err = -ENOMEM;
	return err;
}

/*
 * A share for the group we like best; and where that is a hybrid, which many
 * servers still lack, one for the best classical group too.
 */
static int make_shares(struct ktls_hs *hs)
{
	const struct ktls_config *cfg = hs->config;
	struct hs_client *c = &hs->client;
	int err;

	if (hs_max_version(hs) < KTLS_TLS13)
		return 0;
	grease_share(hs, &c->shares);
	err = client_add_share(hs, &c->kex[0], cfg->groups[0]);
	if (cfg->groups[0]->kind != KEX_KEM)
		return err;
	for (size_t i = 1; i < cfg->groups_len && !err; i++)
		if (cfg->groups[i]->kind != KEX_KEM)
			return client_add_share(hs, &c->kex[1], cfg->groups[i]);
	return err;
}

static void client_exts(const struct ktls_hs *hs, struct exts *e)
{
	static const uint8_t uncompressed[] = { 0 };
	const struct ktls_config *cfg = hs->config;
	const struct hs_client *c = &hs->client;

	*e = (struct exts){
		.set = EXT_BIT(EXT_SUPPORTED_GROUPS) |
		       EXT_BIT(EXT_SIGNATURE_ALGORITHMS),
		.point_formats = { uncompressed, 1 },
		/* RFC 5746 3.5: what we sent last; at first nothing */
		.renegotiated = { hs->binding.verify, hs->binding.round ?
				  VERIFY_DATA_LEN : 0 },
		.server_name = slice_str(hs->info.server_name),
		.groups = cfg->groups_wire,
		.sigalgs = cfg->sigalgs_wire,
		.sigalgs_cert = cfg->sigalgs_cert_wire,
		.versions = cfg->versions_wire,
		.alpn = cfg->alpn_wire,
		.session_ticket = wr_content(&c->ticket),
		.cookie = wr_content(&c->cookie),
		.shares = wr_content(&c->shares),
	};
	if (hs_max_version(hs) >= KTLS_TLS13)
		e->set |= EXT_BIT(EXT_SUPPORTED_VERSIONS) |
			  EXT_BIT(EXT_KEY_SHARE);
	if (hs_max_version(hs) >= KTLS_TLS13 &&
	    cfg->flags & KTLS_F_POST_HANDSHAKE_AUTH)
		e->set |= EXT_BIT(EXT_POST_HANDSHAKE_AUTH);
	if (cfg->min_version <= KTLS_TLS12)
		e->set |= EXT_BIT(EXT_EC_POINT_FORMATS) |
			  EXT_BIT(EXT_EXTENDED_MAIN_SECRET) |
			  EXT_BIT(EXT_RENEGOTIATION_INFO);
	if (cfg->min_version <= KTLS_TLS12 && session_tickets(cfg))
		e->set |= EXT_BIT(EXT_SESSION_TICKET);
	if (e->server_name.len)
		e->set |= EXT_BIT(EXT_SERVER_NAME);
	if (e->alpn.len)
		e->set |= EXT_BIT(EXT_ALPN);
	if (e->cookie.len)
		e->set |= EXT_BIT(EXT_COOKIE);
	/* RFC 6066 6: in 1.3 it has no meaning (9846 4.3.4) */
	e->trusted_cas = wr_content(&cfg->authorities);
	if (e->trusted_cas.len && cfg->min_version <= KTLS_TLS12)
		e->set |= EXT_BIT(EXT_TRUSTED_CA_KEYS);
	if (e->sigalgs_cert.len)
		e->set |= EXT_BIT(EXT_SIGNATURE_ALGORITHMS_CERT);
	limit_offer(hs, e);
	cert_url_offer(hs, e);
	if (hs_max_version(hs) >= KTLS_TLS13) {
		compress_offer(hs, e);
		cert_type_offer(hs, e);
	}
	if (sct_wanted(hs))
		e->set |= EXT_BIT(EXT_SCT);
	if (status_wanted(hs))
		e->set |= EXT_BIT(EXT_STATUS_REQUEST);
}

/* Kept as sent: the hash that it enters is the server's choice */
int client_send_hello(struct ktls_hs *hs)
{
	static const uint8_t no_compression[] = { 0 };
	struct hs_client *c = &hs->client;
	struct client_hello m = {
		.version = KTLS_TLS12,
		.random = { hs->client_random, RANDOM_LEN },
		.session_id = { hs->session_id, hs->session_id_len },
		.suites = hs->config->suites_wire,
		.compression = { no_compression, 1 },
	};
	int err;

	client_exts(hs, &m.exts);
	err = psk_offer(hs, &m.exts);
	if (!err)
		err = hs_supp_offer(hs, &m.exts);
	if (!err)
		err = grease_hello(hs, &m);
	if (err)
		return err;
	c->asked = m.exts.set;
	wr_reset(&c->hello);
	wr_u8(&c->hello, HT_CLIENT_HELLO);
	wr_vec(&c->hello, 3)
		write_client_hello(&c->hello, &m);
	if (!wr_ok(&c->hello))
		return -ENOMEM;
	err = psk_bind(hs);
	if (err)
		return err;
	wr_bytes(&hs->flight, c->hello.buf, c->hello.len);
	return hs_flush(hs);
}

int client_start(struct ktls_hs *hs)
{
	int err = hs_nonce(hs, hs->client_random, RANDOM_LEN);

	/*
	 * With a ticket the id is made up, to see whether it is taken.  Who
	 * renegotiates wants all of it anew.
	 */
	if (!hs->binding.round)
		psk_find(hs);
	hs->client.session_offered = !hs->binding.round &&
				     !hs->client.psks_len && session_find(hs);
	if (hs->session.id_len) {
		hs->session_id_len = hs->session.id_len;
		memcpy(hs->session_id, hs->session.id, hs->session.id_len);
	} else if (!err && (hs->client.session_offered ||
			    (!(hs->config->flags & KTLS_F_NO_COMPAT) &&
			     hs_max_version(hs) >= KTLS_TLS13))) {
		hs->session_id_len = SESSION_ID_MAX;
		err = hs_nonce(hs, hs->session_id, SESSION_ID_MAX);
	}
	if (!err)
		err = grease_start(hs);
	if (!err)
		err = make_shares(hs);
	/* 5.1: an initial hello's record SHOULD say 0x0301, others 0x0303 */
	hs->out_version = hs->binding.round ? KTLS_TLS12 : 0x0301;
	if (!err)
		err = client_send_hello(hs);
	hs->out_version = KTLS_TLS12;
	if (!err)
		err = early_begin(hs);
	return err;
}

/* ---- ServerHello ------------------------------------------------------- */

/* 4.2.3: a server that could have done 1.3 says so when it does not */
static bool downgraded(struct slice random)
{
	static const uint8_t sentinel[7] = "DOWNGRD";
	const uint8_t *tail = random.p + RANDOM_LEN - 8;

	return !memcmp(tail, sentinel, sizeof(sentinel)) && tail[7] <= 1;
}

static int check_version(const struct ktls_hs *hs,
			 const struct server_hello *m)
{
	const struct ktls_config *cfg = hs->config;
	bool listed = m->where != IN_SH12;
	uint16_t max = hs_max_version(hs);

	/* 4.2.3: in 1.2 there is no way to 1.3 */
	if (listed && hs->binding.round)
		return -KTLS_E_VERSION;
	if (listed && (m->selected != KTLS_TLS13 || max < KTLS_TLS13))
		return -KTLS_E_VERSION_CHOICE;
	if (!listed && max >= KTLS_TLS13 &&
	    downgraded(m->random))
		return -KTLS_E_DOWNGRADE;
	if (m->version != KTLS_TLS12 ||
	    (!listed && cfg->min_version > KTLS_TLS12))
		return -KTLS_E_VERSION;
	return 0;
}

int client_take_suite(struct ktls_hs *hs, uint16_t id, uint16_t version)
{
	const struct suite *suite = suite_find(id);

	if (!suite || !u16s_have(hs->config->suites_wire, id) ||
	    suite->version != version)
		return -KTLS_E_SUITE_CHOICE;
	if (hs->suite && hs->suite != suite)
		return -KTLS_E_SUITE_CHOICE;	/* not the retry's */
	hs->suite = suite;
	hs->info.suite = id;
	hs->info.version = suite->version;
	return 0;
}

/* The hash is known now: begin with the hello that was sent */
int client_begin_transcript(struct ktls_hs *hs)
{
	struct slice hello = wr_content(&hs->client.hello);
	int err = transcript_begin(&hs->transcript, hs->config->crypto,
				   hs->suite->hash);

	return err ? err : transcript_add(&hs->transcript, hello);
}

static int c_server_hello(struct ktls_hs *hs, struct slice body)
{
	struct server_hello m;
	int err = parse_server_hello(body, &m);

	if (!err && m.where == IN_HRR && hs->state == C_SH2)
		return -KTLS_E_UNEXPECTED;
	if (!err)
		err = check_version(hs, &m);
	if (err)
		return err;
	if (m.where != IN_SH12)
		return client13_server_hello(hs, &m);
	/* D.3: it would take what was sent for something else */
	if (hs->early.offered)
		return -KTLS_E_VERSION;
	psk_forget(hs);
	/* 4.2.3: what was retried stays 1.3 */
	return hs->state == C_SH2 ? -KTLS_E_VERSION_CHOICE :
				    client12_server_hello(hs, &m);
}

int client_take_alpn(struct ktls_hs *hs, struct slice list)
{
	bool bad = false;
	struct rd ours = rd_init(hs->config->alpn_wire.p,
				 hs->config->alpn_wire.len, &bad);
	struct slice chosen = { list.p + 1, list.len - 1 };

	while (rd_more(&ours)) {
		if (!slice_eq(rd_opaque(&ours, 1), chosen))
			continue;
		memcpy(hs->info.alpn, chosen.p, chosen.len);
		hs->info.alpn[chosen.len] = 0;
		return 0;
	}
	return -KTLS_E_ALPN_CHOICE;
}

/* ---- states (RFC 9846 appendix A.1, RFC 5246 7.3) ---------------------- */

const struct hs_rule client_rules[] = {
	{ C_SH, HT_SERVER_HELLO, HASH_SELF, c_server_hello,
	  ST(C_SH2) | ST(C_EE) | ST(C12_SUPP) | ST(C12_CERT) |
	  ST(C12_NST) | ST(C12_CCS) },
	{ C_SH2, HT_SERVER_HELLO, HASH_SELF, c_server_hello, ST(C_EE) },
	{ C_EE, HT_ENCRYPTED_EXTENSIONS, HASH_AFTER, c13_encrypted_extensions,
	  ST(C_CERT_CR) | ST(C_FIN) },
	{ C_CERT_CR, HT_CERTIFICATE_REQUEST, HASH_AFTER,
	  c13_certificate_request, ST(C_CERT) },
	{ C_CERT_CR, HT_CERTIFICATE, HASH_AFTER, c13_certificate, ST(C_CV) },
	{ C_CERT_CR, HT_COMPRESSED_CERTIFICATE, HASH_AFTER,
	  c13_compressed_certificate, ST(C_CV) },
	{ C_CERT, HT_CERTIFICATE, HASH_AFTER, c13_certificate, ST(C_CV) },
	{ C_CERT, HT_COMPRESSED_CERTIFICATE, HASH_AFTER,
	  c13_compressed_certificate, ST(C_CV) },
	{ C_CV, HT_CERTIFICATE_VERIFY, HASH_AFTER, c13_certificate_verify,
	  ST(C_FIN) },
	{ C_FIN, HT_FINISHED, HASH_SELF, c13_finished, ST(HS_DONE) },

	{ C12_SUPP, HT_SUPPLEMENTAL_DATA, HASH_AFTER, c12_supplemental_data,
	  ST(C12_CERT) },
	{ C12_SUPP, HT_CERTIFICATE, HASH_AFTER, c12_certificate,
	  ST(C12_STATUS) | ST(C12_STATUS_ECDH) | ST(C12_SKE) |
	  ST(C12_CR_DONE) },
	{ C12_CERT, HT_CERTIFICATE, HASH_AFTER, c12_certificate,
	  ST(C12_STATUS) | ST(C12_STATUS_ECDH) | ST(C12_SKE) |
	  ST(C12_CR_DONE) },
	{ C12_STATUS, HT_CERTIFICATE_STATUS, HASH_AFTER,
	  c12_certificate_status, ST(C12_SKE) },
	{ C12_STATUS, HT_SERVER_KEY_EXCHANGE, HASH_AFTER,
	  c12_server_key_exchange, ST(C12_CR_DONE) },
	{ C12_STATUS_ECDH, HT_CERTIFICATE_STATUS, HASH_AFTER,
	  c12_certificate_status, ST(C12_CR_DONE) },
	{ C12_STATUS_ECDH, HT_CERTIFICATE_REQUEST, HASH_AFTER,
	  c12_certificate_request, ST(C12_DONE) },
	{ C12_STATUS_ECDH, HT_SERVER_HELLO_DONE, HASH_SELF,
	  c12_server_hello_done, ST(C12_NST) | ST(C12_CCS) },
	{ C12_SKE, HT_SERVER_KEY_EXCHANGE, HASH_AFTER,
	  c12_server_key_exchange, ST(C12_CR_DONE) },
	{ C12_CR_DONE, HT_CERTIFICATE_REQUEST, HASH_AFTER,
	  c12_certificate_request, ST(C12_DONE) },
	{ C12_CR_DONE, HT_SERVER_HELLO_DONE, HASH_SELF,
	  c12_server_hello_done, ST(C12_NST) | ST(C12_CCS) },
	{ C12_DONE, HT_SERVER_HELLO_DONE, HASH_SELF, c12_server_hello_done,
	  ST(C12_NST) | ST(C12_CCS) },
	{ C12_NST, HT_NEW_SESSION_TICKET, HASH_AFTER, c12_new_session_ticket,
	  ST(C12_CCS) },
	{ C12_CCS, HT_CCS, HASH_SELF, c12_change_cipher_spec, ST(C12_FIN) },
	{ C12_FIN, HT_FINISHED, HASH_SELF, c12_finished, ST(HS_DONE) },
};

const size_t client_rules_len = sizeof(client_rules) / sizeof(*client_rules);
