// SPDX-License-Identifier: GPL-2.0-only
/*
 * An input is what a client and a server want.  What becomes of it with libssl
 * at both ends has to become of it with one of ours at either end, and at both.
 */
#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "../harness.h"
#include "../hs_lib.h"
#include "../peer.h"
#include "fuzz_way.h"

#define LIST_MAX	512

/* What is said to both libraries alike, and libssl's name for it */
struct item_name {
	const char *name, *ssl;
};

static const struct item_name suites13[] = {
	{ "TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256" },
	{ "TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384" },
	{ "TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256" },
	{ NULL, NULL },
}, suites12[] = {
	{ "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
	  "ECDHE-ECDSA-AES128-GCM-SHA256" },
	{ "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
	  "ECDHE-RSA-AES128-GCM-SHA256" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
	  "ECDHE-ECDSA-AES256-GCM-SHA384" },
	{ "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
	  "ECDHE-RSA-AES256-GCM-SHA384" },
	{ "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
	  "ECDHE-ECDSA-CHACHA20-POLY1305" },
	{ "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
	  "ECDHE-RSA-CHACHA20-POLY1305" },
	{ NULL, NULL },
}, curves[] = {
	{ "x25519", "x25519" }, { "secp256r1", "secp256r1" },
	{ "secp384r1", "secp384r1" }, { "secp521r1", "secp521r1" },
	{ NULL, NULL },
}, sigalgs[] = {
	{ "ecdsa_secp256r1_sha256", "ecdsa_secp256r1_sha256" },
	{ "ecdsa_secp384r1_sha384", "ecdsa_secp384r1_sha384" },
	{ "ed25519", "ed25519" },
	{ "rsa_pss_rsae_sha256", "rsa_pss_rsae_sha256" },
	{ "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha384" },
	{ "rsa_pss_pss_sha256", "rsa_pss_pss_sha256" },
	{ "rsa_pkcs1_sha256", "rsa_pkcs1_sha256" },
	{ NULL, NULL },
}, protocols[] = {
	{ "h2", "h2" }, { "http/1.1", "http/1.1" }, { "x", "x" },
	{ NULL, NULL },
};

static const char *const certs[] = {
	"p256", "p384", "ed25519", "rsa2048", "rsapss",
};

/* Of both libraries */
enum { OURS, SSLS };

struct side {
	uint16_t min, max;
	char suites13[2][LIST_MAX], suites12[2][LIST_MAX];
	char groups[2][LIST_MAX], sigalgs[2][LIST_MAX], alpn[2][LIST_MAX];
	const char *cert;		/* NULL: none */
	enum ktls_verify verify;	/* of a server */
	bool client_order;
};

struct outcome {
	bool done, resumed;
	uint16_t version;
	char suite[64], group[32], alpn[256];
};

/* ---- reading ----------------------------------------------------------- */

/* Some of them, from one of them on; @all where none would be */
static void read_list(struct input *in, const struct item_name *of, bool all,
		      const char *sep, char to[2][LIST_MAX])
{
	unsigned int mask = in_uint(in, 1), from = in_uint(in, 1), n = 0;

	while (of[n].name)
		n++;
	mask &= (1u << n) - 1;
	if (!mask && all)
		mask = (1u << n) - 1;
	for (unsigned int i = 0; i < n; i++) {
		unsigned int k = (i + from) % n;

		for (int lib = 0; mask & 1u << k && lib < 2; lib++) {
			size_t at = strlen(to[lib]);

			snprintf(to[lib] + at, LIST_MAX - at, "%s%s",
				 at ? sep : "",
				 lib == OURS ? of[k].name : of[k].ssl);
		}
	}
}

static void read_side(struct input *in, struct side *s, bool server)
{
	unsigned int how = in_uint(in, 1), cert = in_uint(in, 1);

	s->min = how % 3 == 2 ? KTLS_TLS13 : KTLS_TLS12;
	s->max = how % 3 == 1 ? KTLS_TLS12 : KTLS_TLS13;
	s->client_order = how & 0x80;
	s->verify = KTLS_VERIFY_NONE + (how >> 4 & 7) % 3;
	if (server)
		s->cert = certs[cert % (sizeof(certs) / sizeof(*certs))];
	else if (cert % 2)
		s->cert = "client";
	read_list(in, suites13, true, ":", s->suites13);
	read_list(in, suites12, true, ":", s->suites12);
	read_list(in, curves, true, ":", s->groups);
	read_list(in, sigalgs, false, ":", s->sigalgs);
	read_list(in, protocols, false, ",", s->alpn);
}

