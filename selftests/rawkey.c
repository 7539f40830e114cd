// SPDX-License-Identifier: GPL-2.0-only
/* Raw public keys (RFC 7250) in TLS 1.3: negotiated, taken and refused */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ext_lib.h"
#include "harness.h"
#include "rawkey_lib.h"

#define CLIENT_TYPE	19
#define SERVER_TYPE	20

/* ---- who has what ------------------------------------------------------ */

/* An end: its credentials, in order, and whose keys it trusts */
struct side {
	const char *raw, *x509;	/* pki names */
	bool x509_first;
	const char *trusts;	/* a raw key; NULL: none */
	bool only;		/* raw keys alone */
	enum ktls_verify verify;
};

FIXTURE(types) {
	struct mitm m;
};

FIXTURE_VARIANT(types) {
	const char *name;
	struct side client, server;
	enum end end;
	int err;		/* of that end; 0: it works */
	/* what the certificates were: 'r'aw, 'x'.509, '-': not asked, none */
	char was[3];		/* the server's, the client's */
};

#define R	KTLS_VERIFY_REQUIRE
#define O	KTLS_VERIFY_OPTIONAL
#define CLIENT(...)	{ __VA_ARGS__ }
#define BOTH		.raw = "ed25519", .x509 = "client"
#define SERVER(...)	{ __VA_ARGS__ }
#define FAILS(end, e)	end##_END, KTLS_E_##e, ""
#define IS(was)		CLIENT_END, 0, was

static const FIXTURE_VARIANT(types) cases[] = {
	{ "server", CLIENT(.trusts = "p256", .only = true),
	  SERVER(.raw = "p256"), IS("r-") },
	{ "server_or_x509", CLIENT(.trusts = "p256"),
	  SERVER(.raw = "p256"), IS("r-") },
	{ "client_prefers", CLIENT(.trusts = "p256"),
	  SERVER(.raw = "p256", .x509 = "p384", .x509_first = true),
	  IS("r-") },
	{ "server_has_x509", CLIENT(.trusts = "p256"),
	  SERVER(.x509 = "p384"), IS("x-") },
	{ "client_has_none", CLIENT(.raw = NULL),
	  SERVER(.raw = "p256", .x509 = "p384"), IS("x-") },
	{ "mutual", CLIENT(.raw = "ed25519", .trusts = "p256"),
	  SERVER(.raw = "p256", .trusts = "ed25519", .verify = R), IS("rr") },
	{ "mutual_only", CLIENT(.raw = "ed25519", .trusts = "p256",
				.only = true),
	  SERVER(.raw = "p256", .trusts = "ed25519", .only = true,
		 .verify = R), IS("rr") },
	{ "client_only", CLIENT(.raw = "client"),
	  SERVER(.x509 = "p256", .trusts = "client", .verify = R), IS("xr") },
	{ "server_only", CLIENT(.x509 = "client", .trusts = "p256"),
	  SERVER(.raw = "p256", .verify = R), IS("rx") },
	{ "either_raw_first", CLIENT(BOTH, .trusts = "p256"),
	  SERVER(.raw = "p256", .trusts = "ed25519", .verify = R), IS("rr") },
	{ "either_x509_first", CLIENT(BOTH, .x509_first = true,
				     .trusts = "p256"),
	  SERVER(.raw = "p256", .trusts = "ed25519", .verify = R), IS("rx") },
	{ "either_but_raw_only", CLIENT(BOTH, .x509_first = true),
	  SERVER(.x509 = "p256", .trusts = "ed25519", .only = true,
		 .verify = R), IS("xr") },
	{ "not_asked", CLIENT(.raw = "ed25519", .trusts = "p256"),
	  SERVER(.raw = "p256"), IS("r-") },
	{ "optional", CLIENT(.raw = "ed25519"),
	  SERVER(.x509 = "p256", .trusts = "ed25519", .verify = O),
	  IS("xr") },
	{ "optional_none_in_common", CLIENT(.raw = "ed25519"),
	  SERVER(.x509 = "p256", .verify = O), IS("x-") },
	{ "optional_none_at_all", CLIENT(.raw = NULL),
	  SERVER(.x509 = "p256", .trusts = "ed25519", .only = true,
		 .verify = O), IS("x-") },
	{ "optional_and_absent", CLIENT(.raw = NULL),
	  SERVER(.x509 = "p256", .trusts = "ed25519", .verify = O),
	  IS("x-") },
	/* failures */
	{ "untrusted", CLIENT(.trusts = "p384"), SERVER(.raw = "p256"),
	  FAILS(CLIENT, RAW_KEY) },
	{ "untrusted_client", CLIENT(.raw = "ed25519"),
	  SERVER(.x509 = "p256", .trusts = "p256", .verify = R),
	  FAILS(SERVER, RAW_KEY) },
	{ "untrusted_optional_client", CLIENT(.raw = "ed25519"),
	  SERVER(.x509 = "p256", .trusts = "p256", .verify = O),
	  FAILS(SERVER, RAW_KEY) },
	{ "not_a_certificates_key", CLIENT(.trusts = "stranger"),
	  SERVER(.x509 = "stranger"), FAILS(CLIENT, CERT_ISSUER) },
	{ "weak", CLIENT(.trusts = "rsa1024"), SERVER(.raw = "rsa1024"),
	  FAILS(CLIENT, CERT_WEAK) },
	{ "client_takes_none", CLIENT(.raw = NULL), SERVER(.raw = "p256"),
	  FAILS(SERVER, CERT_TYPE) },
	{ "client_takes_only_raw", CLIENT(.trusts = "p256", .only = true),
	  SERVER(.x509 = "p256"), FAILS(SERVER, CERT_TYPE) },
	{ "server_takes_none", CLIENT(.raw = "ed25519"),
	  SERVER(.x509 = "p256", .verify = R), FAILS(SERVER, CERT_TYPE) },
	{ "server_takes_only_raw", CLIENT(.x509 = "client"),
	  SERVER(.x509 = "p256", .trusts = "p256", .only = true,
		 .verify = R), FAILS(SERVER, CERT_TYPE) },
};

