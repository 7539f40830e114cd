// SPDX-License-Identifier: MIT
#include "fetch.h"

#include <errno.h>
#include <http_parser.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cmd.h"
#include "log.h"
#include "negotiated.h"
#include "text.h"

#define FETCH_BUF	(256 * 1024)
#define CLOSE_MS	250	/* for the peer's close_notify at the end */

/* An answer while it comes */
struct answer {
	http_parser parser;
	struct fetch *f;
	bool in_value;
	char name[16];		/* of the field being read, cut */
	size_t name_len;
	char *value;		/* ... where it is kept, or NULL */
	size_t value_len, value_max;
	char range[64];		/* Content-Range */
	bool begun;		/* something has come */
	bool done;
	int error;		/* a STATUS_*, complained about */
};

/* ---- the parser's callbacks -------------------------------------------- */

static int on_begin(http_parser *p)
{
	struct answer *a = p->data;

	a->f->location[0] = a->range[0] = '\0';
	return 0;
}

static int on_field(http_parser *p, const char *at, size_t len)
{
	struct answer *a = p->data;

	if (a->in_value)
		a->name_len = 0;
	a->in_value = false;
	if (len > sizeof(a->name) - a->name_len)
		len = sizeof(a->name) - a->name_len;
	memcpy(a->name + a->name_len, at, len);
	a->name_len += len;
	return 0;
}

static bool is_named(const struct answer *a, const char *name)
{
	return a->name_len == strlen(name) &&
	       !strncasecmp(a->name, name, a->name_len);
}

static void begin_value(struct answer *a)
{
	a->in_value = true;
	a->value_len = 0;
	a->value = NULL;
	if (is_named(a, "Location")) {
		a->value = a->f->location;
		a->value_max = URL_MAX;
	} else if (is_named(a, "Content-Range")) {
		a->value = a->range;
		a->value_max = sizeof(a->range);
	}
}

static int on_value(http_parser *p, const char *at, size_t len)
{
	struct answer *a = p->data;

	if (!a->in_value)
		begin_value(a);
	if (!a->value)
		return 0;
	if (len >= a->value_max - a->value_len) {
		complain(a->value == a->range ? "malformed answer: its range" :
			 "redirected to a URL that is too long");
		return a->error = STATUS_TRANSFER;
	}
	memcpy(a->value + a->value_len, at, len);
	a->value_len += len;
	a->value[a->value_len] = '\0';
	return 0;
}

/* Does a part begin where it was asked to? */
static bool is_asked_for(const char *asked, const char *range)
{
	unsigned long long first, last, size, n;
	int found = sscanf(range, "bytes %llu-%llu/%llu", &first, &last,
			   &size);

	if (found < 2)
		return false;
	if (*asked != '-')
		return first == strtoull(asked, NULL, 10);
	n = strtoull(asked + 1, NULL, 10);
	return found < 3 || first == (n < size ? size - n : 0);
}

static bool wanted(const http_parser *p)
{
	return p->status_code >= 200 && p->status_code < 300;
}

static int on_headers_complete(http_parser *p)
{
	struct answer *a = p->data;

	if (p->status_code < 200)
		return 0;	/* 100, 103: the answer is still to come */
	a->f->status = p->status_code;
	if (p->status_code == 206 &&
	    (!a->f->range || !is_asked_for(a->f->range, a->range))) {
		complain(a->f->range ? "another part came than was asked for" :
			 "only a part came");
		return a->error = STATUS_TRANSFER;
	}
	if (p->flags & F_CONTENTLENGTH && wanted(p))
		a->f->output->expected = p->content_length;
	if (wanted(p))
		return 0;
	/* an error's page, a redirect's: nothing that was asked for */
	a->done = true;
	http_parser_pause(p, 1);
	return 0;
}

static int on_body(http_parser *p, const char *at, size_t len)
{
	struct answer *a = p->data;

	if (output_write(a->f->output, at, len))
		a->error = STATUS_USAGE;
	return a->error;
}

static int on_complete(http_parser *p)
{
	struct answer *a = p->data;

	if (p->status_code < 200)
		return 0;
	a->done = true;
	http_parser_pause(p, 1);
	return 0;
}

static const http_parser_settings settings = {
	.on_message_begin = on_begin,
	.on_header_field = on_field,
	.on_header_value = on_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_complete,
};

/* ---- the request ------------------------------------------------------- */

