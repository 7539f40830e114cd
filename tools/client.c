// SPDX-License-Identifier: MIT
#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addresses.h"
#include "client_state.h"
#include "log.h"
#include "metrics.h"

#define SEND_PROGRESS	16384	/* taken in time: more time is given */
#define LINGER_BYTES	(1024 * 1024)	/* read and thrown away at the end */

static struct client *client_of(struct stream *st)
{
	return list_entry(st, struct client, stream);
}

static void arm(struct client *c, enum deadline deadline)
{
	server_arm(c->stream.server, &c->timer, deadline);
	c->progress = client_sent_bytes(c);
}

uint64_t client_sent_bytes(const struct client *c)
{
	return c->sent + (c->x ? c->x->head.sent + c->x->body.sent : 0);
}

/* ---- the end ----------------------------------------------------------- */

static void free_exchange(struct client *c)
{
	if (!c->x)
		return;
	log_exchange(c);
	c->sent = client_sent_bytes(c);
	http_request_free(&c->x->req);
	response_free(&c->x->res);
	free(c->x);
	c->x = NULL;
}

/* What is being sent stays until client_freed() */
static void client_free(struct client *c)
{
	log_client(c);
	list_del(&c->timer.list);
	list_del(&c->all);
	stream_free(&c->stream);
}

void client_freed(struct stream *st)
{
	struct client *c = client_of(st);
	struct server *s = st->server;

	free_exchange(c);
	rest_free(c);
	if (c->reset)
		setsockopt(st->fd, SOL_SOCKET, SO_LINGER,
			   &(struct linger){ .l_onoff = 1 },
			   sizeof(struct linger));
	close(st->fd);
	addresses_give(&c->peer);
	free(c);
	server_freed(s);
}

static void resume(struct client *c)
{
	if (c->paused)
		stream_resume(&c->stream);
	c->paused = false;
}

/* Not while something of an exchange is being sent */
static void end_side(struct client *c, enum state state, enum deadline deadline)
{
	free_exchange(c);
	rest_free(c);
	c->state = (uint8_t)state;
	arm(c, deadline);
	stream_close(&c->stream);
	resume(c);
}

static void begin_shutdown(struct client *c, const char *why)
{
	if (!c->end)
		c->end = why;
	end_side(c, SHUTDOWN, DEADLINE_SEND);
}

/*
 * Unread data at close(2) makes TCP send a reset, which may overtake what the
 * peer has not read yet: an answer's end, an alert.  So read what still comes.
 */
void client_closed(struct stream *st, int err)
{
	struct client *c = client_of(st);

	if (err && !c->end)
		c->error = err;
	c->state = LINGER;
	arm(c, DEADLINE_LINGER);
	if (err || c->ended)
		client_free(c);
}

static void throw_away(struct client *c, size_t len)
{
	if (len > LINGER_BYTES - c->rest_len) {
		client_free(c);
		return;
	}
	c->rest_len += (uint32_t)len;
}

static void fail_memory(struct client *c)
{
	c->error = -ENOMEM;
	begin_shutdown(c, NULL);
}

/* After a failure to receive: the library has sent an alert if one is due */
static void fail_read(struct client *c, int err)
{
	bool rude = err == -KTLS_E_TRUNCATED && !c->x;

	c->error = err;
	if (rude)	/* and harmless between two requests */
		c->end = "closed by peer";
	if (rude || err > -KTLS_E_DECODE) {
		client_free(c);
		return;
	}
	if (err == -KTLS_E_TRUNCATED)
		begin_shutdown(c, NULL);
	else	/* nothing is left to say, but there may be more to read */
		end_side(c, LINGER, DEADLINE_LINGER);
}

/* ---- requests ---------------------------------------------------------- */

static bool begin_exchange(struct client *c)
{
	c->x = malloc(sizeof(*c->x));
	if (!c->x)
		return false;
	http_request_init(&c->x->req);
	c->x->res = (struct response){ 0 };
	c->x->head = c->x->body = (struct ktls_job){ .file = -1 };
	arm(c, DEADLINE_REQUEST);
	return true;
}