static const char *or_null(const char *s)
{
	return *s ? s : NULL;
}

/* ---- ends -------------------------------------------------------------- */

static struct ktls_config *our_config(const struct side *s, bool server)
{
	char ciphers[2 * LIST_MAX];
	struct ktls_cred cred = pki_cred(s->cert ? s->cert : "client");

	snprintf(ciphers, sizeof(ciphers), "%s%s%s",
		 s->max == KTLS_TLS13 ? s->suites13[OURS] : "",
		 s->max == KTLS_TLS13 && s->min == KTLS_TLS12 ? ":" : "",
		 s->min == KTLS_TLS12 ? s->suites12[OURS] : "");
	return config(&(struct ktls_opts){
		.size = sizeof(struct ktls_opts),
		.role = server ? KTLS_SERVER : KTLS_CLIENT,
		.min_version = s->min, .max_version = s->max,
		.ciphers = ciphers, .groups = s->groups[OURS],
		.sigalgs = or_null(s->sigalgs[OURS]),
		.alpn = or_null(s->alpn[OURS]), .creds = &cred,
		.creds_len = !!s->cert,
		.verify = server ? s->verify : KTLS_VERIFY_REQUIRE,
		.flags = s->client_order && server ? KTLS_F_CLIENT_ORDER : 0,
		.tx = KTLS_PATH_USER, .rx = KTLS_PATH_USER,
	});
}

/* What its context does not have; @session, which is taken, may be NULL */
static SSL *ssl_begin(struct ssl_end *end, const struct side *s,
		      SSL_SESSION *session)
{
	SSL *ssl = ssl_end_ssl(end);

	ASSERT_EQ(SSL_set_min_proto_version(ssl, s->min), 1);
	ASSERT_EQ(SSL_set_max_proto_version(ssl, s->max), 1);
	ASSERT_EQ(SSL_set_cipher_list(ssl, s->suites12[SSLS]), 1);
	ASSERT_EQ(SSL_set_session_id_context(ssl, (const uint8_t *)"d", 1), 1);
	if (!s->client_order)
		SSL_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
	if (session)
		ASSERT_EQ(SSL_set_session(ssl, session), 1);
	SSL_SESSION_free(session);
	return ssl;
}

/* The next connection of it */
static SSL *ssl_again(struct ssl_end *end, const struct side *s)
{
	SSL *ssl = ssl_end_ssl(end);
	bool server = SSL_is_server(ssl);
	SSL_SESSION *session = server ? NULL : SSL_get1_session(ssl);

	/* else it forgets the session of a connection that was cut */
	SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	ssl_end_again(end, server ? NULL : "localhost");
	return ssl_begin(end, s, session);
}

static struct ssl_end *ssl_side(const struct side *s, bool server)
{
	const bool asks = !server || s->verify != KTLS_VERIFY_NONE;
	struct ssl_end *end = ssl_end_new(&(struct ssl_opts){
		.server = server, .cert = s->cert, .verify = asks,
		.require = server && s->verify == KTLS_VERIFY_REQUIRE,
		.ciphers = s->suites13[SSLS], .groups = s->groups[SSLS],
		.sigalgs = or_null(s->sigalgs[SSLS]),
		.alpn = or_null(s->alpn[SSLS]),
		.name = server ? NULL : "localhost",
	});

	ssl_begin(end, s, NULL);
	return end;
}

static void our_outcome(const struct ktls_hs *hs, struct outcome *o)
{
	struct ktls_info info;

	ktls_hs_info(hs, &info);
	o->done = true;
	o->version = info.version;
	snprintf(o->suite, sizeof(o->suite), "%s",
		 ktls_suite_name(info.suite));
	snprintf(o->group, sizeof(o->group), "%s",
		 ktls_group_name(info.group));
	snprintf(o->alpn, sizeof(o->alpn), "%s", info.alpn);
}

static void ssl_outcome(SSL *ssl, struct outcome *o)
{
	const unsigned char *alpn;
	unsigned int alpn_len;

	o->done = true;
	o->version = (uint16_t)SSL_version(ssl);
	snprintf(o->suite, sizeof(o->suite), "%s",
		 SSL_CIPHER_standard_name(SSL_get_current_cipher(ssl)));
	snprintf(o->group, sizeof(o->group), "%s",
		 SSL_group_to_name(ssl, (int)SSL_get_negotiated_group(ssl)));
	SSL_get0_alpn_selected(ssl, &alpn, &alpn_len);
	snprintf(o->alpn, sizeof(o->alpn), "%.*s", (int)alpn_len, alpn);
}

