// SPDX-License-Identifier: GPL-2.0-only
/* The tests of ct.c that are of a part alone */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../lib/config.h"
#include "../lib/record.h"
#include "../lib/ticket.h"
#include "ct_lib.h"
#include "harness.h"

/* What was changed on its way is refused, for its tag and nothing before */
TEST(tickets_that_do_not_open)
{
	struct ktls_config *server = ct_config(OPTS(.alpn = NULL), KTLS_SERVER,
					  NULL);
	uint8_t state[64] = { 0 };
	struct slice aad = slice_str("aad");
	struct wr sealed = { 0 }, out = { 0 };
	struct watch w;
	uint64_t until;
	bool old;

	ct_secret(state, sizeof(state));
	watch_begin(&w);
	ASSERT_OK(ticket_seal(server->tickets, aad,
			      (struct slice){ state, sizeof(state) },
			      &sealed, &until));
	for (size_t i = 0; i <= sealed.len; i++) {
		struct slice s = { sealed.buf, sealed.len };

		if (i < sealed.len)
			sealed.buf[i] ^= 1;
		ASSERT_EQ(ticket_open(server->tickets, aad, s, &out, &old),
			  i == sealed.len);
		if (i < sealed.len)
			sealed.buf[i] ^= 1;
	}
	EXPECT_EQ(out.len, sizeof(state));
	EXPECT_TRUE(ct_is_secret(out.buf, out.len));
	wr_free(&sealed);
	wr_free(&out);
	ktls_config_put(server);
	watch_end(&w, 0);
}

/* Of a record: the padding and the type are looked at, the content is not */
TEST(records_that_do_not_open)
{
	const struct suite *suite = suite_find(0x1301);
	struct record tx = { .pad = 32 }, rx = { 0 };
	struct traffic_keys keys = { 0 };
	struct crypto *crypto;
	struct slice content;
	struct wr out = { 0 };
	uint8_t data[40] = { 0 }, type;
	struct watch w;

	ASSERT_OK(crypto_new(&crypto));
	ct_secret(&keys, sizeof(keys));
	ct_secret(data, sizeof(data));
	watch_begin(&w);
	ASSERT_OK(record_set_key(&tx, crypto, suite, &keys, true));
	ASSERT_OK(record_set_key(&rx, crypto, suite, &keys, false));
	ASSERT_OK(record_seal(&tx, 0x0303, CT_DATA, data, sizeof(data),
			      &out));
	for (size_t i = RECORD_HEADER; i < out.len; i++) {
		uint8_t copy[256];

		ASSERT_LE(out.len, sizeof(copy));
		memcpy(copy, out.buf, out.len);
		copy[i] ^= 1;
		ASSERT_EQ(record_open(&rx, copy, out.len, &type, &content),
			  -KTLS_E_RECORD_MAC);
	}
	ASSERT_OK(record_open(&rx, out.buf, out.len, &type, &content));
	EXPECT_EQ(content.len, sizeof(data));
	EXPECT_TRUE(ct_is_secret(content.p, content.len));
	watch_end(&w, 0);
	wr_free(&out);
	record_free(&tx);
	record_free(&rx);
	crypto_free(crypto);
}

/* Found: a secret that goes out in the open */
TEST(found_in_the_open)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	uint8_t data[16] = { 0 };
	struct watch w;

	ASSERT_OK(fd);
	watch_begin(&w);
	ASSERT_EQ(write(fd, data, sizeof(data)), sizeof(data));
	watch_end(&w, 0);
	ct_secret(data, sizeof(data));
	ASSERT_EQ(write(fd, data, sizeof(data)), sizeof(data));
	EXPECT_EQ(ct_errors() - w.errors, 1);
	close(fd);
}
