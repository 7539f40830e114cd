// SPDX-License-Identifier: GPL-2.0-only
/*
 * The peer's certificates (cert), and what an operator gives as certificates,
 * keys and other options (config).
 */
#include <stdlib.h>

#include "../../lib/config.h"
#include "../../lib/x509.h"
#include "../harness.h"
#include "../peer.h"
#include "../ocsp_lib.h"
#include "fuzz_way.h"

/* ---- the peer's: a chain of DER, each behind two bytes of length ------- */

static const struct trust *trust(void)
{
	static struct trust *t;
	char why[256] = "";

	if (!t)
		ASSERT_OK(trust_new(&t, pki("ca"), NULL, NULL,
				    (struct text){ why, sizeof(why) }));
	return t;
}

static void ask_all(struct peer_chain *peer, struct slice response)
{
	static const char schemes[] = "\4\3\10\4";
	char why[256] = "", subject[64];
	const struct text text = { why, sizeof(why) };
	struct wr w = { 0 };
	uint8_t status;

	(void)!peer_can(peer, CERT_SIGNS, text);
	(void)!peer_can(peer, CERT_AGREES, text);
	peer_subject(peer, subject, sizeof(subject));
	ASSERT_LT(strnlen(subject, sizeof(subject)), sizeof(subject));
	(void)peer_key(peer);
	(void)peer_public(peer);
	(void)peer_signed_by(peer);
	(void)peer_must_staple(peer);
	ASSERT_TRUE(peer_same(peer, peer));
	(void)!peer_der(peer, 0, &w);
	if (!peer_verify(peer, trust(), KTLS_SERVER, "localhost", text)) {
		(void)!peer_signed_with(peer, slice_str(schemes), true, text);
		(void)!peer_status(peer, trust(), response, &status, text);
		(void)!peer_issuer_der(peer, &w);
		(void)peer_until(peer);
	}
	ASSERT_LT(strnlen(why, sizeof(why)), sizeof(why));
	wr_free(&w);
}

void fuzz_cert(const uint8_t *p, size_t len)
{
	struct input in = { p, p + len };
	struct peer_chain peer = { 0 };
	struct slice response = in_bytes(&in, in_uint(&in, 2));

	while (in_more(&in) && peer_len(&peer) < 4)
		if (peer_add(&peer, in_bytes(&in, in_uint(&in, 2))))
			break;
	if (peer_len(&peer))
		ask_all(&peer, response);
	peer_free(&peer);
	/* ... or a raw key */
	peer = (struct peer_chain){ 0 };
	if (!peer_add_raw(&peer, (struct slice){ p, len }))
		(void)peer_key(&peer);
	peer_free(&peer);
}

static const char *const pki_names[] = {
	"p256", "p384", "ed25519", "rsa2048", "rsapss", "client", "expired",
	"othername", "chain", "rsaleaf", "ecdh256", "compressed", "staple",
	"selfsigned", "sha1", "rsaagree",
};

#define PKI_NAMES	(sizeof(pki_names) / sizeof(*pki_names))

void seed_cert(void)
{
	uint8_t ocsp[4096];
	size_t ocsp_len = ocsp_make(&(struct ocsp){ .cert = "p256" }, ocsp,
				    sizeof(ocsp));

	for (size_t i = 0; i < PKI_NAMES; i++) {
		const struct ktls_cred from = pki_cred(pki_names[i]);
		char why[256] = "";
		struct cred cred = { 0 };
		struct wr w = { 0 };

		ASSERT_OK(cred_load(&cred, &from, true,
				    (struct text){ why, sizeof(why) }))
			TH_LOG("%s", why);
		wr_opaque(&w, 2, (struct slice){ ocsp, ocsp_len });
		for (size_t n = 0; n < cred.chain_len; n++)
			wr_opaque(&w, 2, (struct slice){ cred.chain[n].der,
							 cred.chain[n].len });
		seed(w.buf, w.len);
		wr_free(&w);
		cred_free(&cred);
	}
}

/* ---- ours: options as text, each behind its number, with a zero after it */

enum option {
	CERT, KEY, CA, CIPHERS, GROUPS, SIGALGS, SIGALGS_CERT, ALPN, RAW_KEYS,
	RAW_HASHES, COMPRESSION, PRINCIPAL, DOMAIN, URL_OF_ALL, URLS, SUPP,
	PSK, OID, OCSP, SCT, OPTIONS
};

/* As text: it ends at the first zero */
static const char *take(struct slice s, char *room[OPTIONS], enum option o)
{
	free(room[o]);
	room[o] = strndup((const char *)s.p, s.len);
	ASSERT_TRUE(room[o]);
	return room[o];
}

/* What the options point to, but for @text */
struct room {
	char *text[OPTIONS];
	struct ktls_cred cred;
	struct ktls_supp supp;
	struct ktls_psk psk;
	struct ktls_oid_filter oid;
};

