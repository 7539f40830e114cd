// SPDX-License-Identifier: GPL-2.0-only
#include "reasons_lib.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "harness.h"
#include "hello_lib.h"
#include "peer.h"
#include "session_lib.h"

/* ---- in a handshake ----------------------------------------------------- */

static void act_on_hello(struct item *it, const struct act *a)
{
	const uint8_t *p = a->with.p;
	struct hello h;

	hello_open(&h, it);
	switch (a->op) {
	case ACT_VERSION:
		h.version = (uint16_t)(p[0] << 8 | p[1]);
		break;
	case ACT_SESSION_ID:
		hello_set(&h.session_id, p, a->with.len);
		break;
	case ACT_SUITES:
		hello_set(&h.suites, p, a->with.len);
		break;
	case ACT_COMPRESSION:
		hello_set(&h.compression, p, a->with.len);
		break;
	case ACT_PUT:
		hello_put(&h, (uint16_t)a->at, p, a->with.len);
		break;
	case ACT_DROP:
		ASSERT_TRUE(hello_drop(&h, (uint16_t)a->at));
		break;
	default:
		wr_slice(&h.exts, a->with);
		break;
	}
	hello_close(&h);
}

static void act(struct flight *f, size_t i, const struct act *a)
{
	struct item *it = &f->item[i];
	size_t len = it->data.len;
	size_t at = a->at < 0 ? len - (size_t)-a->at : (size_t)a->at;

	switch (a->op) {
	case ACT_NONE:
		break;
	case ACT_CUT:
		it->data.len--;
		item_fix_length(it);
		break;
	case ACT_WRITE:
		ASSERT_LE(at + a->with.len, len);
		memcpy(it->data.buf + at, a->with.p, a->with.len);
		break;
	case ACT_FLIP:
		ASSERT_LT(at, len);
		it->data.buf[at] ^= 1;
		break;
	case ACT_APPEND:
		wr_slice(&it->data, a->with);
		break;
	case ACT_REPLACE:
		item_set(it, a->with.p, a->with.len);
		break;
	case ACT_BEFORE:
		flight_insert(f, i, CT_HANDSHAKE, it->sealed, a->with.p,
			      a->with.len);
		break;
	case ACT_RECORD:
		flight_insert(f, i, (uint8_t)a->at, it->sealed, a->with.p,
			      a->with.len);
		break;
	case ACT_RAW:
		for (int n = 0; n < 40; n++)
			flight_insert(f, i, 0, false, a->with.p,
				      a->with.len)->raw = true;
		break;
	default:
		act_on_hello(it, a);
		break;
	}
}

struct acting {
	const struct reason *r;
	unsigned int seen[ACTS_MAX];
	bool done[ACTS_MAX];
};

static void edit(struct mitm *m, enum end from, struct flight *f, void *arg)
{
	struct acting *c = arg;

	(void)m;
	if (from == c->r->end)
		return;
	flight_part(f);
	for (size_t n = 0; n < ACTS_MAX; n++)
		for (size_t i = 0; i < f->n && !c->done[n]; i++) {
			const struct act *a = &c->r->act[n];

			if (a->op == ACT_NONE ||
			    !item_is(&f->item[i], a->msg) ||
			    c->seen[n]++ != a->nth)
				continue;
			act(f, i, a);
			c->done[n] = true;
		}
}

static void check_text(const struct reason *r, const char *text)
{
	if (r->text)
		EXPECT_TRUE(strstr(text, r->text)) TH_LOG("%s", text);
	else
		EXPECT_STREQ(text, ktls_strerror(r->err));
}

/* What 1.2 does not know yet has an older name there */
static enum ktls_alert alert_of(const struct reason *r)
{
	enum ktls_alert alert = ktls_error_alert(r->err);

	return r->version == KTLS_TLS12 &&
	       (alert == KTLS_ALERT_CERTIFICATE_REQUIRED ||
		alert == KTLS_ALERT_MISSING_EXTENSION) ?
	       KTLS_ALERT_HANDSHAKE_FAILURE : alert;
}

