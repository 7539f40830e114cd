// SPDX-License-Identifier: MIT
#include "negotiated.h"

#include <stdbool.h>
#include <stdio.h>

#include "log.h"
#include "text.h"

const char *protocol_name(uint16_t version)
{
	return version == KTLS_TLS13 ? "TLSv1.3" : "TLSv1.2";
}

/* ---- in a log ---------------------------------------------------------- */

static void text_path(struct text *t, const char *name,
		      const struct ktls_why *why)
{
	char reason[256], value[300];

	if (why->step == KTLS_STEP_NONE) {
		text_printf(t, " %s=kernel", name);
		return;
	}
	ktls_why_text(why, reason, sizeof(reason));
	snprintf(value, sizeof(value), "user: %s", reason);
	text_printf(t, " %s=", name);
	text_value(t, value);
}

static void text_paths(struct text *t, const struct ktls_info *info)
{
	text_path(t, "tx", &info->tx);
	text_path(t, "rx", &info->rx);
}

void text_negotiated(struct text *t, const struct ktls_info *info)
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

/* ---- at a terminal ----------------------------------------------------- */

static const char *path_prefix(const struct ktls_why *why)
{
	return why->step == KTLS_STEP_NONE ? "" : "in user space: ";
}

/* ", compressed by zlib"; @buf, of 64, is what is returned */
static const char *compressed(uint16_t algorithm, char *buf)
{
	*buf = 0;
	if (algorithm)
		snprintf(buf, 64, ", compressed by %s",
			 ktls_cert_compression_name(algorithm));
	return buf;
}

void tell_negotiated(struct ktls_conn *conn)
{
	char form[64];
	struct ktls_info i;
	struct text t = { 0 };
	char why[256];

	ktls_conn_info(conn, &i);
	text_printf(&t, "* %s, %s, %s%s%s%s\n", ktls_version_name(i.version),
		    ktls_suite_name(i.suite), ktls_group_name(i.group),
		    i.retried ? " (after a HelloRetryRequest)" : "",
		    i.resumed ? ", resumed" : "",
		    i.renegotiated ? ", in a second handshake" : "");
	text_puts(&t, "* server: ");
	text_value(&t, i.peer_subject);
	text_printf(&t, ", signed with %s, %s%s\n",
		    ktls_sigalg_name(i.peer_sigalg),
		    i.peer_verified ? "verified" : "NOT VERIFIED",
		    compressed(i.peer_cert_compression, form));
	if (i.sigalg)
		text_printf(&t, "* our certificate: signed with %s%s\n",
			    ktls_sigalg_name(i.sigalg),
			    compressed(i.cert_compression, form));
	text_puts(&t, "* application protocol: ");
	text_value(&t, *i.alpn ? i.alpn : "none");
	text_printf(&t, "\n* sending: %s%s\n", path_prefix(&i.tx),
		    ktls_why_text(&i.tx, why, sizeof(why)));
	text_printf(&t, "* receiving: %s%s\n", path_prefix(&i.rx),
		    ktls_why_text(&i.rx, why, sizeof(why)));
	if (!t.failed)
		fputs(t.buf, stderr);
	text_free(&t);
}

/* ---- what went wrong --------------------------------------------------- */

const char *failure_text(const struct ktls_conn *conn, int err, char *buf,
			 size_t size)
{
	bool alert = conn && err == -KTLS_E_PEER_ALERT;

	snprintf(buf, size, "%s%s%s", ktls_strerror(err), alert ? ": " : "",
		 alert ? ktls_alert_name(ktls_conn_alert(conn)) : "");
	return buf;
}

void complain_tls(const struct ktls_conn *conn, const char *what, int err)
{
	char reason[256];

	complain("%s: %s", what,
		 failure_text(conn, err, reason, sizeof(reason)));
}