static void set(struct ktls_opts *o, struct room *r, enum option which,
		struct slice s)
{
	const char *text = take(s, r->text, which);
	const char **const texts[OPTIONS] = {
		[CERT] = &r->cred.cert_pem, [KEY] = &r->cred.key_pem,
		[CA] = &o->ca_pem, [CIPHERS] = &o->ciphers,
		[GROUPS] = &o->groups, [SIGALGS] = &o->sigalgs,
		[SIGALGS_CERT] = &o->sigalgs_cert, [ALPN] = &o->alpn,
		[RAW_KEYS] = &o->raw_keys_pem,
		[RAW_HASHES] = &o->raw_key_hashes,
		[COMPRESSION] = &o->cert_compression,
		[PRINCIPAL] = &o->user_principal, [DOMAIN] = &o->user_domain,
		[URL_OF_ALL] = &r->cred.url, [URLS] = &r->cred.cert_urls,
		[OID] = &r->oid.oid,
	};

	if (texts[which])
		*texts[which] = text;
	if (which == CERT || which == KEY)
		o->creds_len = 1;
	if (which == OCSP)
		r->cred.ocsp_file = temp_file(0, s);
	if (which == SCT)
		r->cred.sct_file = temp_file(1, s);
	if (which == OID) {
		r->oid.value = s.p;
		r->oid.value_len = s.len;
		o->oid_filters_len = 1;
	}
	if (which == SUPP) {
		r->supp = (struct ktls_supp){ .type = (uint16_t)s.len,
			.extension = 0x1234, .data = s.p, .data_len = s.len };
		o->supp_len = 1;
	}
	if (which == PSK) {
		r->psk = (struct ktls_psk){ .identity = s.p, .key = s.p,
			.identity_len = s.len / 2, .key_len = s.len,
			.import = s.len & 1 };
		o->psks_len = 1;
	}
}

/* What a client says first is of the options */
static void try(struct ktls_config *cfg)
{
	struct ktls_hs *hs;
	size_t len;

	if (!ktls_hs_new(&hs, cfg, "localhost")) {
		(void)ktls_hs_out(hs, &len);
		ktls_hs_free(hs);
	}
	ktls_config_put(cfg);
}

void fuzz_config(const uint8_t *p, size_t len)
{
	struct input in = { p, p + len };
	struct room r = { 0 };
	char error[128] = "";
	struct ktls_opts o = {
		.size = sizeof(o), .role = 1 + in_uint(&in, 1) % 2,
		.flags = in_uint(&in, 4), .verify = in_uint(&in, 1) % 4,
		.creds = &r.cred, .supp = &r.supp, .psks = &r.psk,
		.oid_filters = &r.oid, .error = error,
		.error_size = sizeof(error), .tx = KTLS_PATH_USER,
		.rx = KTLS_PATH_USER,
		/* not the system's, which takes long */
		.ca_file = pki("ca"),
	};
	struct ktls_config *cfg;

	while (in_more(&in)) {
		enum option which = in_uint(&in, 1) % OPTIONS;
		struct slice s = in_bytes(&in, in_uint(&in, 2));

		if (which == CA)
			o.ca_file = NULL;
		set(&o, &r, which, s);
	}
	if (!ktls_config_new(&cfg, &o))
		try(cfg);
	ASSERT_LT(strnlen(error, sizeof(error)), sizeof(error));
	for (int i = 0; i < OPTIONS; i++)
		free(r.text[i]);
}

static void begin_options(struct wr *w, uint8_t role, uint8_t verify)
{
	wr_reset(w);
	wr_u8(w, role);
	wr_u32(w, 0);
	wr_u8(w, verify);
}

static void add(struct wr *w, enum option which, struct slice s)
{
	wr_u8(w, (uint8_t)which);
	wr_opaque(w, 2, s);
}

static void add_file(struct wr *w, enum option which, const char *path)
{
	struct wr f = read_file(path);

	add(w, which, (struct slice){ f.buf, f.len });
	wr_free(&f);
}

/* Of each key and certificate, and of each other option */
void seed_config(void)
{
	static const struct {
		enum option which;
		const char *text;
	} rows[] = {
		{ CIPHERS, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384" },
		{ GROUPS, "x25519:secp256r1" },
		{ SIGALGS, "ecdsa_secp256r1_sha256:ed25519" },
		{ SIGALGS_CERT, "ecdsa_secp256r1_sha256" },
		{ ALPN, "h2,http/1.1" }, { COMPRESSION, "zlib:brotli:zstd" },
		{ PRINCIPAL, "user@example.test" }, { DOMAIN, "example.test" },
		{ SUPP, "supplement" }, { OID, "2.5.29.37" },
		{ PSK, "0123456789abcdef0123456789abcdef" },
		{ RAW_HASHES, "0123456789abcdef0123456789abcdef"
			      "0123456789abcdef0123456789abcdef" },
		{ OCSP, "0" }, { SCT, "0" },
		{ URL_OF_ALL, "http://localhost/x" },
		{ URLS, "http://localhost/x http://localhost/y" },
	};
	struct wr w = { 0 };

	for (size_t i = 0; i < PKI_NAMES; i++) {
		begin_options(&w, (uint8_t)(i & 1), 0);
		add_file(&w, CERT, pki(pki_names[i]));
		add_file(&w, KEY, pki_key(pki_names[i]));
		add_file(&w, CA, pki(pki_names[i]));
		seed(w.buf, w.len);
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (uint8_t role = 0; role < 2; role++) {
			begin_options(&w, role, 3);
			add_file(&w, CERT, pki("p256"));
			add_file(&w, KEY, pki_key("p256"));
			add(&w, rows[i].which, slice_str(rows[i].text));
			seed(w.buf, w.len);
		}
	}
	wr_free(&w);
}