void reason_check(struct mitm *m, const struct reason *r)
{
	struct ktls_hs *hs = m->hs[r->end], *other = m->hs[OTHER(r->end)];
	enum ktls_alert alert = alert_of(r);
	struct ktls_info info;

	EXPECT_EQ(ktls_hs_error(hs), -r->err)
		TH_LOG("%s", ktls_hs_error_text(hs));
	check_text(r, ktls_hs_error_text(hs));
	EXPECT_EQ(m->alert[r->end], alert == KTLS_ALERT_NONE ? -1 :
		  (int)alert);
	ktls_hs_info(hs, &info);
	EXPECT_EQ(info.alert_sent, alert);
	ktls_hs_info(other, &info);
	if (alert != KTLS_ALERT_NONE &&
	    ktls_hs_error(other) == -KTLS_E_PEER_ALERT)
		EXPECT_EQ(info.alert_received, alert);
}

void reason_set_up(struct mitm *m, const struct reason *r)
{
	struct ktls_opts client = r->client, server = r->server;
	struct ktls_cred c, s;

	client.size = server.size = sizeof(client);
	if (r->version)
		client.min_version = server.min_version =
			client.max_version = server.max_version = r->version;
	c = pki_cred(r->client_cert ? r->client_cert : "client");
	c.url = r->client_url;
	s = pki_cred(r->server_cert ? r->server_cert : "p256");
	if (r->server_raw)
		s.cert_file = NULL;
	if (r->key_elsewhere) {
		s.key_file = NULL;
		s.key_elsewhere = 1;
	}
	client.creds = &c;
	client.creds_len = !!r->client_cert;
	server.creds = &s;
	server.creds_len = 1;
	mitm_begin(m, &client, &server, r->name);
	if (r->resumed) {
		ASSERT_EQ(shake13(m->config[CLIENT_END],
				  m->config[SERVER_END], NULL), FULL);
		mitm_again(m);
	}
}

void reason_in_handshake(const struct reason *r)
{
	struct acting c = { .r = r };
	struct mitm m;

	reason_set_up(&m, r);
	mitm_run(&m, edit, &c);
	for (size_t i = 0; i < ACTS_MAX; i++)
		EXPECT_EQ(c.done[i], r->act[i].op != ACT_NONE);
	reason_check(&m, r);
	mitm_end(&m);
}

/* ---- early data --------------------------------------------------------- */

static void begin_early(struct mitm *m, const struct reason *r)
{
	ASSERT_TRUE(r->resumed);
	reason_set_up(m, r);
	ASSERT_EQ(ktls_hs_early_write(m->hs[CLIENT_END], "early", 5), 5);
}

/* Taken by a server whose application protocol is another than the ticket's */
void reason_early_choice(const struct reason *r)
{
	struct mitm m;

	begin_early(&m, r);
	strcpy(m.hs[CLIENT_END]->session.alpn, "other");
	EXPECT_EQ(pump(m.hs[CLIENT_END], m.hs[SERVER_END], 0), -r->err);
	EXPECT_EQ(m.hs[CLIENT_END]->info.alert_sent,
		  ktls_error_alert(r->err));
	mitm_end(&m);
}

void reason_early_data(const struct reason *r)
{
	struct mitm m;

	begin_early(&m, r);
	m.hs[CLIENT_END]->early.left = r->server.early_data;
	ASSERT_EQ(ktls_hs_early_write(m.hs[CLIENT_END], "more", 4), 4);
	EXPECT_EQ(pump(m.hs[CLIENT_END], m.hs[SERVER_END], 0), -r->err);
	EXPECT_EQ(m.hs[SERVER_END]->info.alert_sent,
		  ktls_error_alert(r->err));
	mitm_end(&m);
}

/* ---- in another --------------------------------------------------------- */

/* It cannot be had in 1.3, and nothing is lost */
void reason_no_renegotiation(const struct reason *r)
{
	struct mitm m;

	reason_set_up(&m, r);
	mitm_run(&m, NULL, NULL);
	for (int end = 0; end < 2; end++)
		EXPECT_EQ(ktls_hs_renegotiate(m.hs[end], NULL), -r->err);
	mitm_agree(&m);
	mitm_end(&m);
}

