// SPDX-License-Identifier: GPL-2.0-only
#include "raw_lib.h"
#include "record_lib.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Out of a record layer, which forgets it */
static struct record take_record(struct record *from)
{
	struct record rec = *from;

	*from = (struct record){ 0 };
	return rec;
}

void raw_open(struct raw *r, const struct mode *m, enum ktls_role role,
	      const struct ktls_opts *more)
{
	bool client = role == KTLS_CLIENT;
	struct ktls_config *ours = mode_config(m, role, more);
	struct ktls_config *theirs = mode_user_config(m, client ?
						      KTLS_SERVER :
						      KTLS_CLIENT);
	struct ktls_conn *them;
	struct pair p;
	int fd[2];

	tcp_pair(fd);
	set_socket(fd[0]);
	set_socket(fd[1]);
	pair_over(&p, fd, client ? ours : theirs, client ? theirs : ours);
	ktls_config_put(ours);
	them = client ? p.server : p.client;
	*r = (struct raw){
		.us = client ? p.client : p.server,
		.us_fd = p.fd[!client],
		.fd = p.fd[client],
		.config = theirs,
		.suite = m->suite,
		.tx = take_record(user_tx_record(them->utx)),
		.rx = take_record(user_rx_record(them->urx)),
	};
	conn_secret(them, CONN_TX, &r->tx_secret);
	conn_secret(them, CONN_RX, &r->rx_secret);
	ASSERT_EQ(ktls_conn_kernel(r->us), mode_kernel_bits(m));
	ktls_conn_free(them);
}

void raw_close(struct raw *r)
{
	ktls_conn_free(r->us);
	close(r->us_fd);
	close(r->fd);
	record_free(&r->tx);
	record_free(&r->rx);
	wr_free(&r->out);
	ktls_config_put(r->config);
}

/* ---- sending ----------------------------------------------------------- */

void raw_add(struct raw *r, uint8_t type, const void *p, size_t len)
{
	ASSERT_OK(record_seal(&r->tx, KTLS_TLS12, type, p, len, &r->out));
}

void raw_push(struct raw *r)
{
	ASSERT_EQ(send(r->fd, r->out.buf, r->out.len, MSG_NOSIGNAL),
		  r->out.len);
	wr_reset(&r->out);
}

void raw_send(struct raw *r, uint8_t type, const void *p, size_t len)
{
	raw_add(r, type, p, len);
	raw_push(r);
}

void raw_add_padded(struct raw *r, uint8_t type, const void *p, size_t len,
		    size_t pad)
{
	struct wr w = { 0 };

	if (!pad) {
		raw_add(r, type, p, len);
		return;
	}
	/* the last zero stands where record_seal() puts the type */
	wr_bytes(&w, p, len);
	wr_u8(&w, type);
	for (size_t i = 1; i < pad; i++)
		wr_u8(&w, 0);
	ASSERT_TRUE(wr_ok(&w));
	raw_add(r, 0, w.buf, w.len);
	wr_free(&w);
}

void raw_alert(struct raw *r, uint8_t level, uint8_t alert)
{
	const uint8_t rec[] = { level, alert };

	raw_send(r, CT_ALERT, rec, sizeof(rec));
}

void raw_fin(struct raw *r)
{
	ASSERT_OK(shutdown(r->fd, SHUT_WR));
}

/* ---- receiving --------------------------------------------------------- */

/* @len bytes, or the end of the stream before the first of them */
static bool recv_all(int fd, uint8_t *p, size_t len)
{
	size_t at = 0;

	while (at < len) {
		ssize_t n = recv(fd, p + at, len - at, 0);

		if (!n && !at)
			return false;
		ASSERT_GT(n, 0) TH_LOG("after %zu of %zu bytes: errno %d", at,
				       len, n ? errno : 0);
		at += (size_t)n;
	}
	return true;
}

ssize_t raw_recv(struct raw *r, uint8_t *type, void *buf, size_t size)
{
	uint8_t rec[RECORD_MAX];
	struct record_header h;
	struct slice content;

	if (!recv_all(r->fd, rec, RECORD_HEADER))
		return -1;
	ASSERT_OK(record_header(&r->rx, rec, &h));
	if (r->suite->version == KTLS_TLS13)
		ASSERT_EQ(h.type, CT_DATA);
	ASSERT_TRUE(recv_all(r->fd, rec + RECORD_HEADER, h.len));
	ASSERT_OK(record_open(&r->rx, rec, RECORD_HEADER + (size_t)h.len,
			      type, &content));
	ASSERT_LE(content.len, size);
	memcpy(buf, content.p, content.len);
	return (ssize_t)content.len;
}

void raw_want(struct raw *r, const void *p, size_t len)
{
	uint8_t buf[RECORD_PLAIN_MAX], type;

	ASSERT_EQ(raw_recv(r, &type, buf, sizeof(buf)), len);
	ASSERT_EQ(type, CT_DATA);
	ASSERT_MEMEQ(buf, p, len);
}

