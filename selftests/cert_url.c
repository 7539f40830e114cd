// SPDX-License-Identifier: GPL-2.0-only
/*
 * client_certificate_url (RFC 6066 5): a client's certificate by its URL, and
 * who is never asked to fetch it.
 */
#include <stdio.h>
#include <string.h>

#include <openssl/sha.h>

#include "cert_url_lib.h"
#include "ext_lib.h"
#include "harness.h"
#include "peer.h"

#define EXT_URL	2

/* ---- what the client sends --------------------------------------------- */

static void count(struct mitm *m, enum end from, struct flight *f, void *arg)
{
	unsigned int *seen = arg;

	(void)m;
	for (size_t i = 0; i < f->n && from == CLIENT_END; i++) {
		struct slice body;

		if (item_is(&f->item[i], HT_CLIENT_HELLO))
			seen[EXT_URL] += ext_find(&f->item[i], EXT_URL, &body);
		if (item_is(&f->item[i], HT_CERTIFICATE) ||
		    item_is(&f->item[i], HT_CERTIFICATE_URL))
			seen[f->item[i].data.buf[0]]++;
	}
}

FIXTURE(sent) {
	struct mitm m;
};

FIXTURE_VARIANT(sent) {
	const char *cert, *url, *urls;
	size_t asked;
};

#define SENT(name, ...) FIXTURE_VARIANT_ADD(sent, name) { __VA_ARGS__ }
SENT(path_of_one, "client", URL, NULL, 1);
SENT(path_of_two, "chain", URL, NULL, 1);
SENT(path_of_a_long_one, "rsa2048", "HTTPS://[::1]:80/?%41;=*~", NULL, 1);
SENT(one, "client", NULL, "http://x/1", 1);
SENT(two, "chain", NULL, "http://x/1 http://y/2", 2);

FIXTURE_SETUP(sent)
{
	struct ktls_cred cred = pki_cred(variant->cert);

	publish(variant->cert, variant->url);
	cred.url = variant->url;
	cred.cert_urls = variant->urls;
	mitm_begin(&self->m, KTLS_OPTS(TLS12, .creds = &cred, .creds_len = 1),
		   KTLS_OPTS(.hooks = &web_hooks, .verify = KTLS_VERIFY_REQUIRE),
		   NULL);
}

FIXTURE_TEARDOWN(sent)
{
	mitm_end(&self->m);
}

TEST_F(sent, and_fetched)
{
	const char *first = variant->url ? variant->url : "http://x/1";
	unsigned int seen[32] = { 0 };
	uint8_t digest[20];

	mitm_run(&self->m, count, seen);
	check_taken(&self->m, variant->cert);
	EXPECT_EQ(seen[EXT_URL], 1);
	EXPECT_EQ(seen[HT_CERTIFICATE], 0);
	EXPECT_EQ(seen[HT_CERTIFICATE_URL], 1);
	ASSERT_EQ(web.asked, variant->asked);
	EXPECT_STREQ(web.url[0], first);
	if (web.asked > 1)
		EXPECT_STREQ(web.url[1], "http://y/2");
	EXPECT_EQ(web.pkipath, variant->url != NULL);
	SHA1(web.page[web.asked - 1].b, web.page[web.asked - 1].len, digest);
	EXPECT_MEMEQ(web.sha1, digest, sizeof(digest));
	EXPECT_EQ(web.hs, self->m.hs[SERVER_END]);
	EXPECT_EQ(web.size, 65536 - (web.asked > 1 ? web.page[0].len : 0));
}

/* A resumption has no certificate, by whichever name */
TEST_F(sent, not_in_a_resumption)
{
	unsigned int seen[32] = { 0 };

	mitm_run(&self->m, NULL, NULL);
	mitm_again(&self->m);
	mitm_run(&self->m, count, seen);
	mitm_agree(&self->m);
	EXPECT_EQ(self->m.hs[SERVER_END]->info.resumed, 1);
	EXPECT_EQ(seen[HT_CERTIFICATE_URL], 0);
	EXPECT_EQ(web.asked, variant->asked);
}