void reason_peer_changed(const struct reason *r)
{
	const struct ktls_cred cred = pki_cred("p384");
	struct ktls_config *other = config(KTLS_OPTS(.role = KTLS_SERVER,
		.creds = &cred, .creds_len = 1, .max_version = KTLS_TLS12));
	struct mitm m;

	reason_set_up(&m, r);
	mitm_run(&m, NULL, NULL);
	ASSERT_OK(ktls_hs_renegotiate(m.hs[CLIENT_END], NULL));
	ASSERT_OK(ktls_hs_renegotiate(m.hs[SERVER_END], other));
	mitm_run(&m, NULL, NULL);
	reason_check(&m, r);
	ktls_config_put(other);
	mitm_end(&m);
}

/* ---- in a config -------------------------------------------------------- */

static const char *path_of(const char *name, bool key)
{
	if (!name || name[0] == '/')
		return name;
	return key ? pki_key(name) : pki(name);
}

void reason_in_config(const struct reason *r)
{
	struct ktls_cred cred = { .cert_file = path_of(r->cert_file, false),
				  .key_file = path_of(r->key_file, true) };
	struct ktls_opts o = r->server;
	struct ktls_config *cfg;
	char why[256];

	o.size = sizeof(o);
	o.role = KTLS_SERVER;
	o.creds = &cred;
	o.creds_len = 1;
	if (r->ca_file) {
		o.ca_file = r->ca_file;
		o.verify = KTLS_VERIFY_REQUIRE;
	}
	o.error = why;
	o.error_size = sizeof(why);
	EXPECT_EQ(ktls_config_new(&cfg, &o), -r->err) TH_LOG("%s", why);
	EXPECT_EQ(cfg, NULL);
	check_text(r, why);
}

/* ---- in a certificate --------------------------------------------------- */

static X509 *load_cert(const char *name)
{
	BIO *bio = BIO_new_file(pki(name), "r");
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	ASSERT_TRUE(x);
	BIO_free(bio);
	return x;
}

static EVP_PKEY *load_key(const char *name)
{
	BIO *bio = BIO_new_file(pki_key(name), "r");
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

	ASSERT_TRUE(key);
	BIO_free(bio);
	return key;
}

/* The CA with a list of its: that revokes "p256", or is outdated */
static void put_crl(BIO *out, bool revokes)
{
	X509 *ca = load_cert("ca"), *x = load_cert("p256");
	EVP_PKEY *key = load_key("ca");
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *t = ASN1_TIME_new();

	ASSERT_EQ(X509_CRL_set_version(crl, 1), 1);
	ASSERT_EQ(X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca)), 1);
	ASSERT_EQ(ASN1_TIME_set_string(t, "20200101000000Z"), 1);
	ASSERT_EQ(X509_CRL_set1_lastUpdate(crl, t), 1);
	if (revokes) {
		X509_REVOKED *rev = X509_REVOKED_new();

		ASSERT_EQ(X509_REVOKED_set_serialNumber(
			rev, X509_get_serialNumber(x)), 1);
		ASSERT_EQ(X509_REVOKED_set_revocationDate(rev, t), 1);
		ASSERT_EQ(X509_CRL_add0_revoked(crl, rev), 1);
		ASSERT_EQ(X509_CRL_sort(crl), 1);
	}
	ASSERT_EQ(ASN1_TIME_set_string(t, revokes ? "20491231235959Z" :
				       "20210101000000Z"), 1);
	ASSERT_EQ(X509_CRL_set1_nextUpdate(crl, t), 1);
	ASSERT_GT(X509_CRL_sign(crl, key, EVP_sha256()), 0);
	ASSERT_EQ(PEM_write_bio_X509(out, ca), 1);
	ASSERT_EQ(PEM_write_bio_X509_CRL(out, crl), 1);
	ASN1_TIME_free(t);
	X509_CRL_free(crl);
	EVP_PKEY_free(key);
	X509_free(ca);
	X509_free(x);
}

void reason_crl(const struct reason *r)
{
	BIO *bio = BIO_new(BIO_s_mem());
	struct reason with = *r;
	char *pem;

	put_crl(bio, r->err == KTLS_E_CERT_REVOKED);
	ASSERT_EQ(BIO_write(bio, "", 1), 1);
	BIO_get_mem_data(bio, &pem);
	with.client.ca_pem = pem;
	reason_in_handshake(&with);
	BIO_free(bio);
}