static bool each_case(size_t i, FIXTURE_VARIANT(types) *v, char *name,
		      size_t size)
{
	if (i >= sizeof(cases) / sizeof(*cases))
		return false;
	*v = cases[i];
	snprintf(name, size, "%s", v->name);
	return true;
}

FIXTURE_VARIANT_GEN(types, each_case);

/* What is to be freed lasts as long as the process */
static struct ktls_opts opts_of(const struct side *s, struct ktls_cred cred[2])
{
	struct ktls_opts o = {
		.size = sizeof(o),
		.creds = cred,
		.verify = s->verify,
		.flags = s->only ? KTLS_F_RAW_KEYS_ONLY : 0,
		.raw_keys_pem = s->trusts ? raw_pem(s->trusts) : NULL,
	};

	if (s->raw)
		cred[o.creds_len++] = raw_cred(s->raw);
	if (s->x509)
		cred[o.creds_len++] = pki_cred(s->x509);
	if (s->x509_first) {
		struct ktls_cred first = cred[1];

		cred[1] = cred[0];
		cred[0] = first;
	}
	return o;
}

static void begin(struct mitm *m, const struct side *client,
		  const struct side *server, unsigned int flags)
{
	struct ktls_cred creds[2][2];
	struct ktls_opts c = opts_of(client, creds[0]),
			 s = opts_of(server, creds[1]);

	s.flags |= flags;
	mitm_begin(m, &c, &s, NULL);
	free((char *)c.raw_keys_pem);
	free((char *)s.raw_keys_pem);
}

FIXTURE_SETUP(types)
{
	begin(&self->m, &variant->client, &variant->server, 0);
}

FIXTURE_TEARDOWN(types)
{
	mitm_end(&self->m);
}

/* What @end knows of the other's certificate */
static void expect_peer(const struct mitm *m, enum end end, char was,
			const struct side *other)
{
	const struct ktls_info *info = &m->hs[end]->info;
	char want[256] = "";

	EXPECT_EQ(info->peer_raw_key, was == 'r');
	EXPECT_EQ(info->peer_verified, was != '-');
	if (was == 'r') {
		char *hash = raw_hash(other->raw);

		snprintf(want, sizeof(want), "sha256:%s", hash);
		free(hash);
	} else if (was == 'x') {
		snprintf(want, sizeof(want), "CN = %s", other->x509);
	}
	EXPECT_STREQ(info->peer_subject, want);
}