void raw_want_alert(struct raw *r, uint8_t alert)
{
	uint8_t buf[RECORD_PLAIN_MAX], type;

	ASSERT_EQ(raw_recv(r, &type, buf, sizeof(buf)), 2);
	ASSERT_EQ(type, CT_ALERT);
	EXPECT_STREQ(ktls_alert_name(buf[1]), ktls_alert_name(alert));
	EXPECT_EQ(buf[1], alert);
	EXPECT_EQ(buf[0], alert == KTLS_ALERT_CLOSE_NOTIFY ? 1 : 2);
}

void raw_want_end(struct raw *r)
{
	uint8_t buf[RECORD_PLAIN_MAX], type;

	ASSERT_EQ(raw_recv(r, &type, buf, sizeof(buf)), -1);
}

/* ---- keys -------------------------------------------------------------- */

void raw_rekey_tx(struct raw *r)
{
	ASSERT_OK(traffic_update(r->config->crypto, r->suite, &r->tx_secret));
	ASSERT_OK(record_set_secret(&r->tx, r->config->crypto, r->suite,
				    &r->tx_secret, true));
}

void raw_rekey_rx(struct raw *r)
{
	ASSERT_OK(traffic_update(r->config->crypto, r->suite, &r->rx_secret));
	ASSERT_OK(record_set_secret(&r->rx, r->config->crypto, r->suite,
				    &r->rx_secret, false));
}

/* ---- messages ---------------------------------------------------------- */

size_t make_ticket(uint8_t *buf, size_t size, size_t len)
{
	struct wr w = { 0 };
	size_t n;

	wr_u8(&w, HT_NEW_SESSION_TICKET);
	wr_vec(&w, 3) {
		wr_u32(&w, 7200);
		wr_u32(&w, 0x18181818);
		wr_vec(&w, 1)
			wr_u8(&w, 0x18);
		wr_vec(&w, 2)
			for (size_t i = 0; i < len; i++)
				wr_u8(&w, HT_KEY_UPDATE);
		wr_vec(&w, 2)
			;
	}
	ASSERT_TRUE(wr_ok(&w));
	ASSERT_LE(w.len, size);
	n = w.len;
	memcpy(buf, w.buf, n);
	wr_free(&w);
	return n;
}

size_t make_key_update(uint8_t *buf, uint8_t request)
{
	const uint8_t msg[] = { HT_KEY_UPDATE, 0, 0, 1, request };

	memcpy(buf, msg, sizeof(msg));
	return sizeof(msg);
}

void raw_add_key_update(struct raw *r, uint8_t request)
{
	uint8_t msg[5];

	raw_add(r, CT_HANDSHAKE, msg, make_key_update(msg, request));
	raw_rekey_tx(r);
}

void raw_want_key_update(struct raw *r, uint8_t request)
{
	uint8_t want[5], buf[RECORD_PLAIN_MAX], type;

	ASSERT_EQ(raw_recv(r, &type, buf, sizeof(buf)), 5);
	ASSERT_EQ(type, CT_HANDSHAKE);
	make_key_update(want, request);
	ASSERT_MEMEQ(buf, want, 5);
	raw_rekey_rx(r);
}

void raw_us_recv(struct raw *r, const char *text)
{
	char buf[64];

	ASSERT_EQ(ktls_recv(r->us, buf, sizeof(buf), 0), strlen(text));
	ASSERT_MEMEQ(buf, text, strlen(text));
}

void raw_us_send(struct raw *r, const char *text)
{
	ASSERT_EQ(ktls_send(r->us, text, strlen(text), 0), strlen(text));
	raw_want(r, text, strlen(text));
}

/* ---- failure ----------------------------------------------------------- */

void raw_failed(struct raw *r, int err, uint8_t alert)
{
	struct ktls_info info;
	uint8_t c = 0;

	EXPECT_EQ(ktls_recv(r->us, &c, 1, 0), err);
	/* of this direction only: the other may be closed in good order */
	if (err == -KTLS_E_TRUNCATED)
		return;
	EXPECT_EQ(ktls_send(r->us, &c, 1, 0), err);
	EXPECT_EQ(ktls_conn_rekey(r->us, 0), err);
	EXPECT_EQ(ktls_conn_export(r->us, "l", NULL, 0, &c, 1), err);
	EXPECT_FALSE(ktls_conn_events(r->us) & KTLS_EV_REKEY);
	ktls_conn_info(r->us, &info);
	EXPECT_EQ(info.alert_sent, alert);
	EXPECT_EQ(ktls_error_alert(err), alert);
	ASSERT_OK(ktls_conn_shutdown(r->us));
	if (alert != KTLS_ALERT_NONE)
		raw_want_alert(r, alert);
	raw_want_end(r);
}

void raw_recv_fails(struct raw *r, int err, uint8_t alert)
{
	uint8_t buf[64];

	ASSERT_EQ(ktls_recv(r->us, buf, sizeof(buf), 0), err);
	raw_failed(r, err, alert);
}
