// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records of an established connection within the limit that was agreed (RFC
 * 6066 4, RFC 8449), on every path.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "raw_lib.h"

#define FRAGMENT	512
#define PLAIN_MAX	16384

static bool kernel_limits(void)
{
	struct ktls_caps caps;

	ASSERT_OK(ktls_probe(&caps));
	return !caps.max_payload_error;
}

/* ---- what we send ------------------------------------------------------ */

FIXTURE(sending) {
	struct raw raw;
};

/* Where the kernel cannot, user space does: preferred.* */
static bool limited(size_t i, struct mode *m, char *name, size_t size)
{
	for (size_t j = 0; mode_paths(j, m, name, size); j++)
		if ((m->tx != KTLS_PATH_KERNEL || kernel_limits()) && !i--)
			return true;
	return false;
}

MODES(sending, limited);

FIXTURE_SETUP(sending)
{
	struct mode mode = variant->mode;

	mode_need(&mode);
	raw_open(&self->raw, &mode, KTLS_CLIENT,
		 KTLS_OPTS(.max_fragment = FRAGMENT));
}

FIXTURE_TEARDOWN(sending)
{
	raw_close(&self->raw);
}

/* @len bytes of the stream, in records of FRAGMENT each but for the last */
static void want_records(struct raw *r, uint64_t seed, size_t len)
{
	uint8_t buf[PLAIN_MAX + 256], type;
	size_t at = 0;

	while (at < len) {
		ssize_t n = raw_recv(r, &type, buf, sizeof(buf));

		ASSERT_GT(n, 0);
		EXPECT_EQ(type, CT_DATA);
		EXPECT_EQ((size_t)n, len - at < FRAGMENT ? len - at :
							   FRAGMENT);
		stream_check(seed, at, buf, (size_t)n);
		at += (size_t)n;
	}
}

TEST_F(sending, whole_buffers)
{
	static const size_t sizes[] = { 1, 511, 512, 513, 1024, 16384, 30000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		send_stream(self->raw.us, i, 0, sizes[i]);
		want_records(&self->raw, i, sizes[i]);
	}
}

TEST_F(sending, a_file)
{
	char path[] = "/tmp/ktls-limit-XXXXXX";
	uint8_t buf[3000];
	off_t offset = 0;
	int fd = mkstemp(path);

	ASSERT_OK(fd);
	unlink(path);
	stream_fill(7, 0, buf, sizeof(buf));
	ASSERT_EQ(write(fd, buf, sizeof(buf)), sizeof(buf));
	ASSERT_EQ(ktls_sendfile(self->raw.us, fd, &offset, sizeof(buf)),
		  sizeof(buf));
	want_records(&self->raw, 7, sizeof(buf));
	close(fd);
}

TEST_F(sending, said_in_the_info)
{
	struct ktls_info info;

	ktls_conn_info(self->raw.us, &info);
	EXPECT_EQ(info.tx_record, FRAGMENT);
	EXPECT_EQ(info.rx_record, FRAGMENT);
	EXPECT_EQ(info.tx.step, variant->mode.tx == KTLS_PATH_KERNEL ?
		  KTLS_STEP_NONE : KTLS_STEP_OPTION);
}

/* The limit is not the key's: it stays */
TEST_F(sending, after_a_new_key)
{
	uint8_t buf[256], type, update[8];
	size_t len = make_key_update(update, 0);

	if (!mode_rekeys_tx(&variant->mode)) {
		EXPECT_EQ(ktls_conn_rekey(self->raw.us, 0),
			  -KTLS_E_NO_REKEY);
		return;
	}
	ASSERT_OK(ktls_conn_rekey(self->raw.us, 0));
	ASSERT_EQ(raw_recv(&self->raw, &type, buf, sizeof(buf)), (ssize_t)len);
	EXPECT_EQ(type, CT_HANDSHAKE);
	raw_rekey_rx(&self->raw);
	send_stream(self->raw.us, 3, 0, 2000);
	want_records(&self->raw, 3, 2000);
}

/* ---- what we receive --------------------------------------------------- */

FIXTURE(receiving) {
	struct raw raw;
};

MODES(receiving, mode_paths);

FIXTURE_SETUP(receiving)
{
	struct mode mode = variant->mode;

	/* what is sent is not the matter here */
	mode.tx = KTLS_PATH_USER;
	mode_need(&mode);
	raw_open(&self->raw, &mode, KTLS_CLIENT,
		 KTLS_OPTS(.record_size_limit = 100));
}

FIXTURE_TEARDOWN(receiving)
{
	raw_close(&self->raw);
}

static size_t content_max(const struct mode *m)
{
	return m->suite->version == KTLS_TLS13 ? 99 : 100;
}

static void want_data(struct raw *r, const uint8_t *p, size_t len)
{
	uint8_t buf[256];

	for (size_t at = 0; at < len; ) {
		ssize_t n = ktls_recv(r->us, buf, sizeof(buf), 0);

		ASSERT_GT(n, 0);
		ASSERT_LE((size_t)n, len - at);
		EXPECT_MEMEQ(buf, p + at, (size_t)n);
		at += (size_t)n;
	}
}

TEST_F(receiving, at_most)
{
	uint8_t data[100];

	stream_fill(1, 0, data, sizeof(data));
	raw_send(&self->raw, CT_DATA, data, content_max(&variant->mode));
	want_data(&self->raw, data, content_max(&variant->mode));
}

