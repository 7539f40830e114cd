// SPDX-License-Identifier: GPL-2.0-only
/* The syntax of handshake messages (RFC 9846 4), each by itself */
#include <stdlib.h>
#include <string.h>

#include "../lib/include/ktls.h"
#include "../lib/msg.h"
#include "harness.h"

#define SLICE(s)	{ (const uint8_t *)(s), sizeof(s) - 1 }
#define RANDOM32	"0123456789abcdef0123456789ABCDEF"
#define ASKED_ALL	0xffffffffu

/* ---- a parser for each, so that they can be tried alike ---------------- */

static int p_client_hello(struct slice body)
{
	struct client_hello m;

	return parse_client_hello(body, &m);
}

static int p_server_hello(struct slice body)
{
	struct server_hello m;
	int err = parse_server_hello(body, &m);

	return err ? err : parse_server_hello_exts(&m, ASKED_ALL);
}

static int p_encrypted_extensions(struct slice body)
{
	struct exts e;

	return parse_encrypted_extensions(body, ASKED_ALL, &e);
}

static int p_certificate_request(struct slice body)
{
	struct certificate_request m;

	return parse_certificate_request(body, &m);
}

static int p_certificate(struct slice body)
{
	struct certificate m;
	struct slice der;
	struct exts e;
	int err = parse_certificate(body, &m), more = 1;

	while (!err && more > 0) {
		size_t left = m.list.len;

		more = parse_certificate_entry(&m.list, ASKED_ALL, &der, &e);
		/* it goes on, or it never ends */
		EXPECT_TRUE(more <= 0 || m.list.len < left);
	}
	return err ? err : more;
}

static int p_compressed_certificate(struct slice body)
{
	struct compressed_certificate m;

	return parse_compressed_certificate(body, &m);
}

static int p_certificate_verify(struct slice body)
{
	struct certificate_verify m;

	return parse_certificate_verify(body, &m);
}

static int p_new_session_ticket(struct slice body)
{
	struct new_session_ticket m;

	return parse_new_session_ticket(body, &m);
}

static int p_key_update(struct slice body)
{
	uint8_t request;

	return parse_key_update(body, &request);
}

static const struct message {
	const char *name;
	int (*parse)(struct slice body);
	struct slice body;
	/* shorter ones that are right as well: without what is optional */
	size_t also[2];
} messages[] = {
	{ "ClientHello", p_client_hello, SLICE(
	  "\3\3" RANDOM32 "\2id" "\0\4\x13\1\x13\2" "\1\0"
	  "\0\23" "\0\53\0\3\2\3\4" "\0\15\0\4\0\2\4\3" "\0\22\0\0"),
	  { 2 + 32 + 3 + 6 + 2 } },
	{ "ServerHello", p_server_hello, SLICE(
	  "\3\3" RANDOM32 "\2id" "\x13\1" "\0"
	  "\0\17" "\0\53\0\2\3\4" "\0\63\0\5\0\35\0\1x"),
	  { 2 + 32 + 3 + 2 + 1 } },
	{ "EncryptedExtensions", p_encrypted_extensions, SLICE(
	  "\0\16" "\0\0\0\0" "\0\20\0\6\0\4\3foo"), { 0 } },
	{ "CertificateRequest", p_certificate_request, SLICE(
	  "\0" "\0\16" "\0\15\0\4\0\2\4\3" "zz\0\2ab"), { 0 } },
	{ "Certificate", p_certificate, SLICE(
	  "\0" "\0\0\21" "\0\0\3der" "\0\0" "\0\0\4more" "\0\0"), { 0 } },
	{ "CertificateVerify", p_certificate_verify, SLICE(
	  "\4\3" "\0\4sign"), { 0 } },
	{ "NewSessionTicket", p_new_session_ticket, SLICE(
	  "\0\0\1\0" "\1\2\3\4" "\1n" "\0\3tkt" "\0\10"
	  "\0\52\0\4\0\0\100\0"), { 0 } },
	{ "KeyUpdate", p_key_update, SLICE("\1"), { 0 } },
	{ "CompressedCertificate", p_compressed_certificate, SLICE(
	  "\0\1" "\0\1\0" "\0\0\4data"), { 0 } },
};

#define N_MESSAGES	(sizeof(messages) / sizeof(*messages))

/* In memory that ends where the message does */
static int parse_copy(const struct message *m, const uint8_t *p, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	int err;

	ASSERT_TRUE(copy);
	if (len)
		memcpy(copy, p, len);
	err = m->parse((struct slice){ copy, len });
	free(copy);
	return err;
}

static bool is_whole(const struct message *m, size_t len)
{
	return len == m->body.len || (len && (len == m->also[0] ||
					      len == m->also[1]));
}