static void begin_send(struct client *c)
{
	struct exchange *x = c->x;
	bool joined;

	c->requests++;
	c->state = SEND;
	if (c->stream.server->service->verbose)
		log_request(c);
	joined = response_join(&x->res);
	x->head.buf = x->res.head.buf;
	x->head.len = x->res.head.len;
	x->head.more = x->res.left && !joined;
	arm(c, DEADLINE_SEND);
	stream_send(&c->stream, &x->head);
	if (!x->head.more)
		return;
	response_body(&x->res, &x->body);
	stream_send(&c->stream, &x->body);
}

static void answer(struct client *c)
{
	struct server *s = c->stream.server;

	if (respond(&c->x->res, &c->x->req, &s->service->site,
		    server_files(s), s->draining))
		begin_send(c);
	else
		fail_memory(c);
}

static void take_request(struct client *c)
{
	if (!auth_needed(c) || auth_done(c)) {
		answer(c);
		return;
	}
	c->state = AUTH;
	arm(c, DEADLINE_REQUEST);
	stream_ask(&c->stream);
	resume(c);
}

/* Who has closed its side gives no answer */
static void auth_over(struct client *c)
{
	if (!auth_done(c))
		c->x->req.status = HTTP_STATUS_FORBIDDEN;
	answer(c);
}

void client_answered(struct stream *st, int err)
{
	struct client *c = client_of(st);

	if (c->state != AUTH)
		return;
	/* it has not offered that, or has closed its side */
	if (err && err != -KTLS_E_NO_POST_AUTH && err != -EPIPE) {
		fail_read(c, err);
		return;
	}
	/* a ticket of now makes the next connection known at once */
	if (!err && auth_done(c)) {
		int n = ktls_conn_send_tickets(st->conn, 1);

		if (n < 0 && n != -EAGAIN) {
			fail_read(c, n);
			return;
		}
	}
	auth_over(c);
}

/* A request or a part of one; returns how many bytes belong to it */
static size_t feed(struct client *c, const char *data, size_t len)
{
	if (c->x || begin_exchange(c))
		return http_request_feed(&c->x->req, data, len);
	fail_memory(c);
	return len;
}

static void take_data(struct client *c, const char *data, size_t len)
{
	size_t used = feed(c, data, len);
	int err;

	if (c->state != READ || !c->x->req.done)
		return;
	err = rest_keep(c, data + used, len - used);
	if (err)
		fail_memory(c);
	else
		take_request(c);
}

static void take_rest(struct client *c)
{
	size_t left = c->rest_len - c->rest_at;
	size_t used = feed(c, c->rest + c->rest_at, left);

	if (c->state != READ)
		return;
	c->rest_at += (uint32_t)used;
	if (used == left)
		rest_free(c);
	if (c->x->req.done)
		take_request(c);
}

static void take_end(struct client *c)
{
	if (c->end_error)
		fail_read(c, c->end_error);
	else
		begin_shutdown(c, "closed by peer");
}

static void begin_read(struct client *c)
{
	c->state = READ;
	/* drained: what had not begun by now gets little time to */
	arm(c, c->stream.server->draining ? DEADLINE_LINGER : DEADLINE_IDLE);
	if (c->rest)
		take_rest(c);
	if (c->state != READ)
		return;
	if (c->ended)
		take_end(c);
	else
		resume(c);
}

/* ---- what the stream tells --------------------------------------------- */

/* Nothing that is served here does harm if it is served twice */
static void take_early(struct client *c)
{
	struct stream *st = &c->stream;
	char *buf = st->server->buf;
	ssize_t n;

	while (!st->freed && st->conn) {
		n = ktls_conn_early_read(st->conn, buf, SERVER_BUF);
		if (n > 0)
			client_data(st, buf, (size_t)n);
		else if (n < 0)
			fail_read(c, (int)n);
		if (n <= 0)
			return;
	}
}

void client_ready(struct stream *st, int err)
{
	struct client *c = client_of(st);

	if (!err) {
		log_ready(c);
		begin_read(c);
		take_early(c);
		return;
	}
	log_handshake(c);
	end_side(c, LINGER, DEADLINE_LINGER);
}

