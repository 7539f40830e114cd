// SPDX-License-Identifier: GPL-2.0-only
/*
 * After the handshake: records of any kind, from a peer that has the keys and
 * changes its answers to a request for a certificate.  An input is a byte, the
 * way, and then what the ends do (struct edit, whose number of the message is
 * of no matter but in an answer that is changed).
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "../harness.h"
#include "../post_lib.h"
#include "fuzz_way.h"

struct after {
	struct post post;
	struct joined j;
	struct ktls_config *config[2];
	bool ended[2];		/* it has failed, or does not send any more */
	struct input *in;
};

/* ---- what an end does -------------------------------------------------- */

static void record(struct after *a, enum end end, const struct edit *e)
{
	(void)!conn_write(a->j.conn[end], (uint8_t)e->at, e->data.p,
			  e->data.len, 0);
}

/* In the open */
static void bytes(struct after *a, enum end end, const struct edit *e)
{
	(void)!send(a->j.fd[end], e->data.p, e->data.len, MSG_NOSIGNAL);
}

/* @more: the header promises more than there is */
static void say(struct after *a, enum end end, const struct edit *e,
		size_t more)
{
	struct wr w = { 0 };

	wr_u8(&w, (uint8_t)e->at);
	wr_u24(&w, (uint32_t)(e->data.len + more));
	wr_slice(&w, e->data);
	(void)!conn_write(a->j.conn[end], CT_HANDSHAKE, w.buf, w.len, 0);
	wr_free(&w);
}

static void message(struct after *a, enum end end, const struct edit *e)
{
	say(a, end, e, 0);
}

static void beginning(struct after *a, enum end end, const struct edit *e)
{
	say(a, end, e, (size_t)(e->at >> 8) * 16);
}

static void rekey(struct after *a, enum end end, const struct edit *e)
{
	(void)!ktls_conn_rekey(a->j.conn[end], e->at & KTLS_REKEY_BOTH);
}

static void ask(struct after *a, enum end end, const struct edit *e)
{
	(void)e;
	(void)!ktls_conn_request_auth(a->j.conn[end]);
}

static void answer(struct after *a, enum end end, const struct edit *e)
{
	(void)e;
	(void)!ktls_conn_authenticate(a->j.conn[end]);
}

/* The next edit is made to it */
static void forged_answer(struct after *a, enum end end, const struct edit *e)
{
	static struct post_msgs msgs;
	struct ktls_conn *client = a->j.conn[CLIENT_END];
	struct flight f = { 0 };
	struct edit next;

	(void)e;
	edit_read(a->in, &next);
	/* (an update that is due would go out before it) */
	if (end != CLIENT_END || a->ended[CLIENT_END] ||
	    (ktls_conn_events(client) & (KTLS_EV_AUTH | KTLS_EV_REKEY)) !=
	    KTLS_EV_AUTH)
		return;
	post_capture(&a->post, &msgs);
	for (size_t at = 0, n = 0; at < msgs.len; n++) {
		struct slice s = post_msg(&msgs, n);

		flight_insert(&f, f.n, CT_HANDSHAKE, true, s.p, s.len);
		at += s.len;
	}
	edit_apply(&f, next.where % f.n, &next);
	for (size_t i = 0; i < f.n; i++)
		(void)!conn_write(client, f.item[i].type, f.item[i].data.buf,
				  f.item[i].data.len, 0);
	flight_free(&f);
}

static void tickets(struct after *a, enum end end, const struct edit *e)
{
	(void)!ktls_conn_send_tickets(a->j.conn[end], 1 + e->at % 4u);
}

static void data(struct after *a, enum end end, const struct edit *e)
{
	if (e->data.len)
		(void)!ktls_send(a->j.conn[end], e->data.p, e->data.len,
				 MSG_DONTWAIT);
}

static void leave(struct after *a, enum end end, const struct edit *e)
{
	(void)e;
	a->ended[end] = true;
	(void)!ktls_conn_shutdown(a->j.conn[end]);
}

/* To another process and back */
static void move(struct after *a, enum end end, const struct edit *e)
{
	static uint8_t buf[1 << 18];
	struct ktls_conn **conn = &a->j.conn[end];
	ssize_t n = ktls_conn_save(*conn, buf, sizeof(buf), 0);

	(void)e;
	if (n <= 0 || (size_t)n > sizeof(buf))
		return;
	ktls_conn_free(*conn);
	ASSERT_OK(ktls_conn_load(conn, a->config[end], a->j.fd[end], buf,
				 (size_t)n, 0));
	a->post.client = a->j.conn[CLIENT_END];
	a->post.server = a->j.conn[SERVER_END];
}

