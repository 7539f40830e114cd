// SPDX-License-Identifier: MIT
#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "client_state.h"
#include "log.h"

#define TURN_BYTES	(512 * 1024)	/* that a client may send in a turn */
#define REQUEST_BYTES	4096		/* what a request counts for there */
#define SEND_PROGRESS	16384		/* taken in time: more time is given */
#define LINGER_BYTES	(1024 * 1024)	/* read and thrown away at the end */

/* What a step of a state's comes to */
enum next {
	GO,		/* run what is the state now */
	WAIT,		/* for the socket */
	YIELD,		/* there is more to do, and others wait */
	END,
};

/* ---- beginning and end ------------------------------------------------- */

static void free_exchange(struct client *c)
{
	if (!c->x)
		return;
	http_request_free(&c->x->req);
	response_free(&c->x->res);
	free(c->x);
	c->x = NULL;
}

static void arm(struct client *c, enum deadline deadline)
{
	server_arm(c->server, &c->timer, deadline);
	c->progress = 0;
}

static void client_free(struct client *c)
{
	struct server *s = c->server;

	log_client(c);
	free_exchange(c);
	free(c->rest);
	ktls_hs_free(c->hs);
	ktls_conn_free(c->conn);
	if (c->reset)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER,
			   &(struct linger){ .l_onoff = 1 },
			   sizeof(struct linger));
	close(c->fd);
	list_del(&c->timer.list);
	list_del(&c->ready);
	list_del(&c->all);
	free(c);
	server_freed(s);
}

/* ---- the steps --------------------------------------------------------- */

/* Stop sending, and read what still comes: an alert of ours gets through */
static enum next begin_linger(struct client *c)
{
	free_exchange(c);
	c->budget = LINGER_BYTES;
	c->state = LINGER;
	arm(c, DEADLINE_LINGER);
	return GO;
}

static enum next begin_shutdown(struct client *c, const char *why)
{
	if (!c->end)
		c->end = why;
	free_exchange(c);
	c->state = SHUTDOWN;
	arm(c, DEADLINE_SEND);
	return GO;
}

static enum next begin_read(struct client *c)
{
	c->state = READ;
	/* drained: what had not begun by now gets little time to */
	arm(c, c->server->draining ? DEADLINE_LINGER : DEADLINE_IDLE);
	return GO;
}

static enum next fail_handshake(struct client *c)
{
	log_handshake(c);
	ktls_hs_free(c->hs);
	c->hs = NULL;
	c->broken = true;
	shutdown(c->fd, SHUT_WR);
	return begin_linger(c);
}

static enum next step_handshake(struct client *c)
{
	int rc = ktls_hs_run(c->hs, c->fd);

	if (rc > 0)
		return WAIT;
	if (!rc) {
		rc = ktls_offload(&c->conn, c->hs, c->fd);
		/* it has failed now, and has an alert to send */
		if (rc && ktls_hs_run(c->hs, c->fd) > 0)
			return WAIT;
	}
	if (rc)
		return fail_handshake(c);
	c->hs = NULL;
	return begin_read(c);
}

/* After a failure to receive: the library has sent an alert if one is due */
static enum next fail_read(struct client *c, int err)
{
	if (err == -EAGAIN)
		return WAIT;
	if (err == -EINTR)
		return GO;
	c->error = err;
	if (err == -KTLS_E_TRUNCATED && !c->x) {
		/* rude, and harmless between two requests */
		c->end = "closed by peer";
		return END;
	}
	if (err > -KTLS_E_DECODE)
		return END;	/* of the socket: ECONNRESET, ETIMEDOUT */
	c->broken = true;
	shutdown(c->fd, SHUT_WR);
	return begin_linger(c);
}

static enum next fail_send(struct client *c, int err)
{
	if (err == -EAGAIN)
		return WAIT;
	if (err == -EINTR)
		return GO;
	c->error = err;
	if (err == -KTLS_E_KEY_LIMIT)
		return begin_shutdown(c, NULL);
	return END;
}

static bool begin_exchange(struct client *c)
{
	c->x = malloc(sizeof(*c->x));
	if (!c->x)
		return false;
	http_request_init(&c->x->req);
	c->x->res = (struct response){ .fd = -1 };
	arm(c, DEADLINE_REQUEST);
	return true;
}