static void write_request(struct text *t, const struct fetch *f,
			  const struct url *url)
{
	text_printf(t, "GET %s%s HTTP/1.1\r\nHost: %s\r\n",
		    *url->target == '/' ? "" : "/", url->target,
		    url->authority);
	text_printf(t, "User-Agent: ktls/%d.%d\r\nAccept: */*\r\n",
		    KTLS_VERSION_MAJOR, KTLS_VERSION_MINOR);
	if (f->range)
		text_printf(t, "Range: bytes=%s\r\n", f->range);
	text_puts(t, "Connection: close\r\n\r\n");
}

static int send_all(struct fetch *f, struct ktls_conn *conn,
		    const struct text *t, size_t sent)
{
	ssize_t n = 0;

	while (sent < t->len || n == -EAGAIN) {
		n = sent < t->len ? ktls_send(conn, t->buf + sent,
					      t->len - sent, 0) : 0;
		if (n >= 0)
			sent += (size_t)n;
		if (sent == t->len)
			n = ktls_flush(conn);
		if (n == -EAGAIN) {
			int err = net_wait(ktls_conn_fd(conn), POLLOUT,
					   f->timeout);

			if (err)
				return err;
		} else if (n < 0 && n != -EINTR) {
			return (int)n;
		}
	}
	return 0;
}

/* ---- the answer -------------------------------------------------------- */

/* Only now the server asks who we are (RFC 9846 4.7.2) */
static int authenticate(struct fetch *f, struct ktls_conn *conn)
{
	struct ktls_info i;
	int err;

	while ((err = ktls_conn_authenticate(conn)) == -EAGAIN) {
		err = net_wait(ktls_conn_fd(conn), POLLOUT, f->timeout);
		if (err)
			return err;
	}
	if (err || !f->verbose)
		return err;
	ktls_conn_info(conn, &i);
	fprintf(stderr, "* asked for a certificate after the handshake: %s%s\n",
		i.sigalg ? "signed with " : "none fits",
		i.sigalg ? ktls_sigalg_name(i.sigalg) : "");
	return 0;
}

static ssize_t receive(struct fetch *f, struct ktls_conn *conn, char *buf)
{
	ssize_t n;
	int err;

	do {
		n = ktls_recv(conn, buf, FETCH_BUF, 0);
		err = 0;
		if (n == -EAGAIN)
			err = net_wait(ktls_conn_fd(conn), POLLIN, f->timeout);
		else if (n == -EINTR && ktls_conn_events(conn) & KTLS_EV_AUTH)
			err = authenticate(f, conn);
	} while (!err && (n == -EAGAIN || n == -EINTR));
	return err ? err : n;
}

/* @len 0: the peer has closed, which may be the body's end, or too early */
static int take_data(struct answer *a, const char *buf, size_t len)
{
	http_parser_execute(&a->parser, &settings, buf, len);
	if (a->error)
		return a->error;
	if (a->done)
		return STATUS_OK;
	if (HTTP_PARSER_ERRNO(&a->parser)) {
		complain(len ? "malformed answer: %s" :
			 "connection closed before the end of the answer: %s",
			 http_errno_description(HTTP_PARSER_ERRNO(&a->parser)));
		return STATUS_TRANSFER;
	}
	if (len)
		return STATUS_OK;
	complain("connection closed before the end of the answer");
	return STATUS_TRANSFER;
}

static int receive_failed(const struct answer *a, struct ktls_conn *conn,
			  int err)
{
	if (err == -ETIMEDOUT) {
		complain("nothing received for %g seconds",
			 a->f->timeout / 1000.0);
		return STATUS_TRANSFER;
	}
	complain_tls(conn, "receiving", err);
	/* a server refuses a client's certificate only now */
	if (!a->begun && err <= -KTLS_E_DECODE && err != -KTLS_E_TRUNCATED)
		return STATUS_TLS;
	return STATUS_TRANSFER;
}

static int receive_answer(struct fetch *f, struct ktls_conn *conn, char *buf)
{
	struct answer a = { .f = f };
	int status = STATUS_OK;

	http_parser_init(&a.parser, HTTP_RESPONSE);
	a.parser.data = &a;
	while (!status && !a.done) {
		ssize_t n = receive(f, conn, buf);

		if (n < 0)
			return receive_failed(&a, conn, (int)n);
		a.begun = a.begun || n;
		status = take_data(&a, buf, (size_t)n);
	}
	return status;
}