void client_data(struct stream *st, const void *buf, size_t len)
{
	struct client *c = client_of(st);
	int err;

	if (c->state == SHUTDOWN || c->state == LINGER) {
		throw_away(c, len);
		return;
	}
	c->received += len;
	if (c->state == READ) {
		take_data(c, buf, len);
		return;
	}
	err = rest_keep(c, buf, len);
	if (err && c->state == AUTH) {
		fail_read(c, err);
	} else if (err) {
		c->error = err;
		client_free(c);
	}
}

void client_sent(struct stream *st, const struct ktls_job *job, int err)
{
	struct client *c = client_of(st);
	bool close_after;

	if (job->more)
		return;		/* if it has failed, so will the next */
	if (err == -ENODATA) {
		/* it was promised longer: only the end can say so */
		begin_shutdown(c, "file became shorter");
	} else if (err) {
		c->error = err;
		if (err == -KTLS_E_KEY_LIMIT)
			begin_shutdown(c, NULL);
		else
			client_free(c);
	} else {
		close_after = c->x->res.close;
		free_exchange(c);
		if (close_after)
			begin_shutdown(c, "closed by us");
		else
			begin_read(c);
	}
}

/* Of the socket, in both directions: there is nobody to send to */
static bool reset(int err)
{
	return err == -ECONNRESET || err == -EPIPE || err == -ETIMEDOUT;
}

static void cut(struct client *c, int err)
{
	c->error = err;
	client_free(c);
}

void client_end(struct stream *st, int err)
{
	struct client *c = client_of(st);

	c->ended = true;
	c->end_error = err;
	if (c->state == READ)
		take_end(c);
	else if (c->state == AUTH && err)
		fail_read(c, err);
	else if (c->state == AUTH)
		auth_over(c);
	else if (c->state == LINGER)
		client_free(c);
	else if (reset(err))
		cut(c, err);
}

/* ---- for the server ---------------------------------------------------- */

int client_new(struct server *s, int fd, const union net_addr *peer)
{
	struct ktls_config *config = service_config(s->service);
	struct client *c = calloc(1, sizeof(*c));
	struct ktls_hs *hs = NULL;
	int err = c ? ktls_hs_new(&hs, config, NULL) : -ENOMEM;

	ktls_config_put(config);
	if (!err)
		err = stream_open(&c->stream, s, hs, fd);
	if (err) {
		log_line("new connection: %s", ktls_strerror(err));
		ktls_hs_free(hs);
		free(c);
		return -1;
	}
	ktls_hs_set_data(hs, c);
	c->peer = *peer;
	c->begun = s->now;
	list_init(&c->all);
	list_init(&c->timer.list);
	list_move_tail(&c->all, &s->clients);
	metrics_accept();
	arm(c, DEADLINE_HANDSHAKE);
	return 0;
}

static void expire_request(struct client *c)
{
	if (!c->x)
		begin_shutdown(c, "idle timeout");
	else if (respond_error(&c->x->res, &c->x->req,
			       HTTP_STATUS_REQUEST_TIMEOUT))
		begin_send(c);
	else
		fail_memory(c);
}

void client_expire(struct timer *timer)
{
	struct client *c = list_entry(timer, struct client, timer);

	if (c->state == READ || c->state == AUTH) {
		log_expire(c);
		expire_request(c);
		return;
	}
	if (c->state == SEND &&
	    client_sent_bytes(c) - c->progress >= SEND_PROGRESS) {
		arm(c, DEADLINE_SEND);
		return;
	}
	log_expire(c);
	if (c->state == HANDSHAKE) {
		c->end = "handshake timeout";
	} else if (c->state != LINGER) {
		/* what it did not take is not kept for it either */
		c->end = "send timeout";
		c->reset = true;
	}
	client_free(c);
}

void client_drain(struct list *all)
{
	struct client *c = list_entry(all, struct client, all);

	if (c->state == SEND)
		c->x->res.close = true;
	if (c->state == READ && !c->x)
		begin_shutdown(c, "drained");
}

void client_cut(struct list *all)
{
	client_free(list_entry(all, struct client, all));
}