static void expect_all(struct mitm *m, const FIXTURE_VARIANT(types) *v)
{
	if (v->err) {
		mitm_failed(m, v->end, -v->err);
		EXPECT_FALSE(m->hs[v->end]->info.peer_verified);
		return;
	}
	mitm_agree(m);
	expect_peer(m, CLIENT_END, v->was[0], &v->server);
	expect_peer(m, SERVER_END, v->was[1], &v->client);
}

TEST_F(types, negotiated)
{
	mitm_run(&self->m, NULL, NULL);
	expect_all(&self->m, variant);
}

TEST_F(types, after_a_retry)
{
	mitm_end(&self->m);
	begin(&self->m, &variant->client, &variant->server, KTLS_F_COOKIE);
	mitm_run(&self->m, NULL, NULL);
	expect_all(&self->m, variant);
}

TEST_F(types, told_afterwards)
{
	struct ktls_info info;
	struct joined j;

	if (variant->err)
		return;
	mitm_run(&self->m, NULL, NULL);
	mitm_join(&self->m, &j);
	for (enum end end = CLIENT_END; end <= SERVER_END; end++) {
		ktls_conn_info(j.conn[end], &info);
		EXPECT_EQ(info.peer_raw_key,
			  variant->was[end == SERVER_END] == 'r');
		EXPECT_EQ(!strncmp(info.peer_subject, "sha256:", 7),
			  info.peer_raw_key);
	}
	joined_end(&j);
}

/* ---- every kind of key ------------------------------------------------- */

TEST(kinds_of_keys)
{
	static const char *const names[] = {
		"p256", "p384", "p521", "ed25519", "ed448", "rsa2048",
		"rsapss",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const struct side client = { .trusts = names[i],
					     .only = true },
				  server = { .raw = names[i] };
		struct mitm m;

		begin(&m, &client, &server, 0);
		mitm_run(&m, NULL, NULL);
		mitm_agree(&m);
		expect_peer(&m, CLIENT_END, 'r', &server);
		mitm_end(&m);
	}
}

/* ---- what a peer may not do -------------------------------------------- */

static const struct side takes_p256 = { .trusts = "p256" },
			 has_p256 = { .raw = "p256" };

/* A choice of which nothing was said */
TEST(choice_not_offered)
{
	const struct side only = { .trusts = "p256", .only = true };
	struct ext_edit edits[] = {
		{ SERVER_END, HT_ENCRYPTED_EXTENSIONS, SERVER_TYPE, "\1", 1,
		  false },
		{ SERVER_END, HT_ENCRYPTED_EXTENSIONS, SERVER_TYPE, "\0", 1,
		  false },
		{ SERVER_END, HT_ENCRYPTED_EXTENSIONS, CLIENT_TYPE, "\2", 1,
		  false },
	};
	static const int errs[] = {
		KTLS_E_CERT_TYPE_CHOICE, KTLS_E_CERT_TYPE_CHOICE,
		KTLS_E_EXT_UNSOLICITED,
	};

	for (size_t i = 0; i < sizeof(edits) / sizeof(*edits); i++) {
		struct mitm m;

		begin(&m, i == 1 ? &only : &takes_p256, &has_p256, 0);
		mitm_run(&m, ext_edit, &edits[i]);
		mitm_failed(&m, CLIENT_END, -errs[i]);
		mitm_end(&m);
	}
}

/* Who says nothing has an X.509 certificate, which may not be enough */
TEST(choice_left_out)
{
	const struct side only = { .trusts = "p256", .only = true };
	struct ext_edit drop = { SERVER_END, HT_ENCRYPTED_EXTENSIONS,
				 SERVER_TYPE, NULL, 0, true };
	struct mitm m;

	begin(&m, &only, &has_p256, 0);
	mitm_run(&m, ext_edit, &drop);
	mitm_failed(&m, CLIENT_END, -KTLS_E_CERT_TYPE);
	mitm_end(&m);
	/* a key in place of a certificate is none */
	begin(&m, &takes_p256, &has_p256, 0);
	mitm_run(&m, ext_edit, &drop);
	mitm_failed(&m, CLIENT_END, -KTLS_E_CERT_PARSE);
	mitm_end(&m);
}