TEST(whole)
{
	for (size_t i = 0; i < N_MESSAGES; i++)
		EXPECT_OK(parse_copy(&messages[i], messages[i].body.p,
				     messages[i].body.len))
			TH_LOG("%s", messages[i].name);
}

TEST(every_truncation)
{
	for (size_t i = 0; i < N_MESSAGES; i++) {
		const struct message *m = &messages[i];

		for (size_t len = 0; len < m->body.len; len++)
			EXPECT_EQ(parse_copy(m, m->body.p, len),
				  is_whole(m, len) ? 0 : -KTLS_E_DECODE)
				TH_LOG("%s, %zu bytes", m->name, len);
	}
}

TEST(data_left_over)
{
	for (size_t i = 0; i < N_MESSAGES; i++) {
		const struct message *m = &messages[i];
		uint8_t more[256] = { 0 };

		memcpy(more, m->body.p, m->body.len);
		EXPECT_EQ(parse_copy(m, more, m->body.len + 1),
			  -KTLS_E_DECODE) TH_LOG("%s", m->name);
	}
}

/* Whatever a byte says, no parser reads past the end or never returns */
TEST(every_value_of_every_byte)
{
	for (size_t i = 0; i < N_MESSAGES; i++) {
		const struct message *m = &messages[i];

		for (size_t at = 0; at < m->body.len; at++) {
			uint8_t changed[256];

			memcpy(changed, m->body.p, m->body.len);
			for (unsigned int v = 0; v < 256; v++) {
				int err;

				changed[at] = (uint8_t)v;
				err = parse_copy(m, changed, m->body.len);
				EXPECT_LE(err, 0);
				EXPECT_GE(err, -KTLS_E_EXT_ORDER);
			}
		}
	}
}