/* Close as is due; the answer is whole, so nothing that fails now matters */
static void close_conn(struct ktls_conn *conn, char *buf)
{
	int fd = ktls_conn_fd(conn);
	int64_t end = net_clock() + CLOSE_MS;
	ssize_t n;

	while (ktls_conn_shutdown(conn) == -EAGAIN)
		if (net_wait(fd, POLLOUT, CLOSE_MS))
			return;
	do {
		int64_t left = end - net_clock();

		n = ktls_recv(conn, buf, FETCH_BUF, 0);
		if (n == -EAGAIN && left > 0 &&
		    !net_wait(fd, POLLIN, (int)left))
			n = 1;
	} while (n > 0 && net_clock() < end);
}

/* ---- the connection ---------------------------------------------------- */

/*
 * As ktls_connect(), but that as much of @request as may be goes with the
 * hello: @early says how much of it the server has
 */
static int shake(struct ktls_hs *hs, int fd, const struct text *request,
		 int64_t end, size_t *early)
{
	ssize_t n = ktls_hs_early_write(hs, request->buf, request->len);
	struct ktls_info i;
	int want;

	while ((want = ktls_hs_run(hs, fd)) > 0) {
		int64_t left = end - net_clock();
		int err = net_wait(fd, want & KTLS_WANT_SEND ? POLLOUT :
				   POLLIN, left > 0 ? (int)left : 0);

		if (err)
			return err;
	}
	ktls_hs_info(hs, &i);
	*early = n > 0 && i.early_data == KTLS_EARLY_ACCEPTED ? (size_t)n : 0;
	return want;
}

static int connect_tls(struct fetch *f, const char *host, int fd,
		       const struct text *request, int64_t end,
		       struct ktls_conn **conn, size_t *early, char error[512])
{
	struct ktls_hs *hs;
	int err = ktls_hs_new(&hs, f->config, host);

	if (err)
		return err;
	err = shake(hs, fd, request, end, early);
	if (!err)
		err = ktls_offload(conn, hs, fd);
	if (err) {
		/* ktls_offload() leaves an alert to be sent, if that can be */
		int sent = ktls_hs_error(hs) ? ktls_hs_run(hs, fd) : 0;

		(void)sent;
		snprintf(error, 512, "%s", ktls_hs_error(hs) ?
			 ktls_hs_error_text(hs) : ktls_strerror(err));
		ktls_hs_free(hs);
	}
	return err;
}

static int open_conn(struct fetch *f, const struct url *url,
		     const struct text *request, struct ktls_conn **conn,
		     int *fd, size_t *early)
{
	int64_t end = net_clock() + f->timeout;
	char error[512] = "", name[NET_NAME_MAX];
	union net_addr addr = { 0 };
	int err;

	*fd = net_connect(f->connect_to ? f->connect_to : &url->to,
			  f->timeout, &addr);
	if (*fd < 0)
		return STATUS_CONNECT;
	if (f->verbose)
		fprintf(stderr, "* connected to %s\n", net_name(&addr, name));
	err = connect_tls(f, url->to.host, *fd, request, end, conn, early,
			  error);
	if (err) {
		complain("%s: TLS: %s", url->authority,
			 *error ? error : ktls_strerror(err));
		return STATUS_TLS;
	}
	if (f->verbose)
		tell_negotiated(*conn);
	return STATUS_OK;
}

static int talk(struct fetch *f, struct ktls_conn *conn,
		const struct text *request, size_t early)
{
	char *buf = malloc(FETCH_BUF);
	int err = buf ? send_all(f, conn, request, early) : -ENOMEM;
	int status = STATUS_USAGE;

	/* a server that refuses may have said why, and closed */
	if (!err || err == -EPIPE || err == -ECONNRESET) {
		status = receive_answer(f, conn, buf);
		if (!status)
			close_conn(conn, buf);
	} else {
		complain_tls(conn, "sending", err);
		status = buf ? STATUS_TRANSFER : STATUS_USAGE;
	}
	free(buf);
	return status;
}

static int exchange(struct fetch *f, const struct url *url,
		    const struct text *request)
{
	struct ktls_conn *conn = NULL;
	size_t early = 0;
	int fd, status = open_conn(f, url, request, &conn, &fd, &early);

	if (!status && early && f->verbose)
		fprintf(stderr, "* the request went with the hello\n");
	if (!status)
		status = talk(f, conn, request, early);
	if (!status && f->verbose)
		fprintf(stderr, "* HTTP %d %s\n", f->status,
			http_status_str((enum http_status)f->status));
	ktls_conn_free(conn);
	if (fd >= 0)
		close(fd);
	return status;
}

int fetch(struct fetch *f, const struct url *url)
{
	struct text request = { 0 };
	int status = STATUS_USAGE;

	write_request(&request, f, url);
	if (request.failed)
		complain("no memory");
	else
		status = exchange(f, url, &request);
	text_free(&request);
	return status;
}
