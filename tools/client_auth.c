// SPDX-License-Identifier: MIT
/*
 * Who asks for what is below --post-auth, and has shown no certificate yet, is
 * asked for one (RFC 9846 4.7.2) between its request and the answer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client_state.h"
#include "path.h"

#define REST_MAX	65536	/* of requests sent on meanwhile */

/* By whole segments; @prefix has gone through path_parse(), too */
static bool below(const char *prefix, const char *name)
{
	size_t len = strlen(prefix);

	if (!strcmp(prefix, "."))
		return true;
	return !strncmp(name, prefix, len) && (!name[len] || name[len] == '/');
}

/* A directory stands for its index.html, which may be all of @prefix */
static bool is_index(const char *prefix, const char *name)
{
	size_t len = strcmp(name, ".") ? strlen(name) : 0;

	if (strncmp(prefix, name, len))
		return false;
	return !strcmp(prefix + len, len ? "/index.html" : "index.html");
}

bool auth_needed(const struct client *c)
{
	const struct path *prefix = c->server->post_auth;
	const struct http_request *req = &c->x->req;
	struct path path;

	return prefix && !req->status &&
	       !path_parse(&path, http_request_target(req)) &&
	       (below(prefix->name, path.name) ||
		is_index(prefix->name, path.name));
}

bool auth_done(const struct client *c)
{
	struct ktls_info info;

	ktls_conn_info(c->conn, &info);
	return info.peer_verified;
}

void auth_begin(struct client *c)
{
	c->asked = false;
	if (!c->rest)
		c->rest_len = 0;
	c->state = AUTH;
}

/* What comes before the answer is for later */
static int keep(struct client *c, const char *data, size_t len)
{
	char *more;

	if (len > REST_MAX - c->rest_len)
		return -ENOBUFS;
	if (!c->x->req.keep_alive) {
		c->rest_len += len;
		return 0;
	}
	more = realloc(c->rest, c->rest_len + len);
	if (!more)
		return -ENOMEM;
	memcpy(more + c->rest_len, data, len);
	c->rest = more;
	c->rest_len += len;
	return 0;
}

static int ask(struct client *c)
{
	int err = ktls_conn_request_auth(c->conn);

	c->asked = !err;
	/* it has not offered that, or has closed its side */
	return err == -KTLS_E_NO_POST_AUTH || err == -EPIPE ? 1 : err;
}

/* Answered; a ticket of now makes the next connection known at once */
static int answered(struct client *c)
{
	int n = auth_done(c) ? ktls_conn_send_tickets(c->conn, 1) : 0;

	return n < 0 && n != -EAGAIN ? n : 1;
}

int auth_run(struct client *c)
{
	struct server *s = c->server;
	int err = c->asked ? 0 : ask(c);

	if (err)
		return err;
	err = ktls_flush(c->conn);
	if (err && err != -EAGAIN)
		return err;
	while (ktls_conn_events(c->conn) & KTLS_EV_UNANSWERED) {
		ssize_t n = ktls_recv(c->conn, s->buf, sizeof(s->buf), 0);

		if (!n)
			return 1;	/* closed, without an answer */
		if (n < 0 && n != -EINTR)
			return (int)n;
		if (n < 0)
			continue;
		c->received += (uint64_t)n;
		err = keep(c, s->buf, (size_t)n);
		if (err)
			return err;
	}
	return answered(c);
}