static uint32_t rnd(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* Cut, repeated, overwritten, a few times over: the same each run */
TEST(structured_noise)
{
	uint32_t seed = 0x9846;

	for (size_t n = 0; n < 60000; n++) {
		const struct message *m = &messages[n % N_MESSAGES];
		uint8_t b[512];
		size_t len = m->body.len;

		memcpy(b, m->body.p, len);
		for (uint32_t k = 1 + rnd(&seed) % 4; k--; ) {
			size_t at = len ? rnd(&seed) % len : 0;
			size_t part = rnd(&seed) % (len - at + 1);

			switch (rnd(&seed) % 4) {
			case 0:
				memmove(b + at, b + at + part,
					len - at - part);
				len -= part;
				break;
			case 1:
				if (len + part > sizeof(b))
					break;
				memmove(b + at + part, b + at, len - at);
				len += part;
				break;
			case 2:
				memset(b + at, (int)rnd(&seed), part);
				break;
			default:
				if (len)
					b[at] = (uint8_t)rnd(&seed);
			}
		}
		EXPECT_LE(parse_copy(m, b, len), 0);
	}
}

/* ---- single rules ------------------------------------------------------ */

static int hello(size_t session_id, size_t suites, size_t compression)
{
	static const uint8_t zeros[256];
	struct wr w = { 0 };
	int err;

	wr_u16(&w, 0x0303);
	wr_bytes(&w, RANDOM32, 32);
	wr_opaque(&w, 1, (struct slice){ zeros, session_id });
	wr_opaque(&w, 2, (struct slice){ zeros, suites });
	wr_opaque(&w, 1, (struct slice){ zeros, compression });
	ASSERT_TRUE(wr_ok(&w));
	err = p_client_hello((struct slice){ w.buf, w.len });
	wr_free(&w);
	return err;
}

TEST(client_hello_ranges)
{
	EXPECT_OK(hello(0, 2, 1));
	EXPECT_OK(hello(32, 2, 1));
	EXPECT_EQ(hello(33, 2, 1), -KTLS_E_DECODE);
	EXPECT_EQ(hello(0, 0, 1), -KTLS_E_DECODE);
	EXPECT_EQ(hello(0, 3, 1), -KTLS_E_DECODE);
	EXPECT_EQ(hello(0, 2, 0), -KTLS_E_DECODE);
	EXPECT_OK(hello(0, 2, 255));
}

TEST(retry_is_known_by_its_random)
{
	struct server_hello m, out = {
		.version = 0x0303,
		.random = { retry_random, RANDOM_LEN },
		.where = IN_HRR,
		.session_id = SLICE("id"),
		.suite = 0x1302,
		.exts = {
			.set = EXT_BIT(EXT_SUPPORTED_VERSIONS) |
			       EXT_BIT(EXT_KEY_SHARE) | EXT_BIT(EXT_COOKIE),
			.version = 0x0304,
			.share_group = 0x18,
			.cookie = SLICE("crumbs"),
		},
	};
	struct wr w = { 0 };

	write_server_hello(&w, &out);
	ASSERT_TRUE(wr_ok(&w));
	ASSERT_OK(parse_server_hello((struct slice){ w.buf, w.len }, &m));
	EXPECT_EQ(m.where, IN_HRR);
	EXPECT_EQ(m.version, 0x0303);
	EXPECT_EQ(m.suite, 0x1302);
	EXPECT_TRUE(slice_eq(m.session_id, out.session_id));
	ASSERT_OK(parse_server_hello_exts(&m, ASKED_ALL));
	EXPECT_EQ(m.exts.set, out.exts.set);
	EXPECT_EQ(m.exts.share_group, 0x18);
	EXPECT_TRUE(slice_eq(m.exts.cookie, out.exts.cookie));
	/* a bit of it makes it a ServerHello, where that is malformed */
	w.buf[2 + 31] ^= 1;
	ASSERT_OK(parse_server_hello((struct slice){ w.buf, w.len }, &m));
	EXPECT_NE(m.where, IN_HRR);
	EXPECT_NE(parse_server_hello_exts(&m, ASKED_ALL), 0);
	wr_free(&w);
}

TEST(client_hello_and_back)
{
	const struct client_hello out = {
		.version = 0x0303,
		.random = SLICE(RANDOM32),
		.session_id = SLICE("session"),
		.suites = SLICE("\x13\1\x13\3"),
		.compression = SLICE("\0"),
		.exts = { .set = EXT_BIT(EXT_SERVER_NAME),
			  .server_name = SLICE("name") },
	};
	struct client_hello m;
	struct wr w = { 0 };

	write_client_hello(&w, &out);
	ASSERT_TRUE(wr_ok(&w));
	ASSERT_OK(parse_client_hello((struct slice){ w.buf, w.len }, &m));
	EXPECT_EQ(m.version, out.version);
	EXPECT_TRUE(slice_eq(m.random, out.random));
	EXPECT_TRUE(slice_eq(m.session_id, out.session_id));
	EXPECT_TRUE(slice_eq(m.suites, out.suites));
	EXPECT_TRUE(slice_eq(m.compression, out.compression));
	EXPECT_TRUE(slice_eq(m.exts.server_name, out.exts.server_name));
	EXPECT_EQ(m.ext_block.p + m.ext_block.len, w.buf + w.len);
	wr_free(&w);
}

TEST(certificate_entries)
{
	static const struct slice list = SLICE("\0\0\1a\0\0" "\0\0\2bc\0\0");
	static const struct slice bad[] = {
		SLICE("\0\0\0\0\0"),		/* no certificate */
		SLICE("\0\0\1a"),		/* no extensions */
		SLICE("\0\0\1a\0\4\0\5\0\1"),
		SLICE("\0\0\2a"),
	};
	struct slice left = list, der;
	struct exts e;

	EXPECT_EQ(parse_certificate_entry(&left, 0, &der, &e), 1);
	EXPECT_EQ(der.len, 1);
	EXPECT_EQ(parse_certificate_entry(&left, 0, &der, &e), 1);
	EXPECT_EQ(der.len, 2);
	EXPECT_EQ(parse_certificate_entry(&left, 0, &der, &e), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		left = bad[i];
		EXPECT_EQ(parse_certificate_entry(&left, 0, &der, &e),
			  -KTLS_E_DECODE) TH_LOG("list %zu", i);
	}
	/* an answer to what nobody asked, and one that does not belong here */
	left = (struct slice)SLICE("\0\0\1a\0\4\0\5\0\0");
	EXPECT_EQ(parse_certificate_entry(&left, 0, &der, &e),
		  -KTLS_E_EXT_UNSOLICITED);
	left = (struct slice)SLICE("\0\0\1a\0\4\0\15\0\0");
	EXPECT_EQ(parse_certificate_entry(&left, 0, &der, &e),
		  -KTLS_E_EXT_FORBIDDEN);
}

TEST(tickets)
{
	struct new_session_ticket m;
	static const struct slice empty = SLICE(
		"\0\0\1\0" "\1\2\3\4" "\0" "\0\0" "\0\0");
	static const struct slice unknown = SLICE(
		"\377\377\377\377" "\1\2\3\4" "\0" "\0\1t" "\0\5"
		"\372\372\0\1x");

	EXPECT_EQ(parse_new_session_ticket(empty, &m), -KTLS_E_DECODE);
	ASSERT_OK(parse_new_session_ticket(messages[6].body, &m));
	EXPECT_EQ(m.lifetime, 256);
	EXPECT_EQ(m.age_add, 0x01020304);
	EXPECT_EQ(m.nonce.len, 1);
	EXPECT_EQ(m.ticket.len, 3);
	EXPECT_EQ(m.exts.max_early_data, 0x4000);
	/* unknown extensions are ignored here */
	EXPECT_OK(parse_new_session_ticket(unknown, &m));
}

HARNESS_MAIN