/* A second time: sessions of 1.3 come with the data, which there is none of */
static bool again(const struct outcome *o)
{
	return o->done && o->version == KTLS_TLS12;
}

/* ---- libssl at both ends ----------------------------------------------- */

/* What one has sent: bytes moved */
static int carry(SSL *from, SSL *to)
{
	char buf[4096];
	int n, all = 0;

	while ((n = BIO_read(SSL_get_wbio(from), buf, sizeof(buf))) > 0) {
		ASSERT_EQ(BIO_write(SSL_get_rbio(to), buf, n), n);
		all += n;
	}
	return all;
}

/* To the end: are both well? */
static bool run_ssl(SSL *ssl[2])
{
	int moved, ret[2];

	do {
		moved = 0;
		for (int i = 0; i < 2; i++) {
			ret[i] = SSL_do_handshake(ssl[i]);
			moved += carry(ssl[i], ssl[1 - i]);
		}
	} while (moved);
	ERR_clear_error();
	return ret[0] == 1 && ret[1] == 1;
}

static void both_ssl(const struct side *c, const struct side *s,
		     struct outcome *o)
{
	struct ssl_end *end[2] = { ssl_side(c, false), ssl_side(s, true) };
	SSL *ssl[2] = { ssl_end_ssl(end[0]), ssl_end_ssl(end[1]) };

	if (run_ssl(ssl))
		ssl_outcome(ssl[1], o);
	if (again(o)) {
		ssl[0] = ssl_again(end[0], c);
		ssl[1] = ssl_again(end[1], s);
		o->resumed = run_ssl(ssl) && SSL_session_reused(ssl[1]);
	}
	ssl_end_free(end[0]);
	ssl_end_free(end[1]);
}

/* ---- ours at one, or at both ------------------------------------------- */

static struct ktls_hs *our_hs(struct ktls_config *cfg, bool server)
{
	struct ktls_hs *hs;

	ASSERT_OK(ktls_hs_new(&hs, cfg, server ? NULL : "localhost"));
	return hs;
}

static bool resumed(const struct ktls_hs *hs)
{
	struct ktls_info info;

	ktls_hs_info(hs, &info);
	return info.resumed;
}

static void one_ours(const struct side *ours, const struct side *theirs,
		     bool server, struct outcome *o, char *why, size_t size)
{
	struct ktls_config *cfg = our_config(ours, server);
	struct ktls_hs *hs = our_hs(cfg, server);
	struct ssl_end *end = ssl_side(theirs, !server);

	if (!ssl_pump(end, hs, 0))
		our_outcome(hs, o);
	if (again(o)) {
		ktls_hs_free(hs);
		hs = our_hs(cfg, server);
		ssl_again(end, theirs);
		o->resumed = !ssl_pump(end, hs, 0) && resumed(hs);
	}
	snprintf(why, size, "ours: %s; libssl: %s", ktls_hs_error_text(hs),
		 ssl_end_error(end));
	ERR_clear_error();
	ssl_end_free(end);
	ktls_hs_free(hs);
	ktls_config_put(cfg);
}

static void both_ours(const struct side *c, const struct side *s,
		      struct outcome *o, char *why, size_t size)
{
	struct ktls_config *cfg[2] = { our_config(c, false),
				       our_config(s, true) };
	struct ktls_hs *hs[2] = { our_hs(cfg[0], false),
				  our_hs(cfg[1], true) };

	if (!pump(hs[0], hs[1], 0))
		our_outcome(hs[1], o);
	if (again(o)) {
		for (int i = 0; i < 2; i++) {
			ktls_hs_free(hs[i]);
			hs[i] = our_hs(cfg[i], i);
		}
		o->resumed = !pump(hs[0], hs[1], 0) && resumed(hs[1]);
	}
	snprintf(why, size, "client: %s; server: %s",
		 ktls_hs_error_text(hs[0]), ktls_hs_error_text(hs[1]));
	for (int i = 0; i < 2; i++) {
		ktls_hs_free(hs[i]);
		ktls_config_put(cfg[i]);
	}
}

/* ---- where they may differ --------------------------------------------- */