/* A server of 1.2 has none to offer, whatever it says */
TEST(none_in_tls12)
{
	struct ext_edit edit = { SERVER_END, HT_SERVER_HELLO, SERVER_TYPE,
				 "\2", 1, false };
	char *pem = raw_pem("p256");
	struct mitm m;

	for (int i = 0; i < 2; i++) {
		mitm_begin(&m, KTLS_OPTS(.raw_keys_pem = pem),
			   KTLS_OPTS(.max_version = KTLS_TLS12), NULL);
		edit.body = i ? "\0" : "\2";
		mitm_run(&m, ext_edit, &edit);
		/* X.509 would do, but it is not what the server has hashed */
		if (i)
			EXPECT_NE(m.hs[CLIENT_END]->error,
				  -KTLS_E_CERT_TYPE_CHOICE);
		else
			mitm_failed(&m, CLIENT_END,
				    -KTLS_E_CERT_TYPE_CHOICE);
		mitm_end(&m);
	}
	mitm_begin(&m, KTLS_OPTS(.raw_keys_pem = pem),
		   KTLS_OPTS(.max_version = KTLS_TLS12), NULL);
	mitm_run(&m, NULL, NULL);
	mitm_agree(&m);
	EXPECT_FALSE(m.hs[CLIENT_END]->info.peer_raw_key);
	mitm_end(&m);
	free(pem);
}

/* Certificates with this list in place of the server's key */
static int forge_list(const struct slice *entry, size_t n, const char *exts,
		      size_t exts_len)
{
	struct forged x = { SERVER_END, HT_CERTIFICATE, { NULL, 0 } };
	struct wr body = { 0 };
	struct mitm m;
	int err;

	wr_u8(&body, 0);
	wr_vec(&body, 3) {
		for (size_t i = 0; i < n; i++) {
			wr_opaque(&body, 3, entry[i]);
			wr_opaque(&body, 2, (struct slice){
				  (const uint8_t *)exts, exts_len });
		}
	}
	ASSERT_TRUE(wr_ok(&body));
	x.body = (struct slice){ body.buf, body.len };
	begin(&m, &takes_p256, &has_p256, 0);
	mitm_run(&m, flight_forge, &x);
	err = m.hs[CLIENT_END]->error;
	if (err)
		mitm_failed(&m, CLIENT_END, err);
	mitm_end(&m);
	wr_free(&body);
	return err;
}

TEST(lists)
{
	size_t len, other_len;
	uint8_t *der = raw_der("p256", &len), *longer = calloc(len + 1, 1);
	uint8_t *other = raw_der("p384", &other_len);
	struct slice good[] = { { der, len }, { der, len } };

	ASSERT_TRUE(longer);
	memcpy(longer, der, len);
	EXPECT_EQ(forge_list(good, 0, "", 0), -KTLS_E_CERT_EMPTY);
	EXPECT_EQ(forge_list(good, 2, "", 0), -KTLS_E_CERT_CHAIN);
	EXPECT_EQ(forge_list(&(struct slice){ der, len - 1 }, 1, "", 0),
		  -KTLS_E_CERT_PARSE);
	EXPECT_EQ(forge_list(&(struct slice){ longer, len + 1 }, 1, "", 0),
		  -KTLS_E_CERT_PARSE);
	EXPECT_EQ(forge_list(&(struct slice){ der, 0 }, 1, "", 0),
		  -KTLS_E_DECODE);
	EXPECT_EQ(forge_list(&(struct slice){ other, other_len }, 1, "", 0),
		  -KTLS_E_RAW_KEY);
	EXPECT_EQ(forge_list(good, 1, "\0\5\0\5\1\0\0\1x", 9),
		  -KTLS_E_EXT_UNSOLICITED);
	for (size_t i = 0; i < len; i++) {
		int err;

		memcpy(longer, der, len);
		longer[i] ^= 1;
		err = forge_list(&(struct slice){ longer, len }, 1, "", 0);
		EXPECT_TRUE(err == -KTLS_E_RAW_KEY ||
			    err == -KTLS_E_CERT_PARSE) TH_LOG("%zu", i);
	}
	free(der);
	free(longer);
	free(other);
}

