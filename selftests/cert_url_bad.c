// SPDX-License-Identifier: GPL-2.0-only
/*
 * client_certificate_url (RFC 6066 5): what may be wrong with the message, and
 * with what is at its URLs.
 */
#include <string.h>

#include <openssl/sha.h>

#include "cert_url_lib.h"
#include "harness.h"
#include "peer.h"

/* ---- what is wrong with it --------------------------------------------- */

/* A client with URL, its server, and what the one says in place of it */
static void begin(struct mitm *m, enum ktls_verify verify,
		  unsigned int max_chain, size_t max_message)
{
	struct ktls_cred cred = pki_cred("client");

	cred.url = URL;
	mitm_begin(m, KTLS_OPTS(TLS12, .creds = &cred, .creds_len = 1),
		   KTLS_OPTS(.hooks = &web_hooks, .verify = verify,
			     .max_chain = max_chain,
			     .max_message = max_message), NULL);
}

static void say(struct mitm *m, const void *body, size_t len)
{
	struct forged f = { CLIENT_END, HT_CERTIFICATE_URL,
			    { body, len } };

	mitm_run(m, flight_forge, &f);
}

static void fails(const void *body, size_t len, int err, size_t asked)
{
	struct mitm m;

	web.asked = 0;
	begin(&m, KTLS_VERIFY_REQUIRE, 2, 0);
	say(&m, body, len);
	mitm_failed(&m, SERVER_END, -err);
	EXPECT_EQ(web.asked, asked);
	mitm_end(&m);
}

#define HASH	"01234567890123456789"
#define ENTRY	"\0\12http://x/1\1" HASH
#define FAILS(s, err)	fails(s, sizeof(s) - 1, KTLS_E_##err, 0)

TEST(messages_that_are_refused_before_anything_is_fetched)
{
	publish("client", true);
	FAILS("", DECODE);
	FAILS("\0", DECODE);
	FAILS("\0\0\0", DECODE);
	FAILS("\0\0\41" ENTRY "x", DECODE);
	FAILS("\0\0\42" ENTRY, DECODE);
	FAILS("\0\0\40\0\11http://x/\1" HASH "x", DECODE);
	FAILS("\0\0\27\0\0\1" HASH, DECODE);
	FAILS("\0\0\102" ENTRY "\0\377http://x/1\1" HASH, DECODE);
	FAILS("\2\0\41" ENTRY, CERT_URL);
	FAILS("\1\0\102" ENTRY ENTRY, CERT_URL);
	FAILS("\0\0\143" ENTRY ENTRY ENTRY, CERT_CHAIN);
	FAILS("\0\0\41\0\12http://x/1\0" HASH, CERT_URL);
	FAILS("\0\0\41\0\12http://x\r1\1" HASH, CERT_URL);
	/* the second as well */
	FAILS("\0\0\102" ENTRY "\0\12http://x\0001\1" HASH, CERT_URL);
}

TEST(urls)
{
	static const char *const good[] = {
		"http://x", "h:x", "ldap://[2001:db8::7]/c=GB?objectClass?one",
		"HTTP://a.b:80/%7Ec/;d=e?f&g=h!$'()*+,@", "a+b-c.1:z",
	}, *const bad[] = {
		"", "http", "http:", "://x", "/etc/passwd", "//x/y", "1a:x",
		"http://x y", "http://x#y", "http://x\n", "http://\xc3\xbc/",
		"http://x\"", "http://x\\y", "http://<x>", "http://x|y",
		"http://{x}", "http://x`id`", "http://x^y", "h_:x", "h/:x",
		"http://x\x7f",
	};
	char url[CERT_URL_MAX + 1];

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		EXPECT_TRUE(cert_url_valid((struct slice){
			(const uint8_t *)good[i], strlen(good[i]) }))
			TH_LOG("%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		EXPECT_FALSE(cert_url_valid((struct slice){
			(const uint8_t *)bad[i], strlen(bad[i]) }))
			TH_LOG("%s", bad[i]);
	memset(url, 'x', sizeof(url));
	memcpy(url, "http://", 7);
	for (size_t len = CERT_URL_MAX; len <= CERT_URL_MAX + 1; len++)
		EXPECT_EQ(cert_url_valid((struct slice){ (uint8_t *)url, len }),
			  len <= CERT_URL_MAX);
	EXPECT_FALSE(cert_url_valid((struct slice){
		(const uint8_t *)"http://x\0y", 10 }));
}

/* Once, and then nothing of the kind */
static void twice(struct mitm *m, enum end from, struct flight *f, void *arg)
{
	const uint8_t none[] = { HT_CERTIFICATE, 0, 0, 3, 0, 0, 0 };
	const bool *same = arg;

	(void)m;
	flight_part(f);
	if (from != CLIENT_END || !item_is(&f->item[0], HT_CERTIFICATE_URL))
		return;
	if (*same)
		flight_copy(f, 1, &f->item[0]);
	else
		flight_insert(f, 1, CT_HANDSHAKE, f->item[0].sealed, none,
			      sizeof(none));
}

TEST(once)
{
	for (int i = 0; i < 2; i++) {
		bool same = i;
		struct mitm m;

		publish("client", true);
		begin(&m, KTLS_VERIFY_REQUIRE, 0, 0);
		mitm_run(&m, twice, &same);
		mitm_failed(&m, SERVER_END, -KTLS_E_UNEXPECTED);
		EXPECT_EQ(web.asked, 1);
		mitm_end(&m);
	}
}

/* ---- what is wrong with what is there ---------------------------------- */

