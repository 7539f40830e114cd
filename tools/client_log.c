// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include "client_state.h"
#include "log.h"
#include "options.h"

static void text_negotiated(struct text *t, const struct ktls_info *info)
{
	text_puts(t, " version=");
	text_value(t, ktls_version_name(info->version));
	text_printf(t, " suite=%s group=%s%s", ktls_suite_name(info->suite),
		    ktls_group_name(info->group),
		    info->resumed ? " resumed=1" : "");
	text_puts(t, " alpn=");
	text_value(t, info->alpn);
	text_puts(t, " sni=");
	text_value(t, info->server_name);
	if (*info->peer_subject) {
		text_puts(t, " client=");
		text_value(t, info->peer_subject);
	}
	if (*info->user_principal) {
		text_puts(t, " user=");
		text_value(t, info->user_principal);
	}
	if (*info->user_domain) {
		text_puts(t, " domain=");
		text_value(t, info->user_domain);
	}
	if (info->cert_compression)
		text_printf(t, " compressed=%s",
			    ktls_cert_compression_name(info->cert_compression));
	if (info->renegotiated)
		text_printf(t, " renegotiated=%u", info->renegotiated);
	text_paths(t, info);
}

static void text_end(struct text *t, const struct client *c)
{
	char buf[512];

	text_puts(t, " end=");
	if (!c->error) {
		text_value(t, c->end ? c->end : "cut");
		return;
	}
	snprintf(buf, sizeof(buf), "%s%s%s", c->end ? c->end : "",
		 c->end ? ": " : "", ktls_strerror(c->error));
	if (c->error == -KTLS_E_PEER_ALERT && c->stream.conn) {
		size_t n = strlen(buf);

		snprintf(buf + n, sizeof(buf) - n, ": %s",
			 ktls_alert_name(ktls_conn_alert(c->stream.conn)));
	}
	text_value(t, buf);
}

void log_client(struct client *c)
{
	struct text t = { 0 };
	struct ktls_info info;
	char name[NET_NAME_MAX];

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
		    http_method_str((enum http_method)req->parser.method));
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