/* Whoever shows the key has to have its other half */
static void other_signature(struct mitm *m, enum end from, struct flight *f,
			    void *arg)
{
	(void)m;
	(void)arg;
	for (size_t i = 0; i < f->n; i++)
		if (from == SERVER_END &&
		    item_is(&f->item[i], HT_CERTIFICATE_VERIFY))
			f->item[i].data.buf[f->item[i].data.len - 1] ^= 1;
}

TEST(signature)
{
	struct mitm m;

	begin(&m, &takes_p256, &has_p256, 0);
	mitm_run(&m, other_signature, NULL);
	mitm_failed(&m, CLIENT_END, -KTLS_E_SIGNATURE);
	mitm_end(&m);
}

/* Without X.509 credentials TLS 1.2 has nothing to offer */
TEST(server_with_a_key_in_tls12)
{
	const struct ktls_cred cred = raw_cred("p256");
	struct mitm m;

	mitm_begin(&m, KTLS_OPTS(.max_version = KTLS_TLS12),
		   KTLS_OPTS(.creds = &cred, .creds_len = 1), NULL);
	mitm_run(&m, NULL, NULL);
	EXPECT_EQ(m.alert[SERVER_END], KTLS_ALERT_HANDSHAKE_FAILURE);
	mitm_end(&m);
}

/* A status was asked for, and a key has none */
TEST(status)
{
	const struct ktls_cred cred = raw_cred("p256");
	char *pem = raw_pem("p256");
	struct mitm m;

	for (int i = 0; i < 2; i++) {
		mitm_begin(&m, KTLS_OPTS(.raw_keys_pem = pem,
				.flags = i ? KTLS_F_NEED_STATUS :
					     KTLS_F_STATUS),
			   KTLS_OPTS(.creds = &cred, .creds_len = 1), NULL);
		mitm_run(&m, NULL, NULL);
		if (i)
			mitm_failed(&m, CLIENT_END, -KTLS_E_STATUS_MISSING);
		else
			mitm_agree(&m);
		mitm_end(&m);
	}
	free(pem);
}

/* A key is hardly shorter when it is compressed: it goes as it is */
TEST(with_compression)
{
	const struct ktls_cred cred = raw_cred("p256");
	char *pem = raw_pem("p256");
	struct mitm m;

	mitm_begin(&m, KTLS_OPTS(.raw_keys_pem = pem,
				 .cert_compression = "zlib:zstd"),
		   KTLS_OPTS(.creds = &cred, .creds_len = 1,
			     .cert_compression = "zlib:zstd"), NULL);
	mitm_run(&m, NULL, NULL);
	mitm_agree(&m);
	EXPECT_EQ(m.hs[CLIENT_END]->info.peer_cert_compression, 0);
	mitm_end(&m);
	free(pem);
}

/* ---- options ----------------------------------------------------------- */

static int try(const struct ktls_opts *opts, const char *text)
{
	struct ktls_opts o = *opts;
	struct ktls_config *cfg;
	char why[256];
	int err;

	o.role = o.role ? o.role : KTLS_CLIENT;
	o.error = why;
	o.error_size = sizeof(why);
	err = ktls_config_new(&cfg, &o);
	if (text)
		EXPECT_TRUE(strstr(why, text)) TH_LOG("%s", why);
	ktls_config_put(cfg);
	return err;
}

#define TRY(text, ...)	try(KTLS_OPTS(__VA_ARGS__), text)