/* What follows the request at once is the next one, answered after it */
static bool keep_rest(struct client *c, const char *data, size_t len)
{
	if (!len || !c->x->req.keep_alive)
		return true;
	c->rest = malloc(len);
	if (!c->rest)
		return false;
	memcpy(c->rest, data, len);
	c->rest_len = len;
	return true;
}

static enum next fail_memory(struct client *c)
{
	c->error = -ENOMEM;
	return begin_shutdown(c, NULL);
}

static enum next begin_send(struct client *c)
{
	c->requests++;
	c->state = SEND;
	arm(c, DEADLINE_SEND);
	if (c->server->verbose)
		log_request(c);
	return GO;
}

static enum next answer(struct client *c)
{
	if (!respond(&c->x->res, &c->x->req, &c->server->site,
		     c->server->draining))
		return fail_memory(c);
	return begin_send(c);
}

static enum next take_data(struct client *c, const char *data, size_t len)
{
	size_t used;

	if (!c->x && !begin_exchange(c))
		return fail_memory(c);
	used = http_request_feed(&c->x->req, data, len);
	if (!c->x->req.done)
		return GO;
	if (!keep_rest(c, data + used, len - used))
		return fail_memory(c);
	if (!auth_needed(c) || auth_done(c))
		return answer(c);
	auth_begin(c);
	arm(c, DEADLINE_REQUEST);
	return GO;
}

static enum next take_rest(struct client *c)
{
	char *rest = c->rest;
	enum next next;

	c->rest = NULL;
	next = take_data(c, rest, c->rest_len);
	free(rest);
	return next;
}

static enum next step_read(struct client *c)
{
	struct server *s = c->server;
	ssize_t n;

	if (c->budget <= 0)
		return YIELD;
	if (c->rest)
		return take_rest(c);
	/* nothing that is served here does harm if it is served twice */
	n = ktls_conn_early_read(c->conn, s->buf, sizeof(s->buf));
	if (!n)
		n = ktls_recv(c->conn, s->buf, sizeof(s->buf), 0);
	if (n < 0)
		return fail_read(c, (int)n);
	if (!n)
		return begin_shutdown(c, "closed by peer");
	c->received += (uint64_t)n;
	c->budget -= REQUEST_BYTES;
	return take_data(c, s->buf, (size_t)n);
}

static enum next step_auth(struct client *c)
{
	int rc = auth_run(c);

	if (rc < 0)
		return fail_read(c, rc);
	if (!auth_done(c))
		c->x->req.status = HTTP_STATUS_FORBIDDEN;
	return answer(c);
}

static void count_sent(struct client *c, size_t n)
{
	c->sent += n;
	c->budget -= (int)n;
	c->progress += (uint32_t)n;
	if (c->progress >= SEND_PROGRESS)
		arm(c, DEADLINE_SEND);
}

static ssize_t send_head(struct client *c, struct response *res)
{
	/* the file follows in the same record, and ends it */
	ssize_t n = ktls_send(c->conn, res->head.buf + res->head_sent,
			      res->head.len - res->head_sent,
			      res->left ? MSG_MORE : 0);

	if (n > 0)
		res->head_sent += (size_t)n;
	return n;
}

static ssize_t send_file(struct client *c, struct response *res)
{
	size_t len = (size_t)c->budget;
	ssize_t n;

	if (len > res->left)
		len = (size_t)res->left;
	n = ktls_sendfile(c->conn, res->fd, &res->offset, len);
	if (n > 0)
		res->left -= (uint64_t)n;
	return n;
}

static enum next end_exchange(struct client *c)
{
	bool close_after = c->x->res.close;

	free_exchange(c);
	c->budget -= REQUEST_BYTES;
	if (close_after)
		return begin_shutdown(c, "closed by us");
	return begin_read(c);
}

static enum next step_send(struct client *c)
{
	struct response *res = &c->x->res;
	ssize_t n;