enum deed {
	RECORD, BYTES, MESSAGE, BEGINNING, REKEY, ASK, ANSWER, FORGED_ANSWER,
	TICKETS, DATA, LEAVE, MOVE, DEEDS
};

static void (*const deeds[DEEDS])(struct after *a, enum end end,
				  const struct edit *e) = {
	record, bytes, message, beginning, rekey, ask, answer, forged_answer,
	tickets, data, leave, move,
};

/* ---- what the other end makes of it ------------------------------------ */

static void hear(struct after *a, enum end end)
{
	struct ktls_conn *conn = a->j.conn[end];
	char buf[64];
	ssize_t n = 0;

	for (int i = 0; i < 64; i++) {
		n = ktls_recv(conn, buf, sizeof(buf), MSG_DONTWAIT);
		if (n == -EAGAIN || n == 0)
			break;
		if (n < 0 && n != -EINTR) {
			a->ended[end] = true;
			break;
		}
	}
	(void)ktls_conn_events(conn);
	(void)!ktls_flush(conn);
	if (n != -KTLS_E_PEER_ALERT)	/* which says what the peer has sent */
		ASSERT_NE(ktls_conn_alert(conn), KTLS_ALERT_INTERNAL_ERROR);
}

static void begin(struct after *a, size_t way, struct input *in)
{
	struct mitm *m = way_begin(way);

	mitm_run(m, NULL, NULL);
	ASSERT_TRUE(mitm_done(m));
	*a = (struct after){ .in = in, .config = { m->config[0],
						   m->config[1] } };
	mitm_join(m, &a->j);
	for (int i = 0; i < 2; i++) {
		ASSERT_OK(fcntl(a->j.fd[i], F_SETFL, O_NONBLOCK));
		a->post.p.fd[i] = a->j.fd[i];
	}
	a->post.client = a->j.conn[CLIENT_END];
	a->post.server = a->j.conn[SERVER_END];
}

void fuzz_post(const uint8_t *p, size_t len)
{
	struct input in = { p, p + len };
	struct after a;

	begin(&a, in_uint(&in, 1) % ways_count(), &in);
	for (int i = 0; in_more(&in) && i < EDITS_MAX; i++) {
		struct edit e;
		enum end end;

		edit_read(&in, &e);
		end = e.where >> 7 ? SERVER_END : CLIENT_END;
		deeds[e.op % DEEDS](&a, end, &e);
		hear(&a, OTHER(end));
		hear(&a, end);
	}
	joined_end(&a.j);
}

/* ---- seeds ------------------------------------------------------------- */

static void add(struct wr *w, enum end end, enum deed deed, uint16_t at,
		const char *text)
{
	const struct edit e = {
		.where = (uint8_t)(end << 7), .op = (uint8_t)deed, .at = at,
		.data = slice_str(text),
	};

	edit_write(w, &e);
}

void seed_post(void)
{
	static const uint8_t types[] = { 0, 1, 4, 5, 11, 13, 15, 20, 24 };

	for (uint8_t way = 0; way < ways_count(); way++) {
		for (enum end end = CLIENT_END; end <= SERVER_END; end++) {
			struct wr w = { 0 };

			wr_u8(&w, way);
			add(&w, end, DATA, 0, "hello");
			add(&w, end, REKEY, 1, "");
			add(&w, OTHER(end), DATA, 0, "hello");
			add(&w, SERVER_END, TICKETS, 1, "");
			add(&w, end, MOVE, 0, "");
			add(&w, end, RECORD, CT_ALERT, "\1\132");
			add(&w, end, DATA, 0, "hello");
			add(&w, end, LEAVE, 0, "");
			seed(w.buf, w.len);
			wr_reset(&w);
			wr_u8(&w, way);
			add(&w, SERVER_END, ASK, 0, "");
			add(&w, CLIENT_END, ANSWER, 0, "");
			add(&w, SERVER_END, ASK, 0, "");
			add(&w, CLIENT_END, FORGED_ANSWER, 0, "");
			add(&w, CLIENT_END, RECORD, 11, "\1");
			seed(w.buf, w.len);
			for (size_t i = 0; i < sizeof(types); i++) {
				wr_reset(&w);
				wr_u8(&w, way);
				add(&w, end, MESSAGE, types[i], "\1\2\3");
				add(&w, end, BEGINNING, types[i], "\1\2\3");
				seed(w.buf, w.len);
			}
			wr_free(&w);
		}
	}
}