/*
 * libssl's server wants the curve of a client's certificate among the groups of
 * both (as RFC 8422 5.1.1 says of a server's); ours takes what it can verify
 */
static bool client_curve(const struct side *c, const struct side *s,
			 const struct outcome *libssl,
			 const struct outcome *ours)
{
	return c->cert && s->verify != KTLS_VERIFY_NONE &&
	       !(strstr(s->groups[OURS], "secp256r1") &&
		 strstr(c->groups[OURS], "secp256r1")) &&
	       !libssl->done && ours->version == KTLS_TLS12;
}

/*
 * Who asks for another share (HelloRetryRequest) heeds whose order it is, if it
 * is ours; libssl's server then always takes its own first
 */
static bool retry_order(const struct side *c, const struct side *s,
			const struct outcome *libssl,
			const struct outcome *ours)
{
	char share[LIST_MAX];

	snprintf(share, sizeof(share), "%s", c->groups[OURS]);
	share[strcspn(share, ":")] = '\0';
	return s->client_order && !strstr(s->groups[OURS], share) &&
	       libssl->version == KTLS_TLS13 && ours->version == KTLS_TLS13 &&
	       !strcmp(libssl->suite, ours->suite) &&
	       !strcmp(libssl->alpn, ours->alpn);
}

static bool (*const differences[])(const struct side *c, const struct side *s,
				   const struct outcome *libssl,
				   const struct outcome *ours) = {
	client_curve, retry_order,
};

/* ---- comparing --------------------------------------------------------- */

static bool same(const struct outcome *a, const struct outcome *b)
{
	if (a->done != b->done || !a->done)
		return a->done == b->done;
	return a->version == b->version && a->resumed == b->resumed &&
	       !strcmp(a->suite, b->suite) && !strcmp(a->alpn, b->alpn) &&
	       /* in 1.2 an end of libssl does not always know */
	       (a->version == KTLS_TLS12 || !strcasecmp(a->group, b->group));
}

static bool may_differ(const struct side *c, const struct side *s,
		       const struct outcome *libssl,
		       const struct outcome *ours)
{
	for (size_t i = 0; i < sizeof(differences) / sizeof(*differences); i++)
		if (differences[i](c, s, libssl, ours))
			return true;
	return false;
}

static void show_side(const char *name, const struct side *s)
{
	fprintf(stderr, "%s: %x-%x cert %s verify %d%s\n  %s\n  %s\n  %s\n"
		"  sigalgs %s alpn %s\n", name, s->min, s->max,
		s->cert ? s->cert : "none", s->verify,
		s->client_order ? " client's order" : "", s->suites13[OURS],
		s->suites12[OURS], s->groups[OURS], s->sigalgs[OURS],
		s->alpn[OURS]);
}

static void show(const char *name, const struct outcome *o)
{
	fprintf(stderr, "%s: %s %x %s %s %s%s\n", name,
		o->done ? "done" : "failed", o->version, o->suite, o->group,
		o->alpn, o->resumed ? ", then resumed" : "");
}

void fuzz_diff(const uint8_t *p, size_t len)
{
	static const char *const who[] = {
		"libssl", "our client", "our server", "both ours",
	};
	struct input in = { p, p + len };
	struct side c = { 0 }, s = { 0 };
	struct outcome o[4] = { 0 };
	char why[4][512] = { "" };

	read_side(&in, &c, false);
	read_side(&in, &s, true);
	both_ssl(&c, &s, &o[0]);
	one_ours(&c, &s, false, &o[1], why[1], sizeof(why[1]));
	one_ours(&s, &c, true, &o[2], why[2], sizeof(why[2]));
	both_ours(&c, &s, &o[3], why[3], sizeof(why[3]));
	for (int i = 1; i < 4; i++) {
		if (same(&o[0], &o[i]) || may_differ(&c, &s, &o[0], &o[i]))
			continue;
		show_side("client", &c);
		show_side("server", &s);
		show(who[0], &o[0]);
		show(who[i], &o[i]);
		fprintf(stderr, "%s\n", why[i]);
		ASSERT_TRUE(false);
	}
}

void seed_diff(void)
{
	uint8_t b[24] = { 0 };

	for (uint8_t cert = 0; cert < 5; cert++) {
		for (uint8_t how = 0; how < 64; how += 3) {
			b[0] = how & 3;
			b[12] = (uint8_t)(how * 4 + how / 16);
			b[1] = how & 1;
			b[13] = cert;
			seed(b, sizeof(b));
		}
	}
}