TEST_F(sent, again_in_a_renegotiation)
{
	mitm_run(&self->m, NULL, NULL);
	web.asked = 0;
	again(&self->m, NULL);
	check_taken(&self->m, variant->cert);
	EXPECT_EQ(web.asked, variant->asked);
}

/* RFC 7627 1 */
TEST_F(sent, not_another_in_a_renegotiation)
{
	struct ktls_cred cred = pki_cred("p384");
	struct ktls_config *other;

	cred.url = URL;
	other = config(KTLS_OPTS(.role = KTLS_CLIENT, .creds = &cred,
				 .creds_len = 1));
	mitm_run(&self->m, NULL, NULL);
	publish("p384", true);
	again(&self->m, other);
	mitm_failed(&self->m, SERVER_END, -KTLS_E_PEER_CHANGED);
	EXPECT_EQ(web.asked, 1);
	ktls_config_put(other);
}

/* ---- to whom it is not sent -------------------------------------------- */

FIXTURE(unsent) {
	struct mitm m;
};

FIXTURE_VARIANT(unsent) {
	uint16_t version;
	bool hook;
	const char *url;
	enum ktls_verify verify;
	unsigned int offered, certificates;
};

#define UNSENT(name, ...) FIXTURE_VARIANT_ADD(unsent, name) { __VA_ARGS__ }
UNSENT(no_hook, KTLS_TLS12, false, URL, KTLS_VERIFY_REQUIRE, 1, 1);
UNSENT(no_url, KTLS_TLS12, true, NULL, KTLS_VERIFY_REQUIRE, 0, 1);
UNSENT(not_asked, KTLS_TLS12, true, URL, KTLS_VERIFY_NONE, 1, 0);
UNSENT(tls13, KTLS_TLS13, true, URL, KTLS_VERIFY_REQUIRE, 1, 1);

FIXTURE_SETUP(unsent)
{
	struct ktls_cred cred = pki_cred("client");

	publish("client", true);
	cred.url = variant->url;
	mitm_begin(&self->m, KTLS_OPTS(.creds = &cred, .creds_len = 1),
		   KTLS_OPTS(.hooks = variant->hook ? &web_hooks : NULL,
			     .max_version = variant->version,
			     .verify = variant->verify), NULL);
}

FIXTURE_TEARDOWN(unsent)
{
	mitm_end(&self->m);
}

TEST_F(unsent, and_the_chain_instead)
{
	unsigned int seen[32] = { 0 };

	mitm_run(&self->m, count, seen);
	mitm_agree(&self->m);
	EXPECT_EQ(seen[EXT_URL], variant->offered);
	EXPECT_EQ(seen[HT_CERTIFICATE], variant->certificates);
	EXPECT_EQ(seen[HT_CERTIFICATE_URL], 0);
	EXPECT_EQ(web.asked, 0);
}

/* Who was not told that it may, must not */
TEST_F(unsent, is_refused_if_it_comes)
{
	const uint8_t type = HT_CERTIFICATE_URL;

	mitm_run_to(&self->m, SERVER_END, variant->version == KTLS_TLS13 ?
		    S_CERT : variant->certificates ? S12_CERT : S12_CKE);
	EXPECT_EQ(mitm_record(&self->m, SERVER_END, CT_HANDSHAKE, &type, 1),
		  -KTLS_E_UNEXPECTED);
	mitm_run(&self->m, NULL, NULL);
	mitm_failed(&self->m, SERVER_END, -KTLS_E_UNEXPECTED);
	EXPECT_EQ(web.asked, 0);
}

/* ---- the extension, the options, a socket ------------------------------ */

