// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accesslog.h"
#include "client_state.h"
#include "log.h"
#include "metrics.h"
#include "negotiated.h"

static void text_end(struct text *t, const struct client *c)
{
	char reason[256], buf[512];

	text_puts(t, " end=");
	if (!c->error) {
		text_value(t, c->end ? c->end : "cut");
		return;
	}
	snprintf(buf, sizeof(buf), "%s%s%s", c->end ? c->end : "",
		 c->end ? ": " : "",
		 failure_text(c->stream.conn, c->error, reason,
			      sizeof(reason)));
	text_value(t, buf);
}

/* ---- counted ----------------------------------------------------------- */

static void count_bytes(struct client *c)
{
	uint64_t sent = client_sent_bytes(c);

	metrics_bytes(sent - c->counted[0], c->received - c->counted[1]);
	c->counted[0] = sent;
	c->counted[1] = c->received;
}

static void count_end(struct client *c)
{
	struct ktls_info info;

	if (!metrics_counting())
		return;
	if (c->stream.conn) {
		ktls_conn_info(c->stream.conn, &info);
		metrics_end(&info);
		count_bytes(c);
	} else if (!c->logged) {
		/* else its failure is counted already */
		metrics_failure(c->end ? -ETIMEDOUT : -ECANCELED);
	}
}

void log_ready(const struct client *c)
{
	struct ktls_info info;

	if (!metrics_counting())
		return;
	ktls_conn_info(c->stream.conn, &info);
	metrics_handshake(&info);
}

void log_expire(const struct client *c)
{
	static const enum metrics_timeout kinds[] = {
		[HANDSHAKE] = TIMEOUT_HANDSHAKE,
		[READ] = TIMEOUT_REQUEST,
		[AUTH] = TIMEOUT_REQUEST,
		[SEND] = TIMEOUT_SEND,
		[SHUTDOWN] = TIMEOUT_SEND,
		[LINGER] = TIMEOUT_LINGER,
	};

	metrics_timeout(c->state == READ && !c->x ? TIMEOUT_IDLE :
						    kinds[c->state]);
}

static uint64_t body_sent(const struct client *c)
{
	const struct text *head = &c->x->res.head;
	const char *end = memmem(head->buf, head->len, "\r\n\r\n", 4);
	uint64_t sent = c->x->head.sent + c->x->body.sent;
	uint64_t before = end ? (uint64_t)(end + 4 - head->buf) : 0;

	return sent > before ? sent - before : 0;
}

void log_exchange(struct client *c)
{
	struct ktls_info info;
	struct access a = {
		.peer = &c->peer,
		.request = &c->x->req,
		.status = c->x->res.status,
		.info = &info,
	};

	if (!a.status)
		return;		/* it was not answered, or has been logged */
	c->x->res.status = 0;
	metrics_request(a.status);
	count_bytes(c);
	if (!access_log_is_open())
		return;
	ktls_conn_info(c->stream.conn, &info);
	a.bytes = body_sent(c);
	if (!access_log_write(&a))
		metrics_log_lost();
}

/* ---- in the log -------------------------------------------------------- */

void log_client(struct client *c)
{
	struct text t = { 0 };
	struct ktls_info info;
	char name[NET_NAME_MAX];

	if (c->x)
		log_exchange(c);
	count_end(c);
	if (c->logged || c->stream.server->service->quiet)
		return;
	c->logged = true;
	text_printf(&t, "peer=%s", net_name(&c->peer, name));
	if (c->stream.conn) {
		ktls_conn_info(c->stream.conn, &info);
		text_negotiated(&t, &info);
	}
	text_printf(&t, " requests=%u sent=%llu received=%llu time=%.3f",
		    c->requests, (unsigned long long)client_sent_bytes(c),
		    (unsigned long long)c->received,
		    (double)(net_clock() - c->begun) / 1000);
	text_end(&t, c);
	if (!t.failed)
		log_line("%s", t.buf);
	text_free(&t);
}

void log_handshake(struct client *c)
{
	struct text t = { 0 };
	char name[NET_NAME_MAX];
	struct ktls_info info;

	ktls_hs_info(c->stream.hs, &info);
	metrics_failure(ktls_hs_error(c->stream.hs));
	c->logged = true;
	if (c->stream.server->service->quiet)
		return;
	text_printf(&t, "peer=%s", net_name(&c->peer, name));
	if (*info.server_name) {
		text_puts(&t, " sni=");
		text_value(&t, info.server_name);
	}
	text_puts(&t, " end=\"handshake failed\" reason=");
	text_value(&t, ktls_hs_error_text(c->stream.hs));
	if (info.alert_sent != KTLS_ALERT_NONE)
		text_printf(&t, " alert=%s", ktls_alert_name(info.alert_sent));
	if (!t.failed)
		log_line("%s", t.buf);
	text_free(&t);
}

void log_request(const struct client *c)
{
	const struct http_request *req = &c->x->req;
	struct text t = { 0 };
	char name[NET_NAME_MAX];

	text_printf(&t, "peer=%s status=%d bytes=%llu method=%s target=",
		    net_name(&c->peer, name), c->x->res.status,
		    (unsigned long long)c->x->res.left,
		    http_request_method(req));
	text_value(&t, http_request_target(req));
	if (!t.failed)
		log_line("%s", t.buf);
	text_free(&t);
}

void client_heard(struct ktls_hs *hs, const char *what)
{
	const struct client *c = ktls_hs_data(hs);
	char name[NET_NAME_MAX];

	if (!c->stream.server->service->quiet)
		log_line("peer=%s supplemental data: %s",
			 net_name(&c->peer, name), what);
}