	if (c->budget <= 0)
		return YIELD;
	if (res->head_sent < res->head.len) {
		n = send_head(c, res);
	} else if (res->left) {
		n = send_file(c, res);
		/* it was promised longer: only the end can say so */
		if (!n)
			return begin_shutdown(c, "file became shorter");
	} else {
		n = ktls_flush(c->conn);
		if (!n)
			return end_exchange(c);
	}
	if (n < 0)
		return fail_send(c, (int)n);
	count_sent(c, (size_t)n);
	return GO;
}

static enum next step_shutdown(struct client *c)
{
	int rc = ktls_conn_shutdown(c->conn);

	if (rc == -EAGAIN)
		return WAIT;
	if (!rc)
		return begin_linger(c);
	if (!c->end)
		c->error = rc;
	return END;
}

/*
 * Unread data at close(2) makes TCP send a reset, which may overtake what the
 * peer has not read yet: an answer's end, an alert.
 */
static enum next step_linger(struct client *c)
{
	struct server *s = c->server;
	ssize_t n;

	if (c->budget <= 0)
		return END;
	if (c->broken) {
		n = recv(c->fd, s->buf, sizeof(s->buf), 0);
		n = n < 0 ? -errno : n;
	} else {
		n = ktls_recv(c->conn, s->buf, sizeof(s->buf), 0);
	}
	if (n == -EAGAIN)
		return WAIT;
	if (n == -EINTR)
		return GO;
	if (n <= 0)
		return END;
	c->budget -= (int)n;
	return GO;
}

static void run(struct client *c)
{
	static enum next (*const step[])(struct client *c) = {
		[HANDSHAKE] = step_handshake,
		[READ] = step_read,
		[AUTH] = step_auth,
		[SEND] = step_send,
		[SHUTDOWN] = step_shutdown,
		[LINGER] = step_linger,
	};
	enum next next;

	if (c->state != LINGER)
		c->budget = TURN_BYTES;
	do {
		next = step[c->state](c);
	} while (next == GO);
	if (next == YIELD)
		list_move_tail(&c->ready, &c->server->ready);
	else if (next == END)
		client_free(c);
}

/* ---- for the server ---------------------------------------------------- */

static void run_client(struct source *source)
{
	struct client *c = (struct client *)(void *)source;

	list_del(&c->ready);
	run(c);
}

int client_new(struct server *s, int fd, const union net_addr *peer)
{
	struct epoll_event ev = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
	};
	struct client *c = calloc(1, sizeof(*c));
	int err = c ? ktls_hs_new(&c->hs, s->config, NULL) : -ENOMEM;

	ev.data.ptr = c;
	if (!err && epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev))
		err = -errno;
	if (err) {
		log_line("new connection: %s", ktls_strerror(err));
		if (c)
			ktls_hs_free(c->hs);
		free(c);
		return -1;
	}
	ktls_hs_set_data(c->hs, c);
	c->source.run = run_client;
	c->server = s;
	c->fd = fd;
	c->peer = *peer;
	c->begun = s->now;
	list_init(&c->all);
	list_init(&c->ready);
	list_init(&c->timer.list);
	list_move_tail(&c->all, &s->clients);
	arm(c, DEADLINE_HANDSHAKE);
	run(c);
	return 0;
}

void client_ready(struct list *ready)
{
	run(list_entry(ready, struct client, ready));
}

void client_expire(struct timer *timer)
{
	struct client *c = list_entry(timer, struct client, timer);

	switch (c->state) {
	case HANDSHAKE:
		c->end = "handshake timeout";
		client_free(c);
		return;
	case READ:
	case AUTH:
		if (!c->x)
			begin_shutdown(c, "idle timeout");
		else if (respond_error(&c->x->res,
				       HTTP_STATUS_REQUEST_TIMEOUT))
			begin_send(c);
		else
			fail_memory(c);
		run(c);
		return;
	case LINGER:
		client_free(c);
		return;
	default:
		/* what it did not take is not kept for it either */
		c->end = "send timeout";
		c->reset = true;
		client_free(c);
	}
}

void client_drain(struct list *all)
{
	struct client *c = list_entry(all, struct client, all);

	if (c->state == SEND)
		c->x->res.close = true;
	if (c->state != READ || c->x || c->rest)
		return;
	begin_shutdown(c, "drained");
	run(c);
}

void client_cut(struct list *all)
{
	client_free(list_entry(all, struct client, all));
}