static void unobtained(enum ktls_verify verify, ssize_t answer, size_t len)
{
	struct mitm m;

	publish("client", true);
	web.answer = answer;
	web.page[0].len = len;
	begin(&m, verify, 0, 0);
	mitm_run(&m, NULL, NULL);
	EXPECT_EQ(web.asked, 1);
	if (verify == KTLS_VERIFY_REQUIRE) {
		mitm_failed(&m, SERVER_END, -KTLS_E_CERT_UNOBTAINABLE);
		EXPECT_TRUE(strstr(ktls_hs_error_text(m.hs[SERVER_END]), URL));
		EXPECT_EQ(m.alert[SERVER_END], 111);
	} else {
		/* RFC 6066 5: without it, and nobody is taken for verified */
		mitm_agree(&m);
		EXPECT_STREQ(m.hs[SERVER_END]->info.peer_subject, "");
		EXPECT_EQ(m.hs[SERVER_END]->info.peer_verified, 0);
		EXPECT_EQ(m.hs[SERVER_END]->info.peer_sigalg, 0);
		/* nor may one who was somebody become nobody */
		web.answer = 0;
		web.asked = 0;
		publish("client", true);
		again(&m, NULL);
		check_taken(&m, "client");
		web.answer = -1;
		again(&m, NULL);
		mitm_failed(&m, SERVER_END, -KTLS_E_PEER_CHANGED);
	}
	mitm_end(&m);
}

TEST(unobtainable)
{
	for (enum ktls_verify v = KTLS_VERIFY_OPTIONAL;
	     v <= KTLS_VERIFY_REQUIRE; v++) {
		unobtained(v, 0, 0);
		unobtained(v, -1, 0);
		unobtained(v, 1, 0);	/* more than there was room for */
	}
}

/* Always fatal */
TEST(another_hash)
{
	for (enum ktls_verify v = KTLS_VERIFY_OPTIONAL;
	     v <= KTLS_VERIFY_REQUIRE; v++) {
		struct mitm m;

		publish("client", true);
		web.page[0].b[web.page[0].len - 1] ^= 1;
		begin(&m, v, 0, 0);
		mitm_run(&m, NULL, NULL);
		mitm_failed(&m, SERVER_END, -KTLS_E_CERT_HASH);
		EXPECT_EQ(m.alert[SERVER_END], 114);
		mitm_end(&m);
	}
}

/* As the client says, to the byte: but what is it? */
static void page_fails(const void *p, size_t len, int err)
{
	uint8_t body[] = "\1\0\41" ENTRY;

	web = (struct web){ .page[0].len = len };
	memcpy(web.page[0].b, p, len);
	SHA1(p, len, body + sizeof(body) - 1 - 20);
	fails(body, sizeof(body) - 1, err, 1);
}

#define PAGE_FAILS(s)	page_fails(s, sizeof(s) - 1, KTLS_E_CERT_PARSE)

TEST(pages_that_are_no_path)
{
	struct page p;

	PAGE_FAILS("x");
	PAGE_FAILS("\60\0");
	PAGE_FAILS("\60\2\60");
	PAGE_FAILS("\60\2\60\0");
	PAGE_FAILS("\60\2\60\1x");
	PAGE_FAILS("\60\3\61\1x");
	PAGE_FAILS("\60\201\2\60\0");		/* longer than need be */
	PAGE_FAILS("\60\202\0\2\60\0");
	PAGE_FAILS("\60\204\0\0\0\2\60\0");
	PAGE_FAILS("\60\200\60\0\0\0");		/* BER's indefinite form */
	PAGE_FAILS("\60\377");
	publish("client", true);
	p = web.page[0];
	p.b[p.len] = 0;
	page_fails(p.b, p.len + 1, KTLS_E_CERT_PARSE);
	page_fails(p.b, p.len - 1, KTLS_E_CERT_PARSE);
	/* a certificate, and not a path of it */
	page_fails(p.b + 4, p.len - 4, KTLS_E_CERT_PARSE);
}

/* In Certificate's order, that is the wrong one: 10.1 */
TEST(path_from_the_leaf)
{
	struct wr w = { 0 };

	publish("chain", false);
	wr_u8(&w, 0x30);
	wr_u8(&w, 0x82);
	wr_vec(&w, 2) {
		wr_bytes(&w, web.page[0].b, web.page[0].len);
		wr_bytes(&w, web.page[1].b, web.page[1].len);
	}
	page_fails(w.buf, w.len, KTLS_E_CERT_USAGE);
	wr_free(&w);
}

TEST(path_too_long)
{
	struct wr w = { 0 };

	publish("client", false);
	wr_u8(&w, 0x30);
	wr_u8(&w, 0x82);
	wr_vec(&w, 2)
		for (int i = 0; i < 3; i++)
			wr_bytes(&w, web.page[0].b, web.page[0].len);
	page_fails(w.buf, w.len, KTLS_E_CERT_CHAIN);
	wr_free(&w);
}

/* Of all together no more than a Certificate may have */
TEST(pages_too_large)
{
	struct ktls_cred cred = pki_cred("chain");
	struct mitm m;

	publish("chain", false);
	cred.cert_urls = "http://x/1 http://x/2";
	mitm_begin(&m, KTLS_OPTS(TLS12, .creds = &cred, .creds_len = 1),
		   KTLS_OPTS(.hooks = &web_hooks, .verify = KTLS_VERIFY_REQUIRE,
			     .max_message = web.page[0].len + 100), NULL);
	mitm_run(&m, NULL, NULL);
	EXPECT_EQ(web.size, 100);
	mitm_failed(&m, SERVER_END, -KTLS_E_CERT_UNOBTAINABLE);
	mitm_end(&m);
}

HARNESS_MAIN