/* The kernel does not look: then it is data like any other */
TEST_F(receiving, one_more)
{
	size_t len = content_max(&variant->mode) + 1;
	uint8_t data[101];

	stream_fill(1, 0, data, sizeof(data));
	raw_send(&self->raw, CT_DATA, data, len);
	if (variant->mode.rx == KTLS_PATH_KERNEL)
		want_data(&self->raw, data, len);
	else
		raw_recv_fails(&self->raw, -KTLS_E_RECORD_OVERFLOW,
			       KTLS_ALERT_RECORD_OVERFLOW);
}

/* 9846 5.4: padding counts */
TEST_F(receiving, padding)
{
	uint8_t data[50] = { 1 };

	if (variant->mode.suite->version != KTLS_TLS13 ||
	    variant->mode.rx == KTLS_PATH_KERNEL) {
		raw_send(&self->raw, CT_DATA, data, sizeof(data));
		want_data(&self->raw, data, sizeof(data));
		return;
	}
	raw_add_padded(&self->raw, CT_DATA, data, sizeof(data), 49);
	raw_push(&self->raw);
	want_data(&self->raw, data, sizeof(data));
	raw_add_padded(&self->raw, CT_DATA, data, sizeof(data), 50);
	raw_push(&self->raw);
	raw_recv_fails(&self->raw, -KTLS_E_RECORD_OVERFLOW,
		       KTLS_ALERT_RECORD_OVERFLOW);
}

/* Of control records the kernel gives the whole, so we look */
TEST_F(receiving, a_message_too_long)
{
	uint8_t msg[400];
	size_t len = make_ticket(msg, sizeof(msg), 200);

	raw_send(&self->raw, CT_HANDSHAKE, msg, len);
	raw_recv_fails(&self->raw, -KTLS_E_RECORD_OVERFLOW,
		       KTLS_ALERT_RECORD_OVERFLOW);
}

/* ---- where the kernel cannot ------------------------------------------- */

FIXTURE(preferred) {
	struct pair pair;
	struct ktls_config *client, *server;
};

FIXTURE_VARIANT(preferred) { uint16_t version; };

FIXTURE_VARIANT_ADD(preferred, tls12) { KTLS_TLS12 };
FIXTURE_VARIANT_ADD(preferred, tls13) { KTLS_TLS13 };

FIXTURE_SETUP(preferred)
{
	self->client = config(KTLS_OPTS(.role = KTLS_CLIENT,
					.min_version = variant->version,
					.max_version = variant->version,
					.record_size_limit = 1000));
	self->server = config(KTLS_OPTS(.role = KTLS_SERVER));
}

FIXTURE_TEARDOWN(preferred)
{
	pair_close(&self->pair);
	ktls_config_put(self->client);
	ktls_config_put(self->server);
}

/* The one that is limited goes to user space, and says why */
TEST_F(preferred, the_direction_that_is_limited)
{
	struct ktls_info client, server, plain;
	struct ktls_caps caps;
	struct ktls_config *plain_client = client_config();
	struct pair other;

	ASSERT_OK(ktls_probe(&caps));
	pair_open(&self->pair, self->client, self->server);
	ktls_conn_info(self->pair.client, &client);
	ktls_conn_info(self->pair.server, &server);
	pair_open(&other, plain_client, self->server);
	ktls_conn_info(other.server, &plain);
	EXPECT_EQ(client.tx_record, PLAIN_MAX);
	EXPECT_LE(server.tx_record, 1000);
	EXPECT_EQ(client.rx_record, server.tx_record);
	/* but for the limit all are alike */
	EXPECT_EQ(client.tx.step, plain.tx.step);
	EXPECT_EQ(client.rx.step, plain.rx.step);
	EXPECT_EQ(server.rx.step, plain.rx.step);
	if (plain.tx.step == KTLS_STEP_NONE && caps.max_payload_error) {
		EXPECT_EQ(server.tx.step, KTLS_STEP_RECORD_SIZE);
		EXPECT_EQ(server.tx.error, caps.max_payload_error);
	} else {
		EXPECT_EQ(server.tx.step, plain.tx.step);
	}
	exchange(self->pair.server, self->pair.client, 100000);
	exchange(self->pair.client, self->pair.server, 100000);
	pair_close(&other);
	ktls_config_put(plain_client);
}

/* Required, it does not agree to what the kernel would not do */
TEST_F(preferred, the_kernel_required)
{
	struct ktls_config *client, *server;
	struct ktls_caps caps;
	struct ktls_info info;
	struct ktls_opts o = { .size = sizeof(o), .role = KTLS_CLIENT,
			       .tx = KTLS_PATH_KERNEL,
			       .record_size_limit = 1000,
			       .ca_file = pki("ca") };
	int err;

	ASSERT_OK(ktls_probe(&caps));
	if (caps.ulp_error)
		SKIP("the kernel has no TLS");
	err = ktls_config_new(&client, &o);
	EXPECT_EQ(err, caps.max_payload_error ? -KTLS_E_NO_KERNEL : 0);
	ktls_config_put(client);
	server = config(KTLS_OPTS(.role = KTLS_SERVER,
				  .tx = KTLS_PATH_KERNEL));
	pair_open(&self->pair, self->client, server);
	ktls_conn_info(self->pair.server, &info);
	EXPECT_EQ(info.tx.step, KTLS_STEP_NONE);
	if (caps.max_payload_error)
		EXPECT_EQ(info.tx_record, PLAIN_MAX);
	else
		EXPECT_LE(info.tx_record, 1000);
	exchange(self->pair.server, self->pair.client, 100000);
	ktls_config_put(server);
}

HARNESS_MAIN