TEST(trusted_keys)
{
	char *p256 = raw_pem("p256"), *p384 = raw_pem("p384");
	char *hash = raw_hash("p256"), *upper = strdup(hash);
	char path[] = "/tmp/rawkey.XXXXXX", two[4096], list[256];
	size_t len;
	uint8_t *der = raw_der("p256", &len);
	int fd = mkstemp(path);

	ASSERT_OK(fd);
	ASSERT_EQ(write(fd, der, len), len);
	close(fd);
	for (char *p = upper; *p; p++)
		*p = *p >= 'a' ? (char)(*p - 32) : *p;
	snprintf(two, sizeof(two), "text\n%s%s", p384, p256);
	snprintf(list, sizeof(list), "%s:%s", hash, upper);
	EXPECT_OK(TRY(NULL, .raw_keys_file = path));
	EXPECT_OK(TRY(NULL, .raw_keys_pem = two));
	EXPECT_OK(TRY(NULL, .raw_key_hashes = hash));
	EXPECT_OK(TRY(NULL, .raw_key_hashes = list,
		      .flags = KTLS_F_RAW_KEYS_ONLY));
	snprintf(list, sizeof(list), "%s:", hash);
	EXPECT_EQ(TRY("hex digits", .raw_key_hashes = list),
		  -KTLS_E_OPTION);
	EXPECT_EQ(TRY("hex digits", .raw_key_hashes = ""), -KTLS_E_OPTION);
	EXPECT_EQ(TRY("hex digits", .raw_key_hashes = hash + 1),
		  -KTLS_E_OPTION);
	snprintf(list, sizeof(list), "%s0", hash);
	EXPECT_EQ(TRY("hex digits", .raw_key_hashes = list),
		  -KTLS_E_OPTION);
	list[64] = 0;
	list[10] = 'g';
	EXPECT_EQ(TRY("hex digits", .raw_key_hashes = list),
		  -KTLS_E_OPTION);
	EXPECT_EQ(TRY("no public key found", .raw_keys_pem = "none"),
		  -KTLS_E_CA_FILE);
	EXPECT_EQ(TRY("public key 1: does not parse",
		      .raw_keys_file = pki("p256")), -KTLS_E_CA_FILE);
	p256[100] ^= 1;
	EXPECT_EQ(TRY("does not parse", .raw_keys_pem = p256),
		  -KTLS_E_CA_FILE);
	EXPECT_EQ(TRY("/nowhere: No such", .raw_keys_file = "/nowhere"),
		  -KTLS_E_CA_FILE);
	ASSERT_OK(truncate(path, (off_t)len - 1));
	EXPECT_EQ(TRY("does not parse", .raw_keys_file = path),
		  -KTLS_E_CA_FILE);
	unlink(path);
	free(p256);
	free(p384);
	free(hash);
	free(upper);
	free(der);
}

TEST(senseless_options)
{
	char *hash = raw_hash("p256");
	struct ktls_cred cred = raw_cred("p256");
	const unsigned int only = KTLS_F_RAW_KEYS_ONLY;

	EXPECT_EQ(TRY("without verification", .raw_key_hashes = hash,
		      .verify = KTLS_VERIFY_NONE), -KTLS_E_OPTION);
	EXPECT_EQ(TRY("without raw keys", .flags = only), -KTLS_E_OPTION);
	EXPECT_EQ(TRY("without TLS 1.3", .flags = only,
		      .raw_key_hashes = hash, .max_version = KTLS_TLS12),
		  -KTLS_E_OPTION);
	EXPECT_EQ(TRY("about certificates", .raw_key_hashes = hash,
		      .flags = only | KTLS_F_STATUS), -KTLS_E_OPTION);
	EXPECT_EQ(TRY("without verification", .role = KTLS_SERVER,
		      .creds = &cred, .creds_len = 1,
		      .raw_key_hashes = hash), -KTLS_E_OPTION);
	EXPECT_OK(TRY(NULL, .role = KTLS_SERVER, .creds = &cred,
		      .creds_len = 1));
	cred.ocsp_file = "x";
	EXPECT_EQ(TRY("no OCSP response", .creds = &cred, .creds_len = 1),
		  -KTLS_E_OPTION);
	cred = (struct ktls_cred){ .key_file = pki("ca") };
	EXPECT_EQ(TRY("no private key", .creds = &cred, .creds_len = 1),
		  -KTLS_E_KEY_FILE);
	cred.key_file = NULL;
	EXPECT_EQ(TRY("without a certificate or a key", .creds = &cred,
		      .creds_len = 1), -KTLS_E_CERT_FILE);
	free(hash);
}

HARNESS_MAIN