static void ext_fails(uint16_t version, const char *url, struct ext_edit edit,
		      int err)
{
	struct ktls_cred cred = pki_cred("client");
	struct mitm m;

	cred.url = url;
	mitm_begin(&m, KTLS_OPTS(.creds = &cred, .creds_len = 1,
				 .max_version = version),
		   KTLS_OPTS(.hooks = &web_hooks, .verify = KTLS_VERIFY_REQUIRE),
		   NULL);
	mitm_run(&m, ext_edit, &edit);
	mitm_failed(&m, OTHER(edit.from), -err);
	mitm_end(&m);
}

TEST(extension)
{
	const struct ext_edit hello = { CLIENT_END, HT_CLIENT_HELLO, EXT_URL,
					"x", 1, false };
	struct ext_edit answer = { SERVER_END, HT_SERVER_HELLO, EXT_URL,
				   "x", 1, false };

	ext_fails(KTLS_TLS12, URL, hello, KTLS_E_DECODE);
	ext_fails(KTLS_TLS12, URL, answer, KTLS_E_DECODE);
	answer.len = 0;
	ext_fails(KTLS_TLS12, NULL, answer, KTLS_E_EXT_UNSOLICITED);
	answer.msg = HT_ENCRYPTED_EXTENSIONS;
	ext_fails(KTLS_TLS13, URL, answer, KTLS_E_EXT_FORBIDDEN);
}

static int option(enum ktls_role role, const char *url, const char *urls)
{
	struct ktls_cred cred = pki_cred("chain");
	struct ktls_config *cfg;
	char why[256];
	int err;

	cred.url = url;
	cred.cert_urls = urls;
	err = ktls_config_new(&cfg, KTLS_OPTS(.role = role, .creds = &cred,
			      .creds_len = 1, .error = why,
			      .error_size = sizeof(why)));
	if (err)
		EXPECT_TRUE(strstr(why, "url")) TH_LOG("%s", why);
	ktls_config_put(cfg);
	return err;
}

TEST(options)
{
	EXPECT_OK(option(KTLS_CLIENT, URL, NULL));
	EXPECT_OK(option(KTLS_CLIENT, NULL, " http://x/1  http://x/2 "));
	EXPECT_EQ(option(KTLS_CLIENT, URL, URL), -KTLS_E_OPTION);
	EXPECT_EQ(option(KTLS_CLIENT, "", NULL), -KTLS_E_OPTION);
	EXPECT_EQ(option(KTLS_CLIENT, "/chain", NULL), -KTLS_E_OPTION);
	EXPECT_EQ(option(KTLS_CLIENT, NULL, ""), -KTLS_E_OPTION);
	EXPECT_EQ(option(KTLS_CLIENT, NULL, URL), -KTLS_E_OPTION);
	EXPECT_EQ(option(KTLS_CLIENT, NULL, URL " " URL " " URL),
		  -KTLS_E_OPTION);
	EXPECT_EQ(option(KTLS_SERVER, URL, NULL), -KTLS_E_OPTION);
	EXPECT_EQ(option(KTLS_SERVER, NULL, URL " " URL), -KTLS_E_OPTION);
}

TEST(on_a_socket)
{
	struct ktls_cred cred = pki_cred("chain"), own = pki_cred("p256");
	struct ktls_config *client, *server;
	struct ktls_info info;
	struct pair p;

	publish("chain", true);
	cred.url = URL;
	client = config(KTLS_OPTS(.role = KTLS_CLIENT, TLS12, .creds = &cred,
				  .creds_len = 1));
	server = config(KTLS_OPTS(.role = KTLS_SERVER, .creds = &own,
				  .creds_len = 1, .hooks = &web_hooks,
				  .verify = KTLS_VERIFY_REQUIRE));
	pair_open(&p, client, server);
	ktls_conn_info(p.server, &info);
	EXPECT_STREQ(info.peer_subject, "CN = chain");
	EXPECT_EQ(web.asked, 1);
	exchange(p.client, p.server, 100000);
	exchange(p.server, p.client, 100000);
	pair_close(&p);
	ktls_config_put(client);
	ktls_config_put(server);
}

HARNESS_MAIN
