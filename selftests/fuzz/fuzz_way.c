// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz_way.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "../../lib/store.h"
#include "../cert_url_lib.h"
#include "../harness.h"
#include "../peer.h"
#include "../rawkey_lib.h"

struct way {
	uint16_t version;		/* 0: both */
	bool auth;			/* the client, too */
	bool resumed;			/* by a ticket */
	bool extras;			/* all the extensions that there are */
	bool psk, raw, url, post;
	bool early;			/* resumed with 0-RTT in it, */
	bool refused;			/* ... which the server has seen */
	unsigned int flags;		/* of both ends */
	unsigned int server_flags;
	uint16_t server_max;		/* version; 0: as the client's */
	const char *cert, *ciphers, *groups, *server_groups;
};

#define V12	.version = KTLS_TLS12
#define V13	.version = KTLS_TLS13

static const struct way ways[] = {
	{ V13 },
	{ V13, .auth = true },
	{ V13, .auth = true, .extras = true },
	{ V13, .server_flags = KTLS_F_COOKIE, .server_groups = "secp256r1" },
	{ V13, .resumed = true },
	{ V13, .resumed = true, .flags = KTLS_F_PSK_KE },
	{ V13, .psk = true },
	{ V13, .raw = true },
	{ V13, .post = true, .server_flags = KTLS_F_AUTH_LATER,
	  .flags = KTLS_F_POST_HANDSHAKE_AUTH },
	{ .extras = true },
	{ V12 },
	{ V12, .auth = true },
	{ V12, .auth = true, .extras = true },
	{ V12, .auth = true, .url = true },
	{ V12, .extras = true,
	  .flags = KTLS_F_DOUBLE_HANDSHAKE | KTLS_F_NO_TICKETS },
	{ V12, .resumed = true },
	{ V12, .cert = "rsa2048", .server_groups = "ffdhe2048",
	  .groups = "ffdhe2048",
	  .ciphers = "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256" },
	{ V12, .cert = "ecdh256",
	  .ciphers = "TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256" },
	{ V13, .resumed = true, .early = true },
	{ V13, .resumed = true, .early = true, .auth = true,
	  .server_flags = KTLS_F_EARLY_ANSWER,
	  .ciphers = "TLS_AES_256_GCM_SHA384" },
	/* 0-RTT that is refused, once with a second hello */
	{ .resumed = true, .early = true, .server_flags = KTLS_F_COOKIE,
	  .server_groups = "secp256r1" },
	{ V13, .resumed = true, .early = true, .refused = true },
	{ V13, .psk = true, .flags = KTLS_F_PSK_KE,
	  .server_groups = "secp256r1" },
	{ V13, .auth = true, .cert = "rsa2048",
	  .ciphers = "TLS_CHACHA20_POLY1305_SHA256" },
	{ .server_max = KTLS_TLS12 },
	{ V12, .resumed = true, .flags = KTLS_F_NO_TICKETS },
	{ V12, .auth = true, .flags = KTLS_F_DOUBLE_HANDSHAKE,
	  .ciphers = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256" },
};

#define WAYS	(sizeof(ways) / sizeof(*ways))
_Static_assert(WAYS <= WAYS_MAX, "their number is 5 bits of an input");

size_t ways_count(void)
{
	return WAYS;
}

/* ---- what the applications say ----------------------------------------- */

static int supp_takes(void *arg, struct ktls_hs *hs, uint16_t type,
		      const void *data, size_t len)
{
	(void)arg;
	(void)hs;
	(void)type;
	return len && *(const uint8_t *)data == '!' ? -EPERM : 0;
}

static int sct_takes(void *arg, struct ktls_hs *hs, const struct ktls_sct *s)
{
	(void)arg;
	(void)hs;
	(void)s;
	return 0;
}

static ssize_t fetch(void *arg, struct ktls_hs *hs,
		     const struct ktls_cert_url *at, void *buf, size_t size)
{
	const struct page *page = &web.page[0];

	(void)arg;
	(void)hs;
	if (strcmp(at->url, URL) || page->len > size)
		return 0;
	memcpy(buf, page->b, page->len);
	return (ssize_t)page->len;
}

static const struct ktls_supp supp[] = {
	{ .type = 7, .extension = 0x1234, .extension_data = "x",
	  .extension_len = 1, .data = "supplement", .data_len = 10,
	  .recv = supp_takes },
	{ .type = 8, .extension = 0x1234, .recv = supp_takes },
};
static int early_first(void *arg, const void *id, size_t len, uint64_t until)
{
	(void)arg;
	(void)id;
	(void)len;
	(void)until;
	return 1;
}

static int early_again(void *arg, const void *id, size_t len, uint64_t until)
{
	return !early_first(arg, id, len, until);
}

static const struct ktls_hooks early_hooks = { .early_first = early_first };
static const struct ktls_hooks again_hooks = { .early_first = early_again };
static const struct ktls_hooks sct_hooks = { .sct = sct_takes };
static const struct ktls_hooks url_hooks = { .cert_url = fetch };
static const struct ktls_psk psks[] = {
	{ .identity = "one", .identity_len = 3,
	  .key = "0123456789abcdef0123456789abcdef", .key_len = 32 },
	{ .identity = "two", .identity_len = 3, .import = 1,
	  .key = "0123456789abcdef0123456789abcdef", .key_len = 32 },
};

static void add_extras(const struct way *w, struct ktls_opts *c,
		       struct ktls_opts *s)
{
	c->flags |= KTLS_F_STATUS | KTLS_F_TRUSTED_CA_KEYS;
	if (w->auth)
		s->flags |= KTLS_F_CA_NAMES;
	if (w->version != KTLS_TLS12) {
		c->flags |= KTLS_F_GREASE;
		s->flags |= KTLS_F_GREASE;
		c->cert_compression = s->cert_compression = "zlib";
		c->hooks = s->hooks = &sct_hooks;
	}
	if (w->version != KTLS_TLS13) {
		c->flags |= KTLS_F_NO_TICKETS;
		s->flags |= KTLS_F_USER_MAPPING | KTLS_F_NO_TICKETS;
		c->user_principal = "user@example.test";
		c->supp = s->supp = supp;
		c->supp_len = s->supp_len = 2;
	}
	c->max_fragment = 4096;
	c->record_size_limit = s->record_size_limit = 2000;
	c->sigalgs_cert = "ecdsa_secp256r1_sha256";
}

static void make(struct mitm *m, const struct way *w)
{
	struct ktls_cred cc = pki_cred("client");
	struct ktls_cred sc = pki_cred(w->cert ? w->cert : "p256");
	struct ktls_opts c = {
		.size = sizeof(c), .creds = &cc, .flags = w->flags,
		.creds_len = w->auth || w->raw || w->post,
		.min_version = w->version, .max_version = w->version,
		.ciphers = w->ciphers, .alpn = "h2,http/1.1",
		.groups = w->groups ? w->groups : "x25519:secp256r1",
		.sessions = w->resumed ? 0 : KTLS_NO_SESSIONS,
	}, s = c;
	char *pem = NULL;

	s.creds = &sc;
	s.creds_len = 1;
	s.flags |= w->server_flags;
	s.alpn = "http/1.1";
	if (w->server_groups)
		s.groups = w->server_groups;
	if (w->auth || w->raw || w->post)
		s.verify = KTLS_VERIFY_REQUIRE;
	if (w->extras)
		add_extras(w, &c, &s);
	if (w->psk) {
		c.psks = s.psks = psks;
		c.psks_len = s.psks_len = 2;
	}
	if (w->raw) {
		cc = raw_cred("client");
		sc = raw_cred("p256");
		c.raw_keys_pem = pem = raw_pem("p256");
		s.raw_key_hashes = raw_hash("client");
	}
	if (w->server_max)
		s.max_version = w->server_max;
	if (w->early) {
		c.early_data = s.early_data = EARLY_MAX;
		s.hooks = w->refused ? &again_hooks : &early_hooks;
	}
	if (w->url) {
		publish("client", true);
		cc.url = URL;
		s.hooks = &url_hooks;
	}
	mitm_begin(m, &c, &s, NULL);
	free(pem);
	free((char *)s.raw_key_hashes);
}

/* ---- sessions ---------------------------------------------------------- */

/* One that each run of a way resumes, as it was made */
struct resumed {
	size_t len;
	uint8_t b[8192];
	struct wr kept;		/* 1.2 by id: what the server has of it */
};

/* From a connection over TCP: what is in memory only has no tickets of 1.3 */
static void get_session(struct mitm *m, struct resumed *to)
{
	struct pair p;
	ssize_t n;
	char c;

	pair_open(&p, m->config[CLIENT_END], m->config[SERVER_END]);
	EXPECT_EQ(ktls_recv(p.client, &c, 1, MSG_DONTWAIT), -EAGAIN);
	n = ktls_session_export(m->config[CLIENT_END], "localhost", to->b,
				sizeof(to->b));
	ASSERT_GT(n, 0);
	ASSERT_LE(n, sizeof(to->b));
	to->len = (size_t)n;
	pair_close(&p);
}

/* The client offers it: a run that failed has made the server forget it */
static void keep_session(struct mitm *m, struct resumed *r)
{
	const struct session *s = &m->hs[CLIENT_END]->session;
	const struct ktls_config *server = m->config[SERVER_END];
	struct slice id = { s->id, s->id_len };

	if (!id.len)
		return;
	if (r->kept.len)
		ASSERT_OK(store_put(server, id, wr_content(&r->kept),
				    s->made + s->lifetime));
	else
		ASSERT_TRUE(store_get(server, id, &r->kept));
}

struct mitm *way_begin(size_t nr)
{
	static struct mitm mitms[WAYS];
	static struct resumed resumed[WAYS];
	const struct way *w = &ways[nr];
	struct mitm *m = &mitms[nr];

	if (!m->config[CLIENT_END]) {
		uint64_t of_the_run = random_from((nr + 1) << 32);

		make(m, w);
		if (w->resumed)
			get_session(m, &resumed[nr]);
		random_from(of_the_run);
	}
	if (w->resumed)
		ASSERT_OK(ktls_session_import(m->config[CLIENT_END],
					      resumed[nr].b,
					      resumed[nr].len));
	mitm_again(m);
	keep_session(m, &resumed[nr]);
	if (w->early)
		ASSERT_EQ(ktls_hs_early_write(m->hs[CLIENT_END], "early", 5),
			  5);
	return m;
}
