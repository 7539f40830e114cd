// SPDX-License-Identifier: MIT
#include "agent_answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void tell_alert(struct tell *t, enum ktls_agent_field field,
		       uint8_t alert)
{
	if (alert != KTLS_ALERT_NONE)
		tell_number(t, field, alert, 1);
}

void answer_failure(struct tell *t, int err, const char *why,
		    const struct ktls_info *info)
{
	tell_begin(t);
	tell_number(t, KTLS_AGENT_ERROR, (uint32_t)-err, 4);
	tell_text(t, KTLS_AGENT_ERROR_TEXT, *why ? why : ktls_strerror(err));
	if (!info)
		return;
	tell_alert(t, KTLS_AGENT_ALERT_SENT, info->alert_sent);
	tell_alert(t, KTLS_AGENT_ALERT_RECEIVED, info->alert_received);
}

static void tell_why(struct tell *t, enum ktls_agent_field field,
		     const struct ktls_why *why)
{
	char buf[256];

	if (why->step != KTLS_STEP_NONE)
		tell_text(t, field, ktls_why_text(why, buf, sizeof(buf)));
}

static void tell_info(struct tell *t, const struct ktls_info *info)
{
	tell_number(t, KTLS_AGENT_TLS, info->version, 2);
	tell_number(t, KTLS_AGENT_SUITE, info->suite, 2);
	tell_text(t, KTLS_AGENT_SUITE_NAME, ktls_suite_name(info->suite));
	tell_number(t, KTLS_AGENT_GROUP, info->group, 2);
	tell_text(t, KTLS_AGENT_CHOSEN_ALPN, info->alpn);
	tell_text(t, KTLS_AGENT_ASKED_NAME, info->server_name);
	tell_number(t, KTLS_AGENT_RESUMED, info->resumed, 1);
	tell_number(t, KTLS_AGENT_PEER_VERIFIED, info->peer_verified, 1);
	tell_text(t, KTLS_AGENT_PEER_SUBJECT, info->peer_subject);
	tell_why(t, KTLS_AGENT_TX_WHY, &info->tx);
	tell_why(t, KTLS_AGENT_RX_WHY, &info->rx);
}

static int tell_state(struct tell *t, struct ktls_conn *conn)
{
	ssize_t size = ktls_conn_save(conn, NULL, 0, 0);
	uint8_t *buf = size > 0 ? malloc((size_t)size) : NULL;
	ssize_t n = size;

	if (size > 0 && !buf)
		return -ENOMEM;
	if (size > 0)
		n = ktls_conn_save(conn, buf, (size_t)size, 0);
	if (n > 0) {
		tell_bytes(t, KTLS_AGENT_STATE, buf, (size_t)n);
		explicit_bzero(buf, (size_t)n);
	}
	free(buf);
	return n < 0 ? (int)n : 0;
}

int answer_conn(struct tell *t, struct ktls_conn *conn,
		const uint8_t *peer_sha256)
{
	struct ktls_info info;

	ktls_conn_info(conn, &info);
	tell_begin(t);
	tell_number(t, KTLS_AGENT_ERROR, 0, 4);
	tell_number(t, KTLS_AGENT_KERNEL, ktls_conn_kernel(conn), 1);
	tell_info(t, &info);
	if (peer_sha256)
		tell_bytes(t, KTLS_AGENT_PEER_SHA256, peer_sha256, 32);
	return tell_state(t, conn);
}
