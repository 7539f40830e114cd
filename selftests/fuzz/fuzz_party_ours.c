// SPDX-License-Identifier: GPL-2.0-only
/* An end of ours, as a side wants it */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "../harness.h"
#include "../peer.h"
#include "fuzz_party.h"

static const char *or_null(const char *s)
{
	return *s ? s : NULL;
}

static unsigned int flags_of(const struct side *s, bool server)
{
	return (s->client_order && server ? KTLS_F_CLIENT_ORDER : 0) |
	       (s->strict_name ? KTLS_F_STRICT_NAME : 0) |
	       (s->need_ems ? KTLS_F_NEED_EMS : 0) |
	       (s->no_tickets ? KTLS_F_NO_TICKETS : 0);
}

static bool begin(struct party *p)
{
	const struct side *s = p->side;
	char ciphers[2 * LIST_MAX];
	int err;
	struct ktls_cred cred = pki_cred(s->cert ? s->cert : "client");

	snprintf(ciphers, sizeof(ciphers), "%s%s%s",
		 s->max == KTLS_TLS13 ? s->suites13[OURS] : "",
		 s->max == KTLS_TLS13 && s->min == KTLS_TLS12 ? ":" : "",
		 s->min == KTLS_TLS12 ? s->suites12[OURS] : "");
	err = ktls_config_new(&p->config, KTLS_OPTS(
		.role = p->server ? KTLS_SERVER : KTLS_CLIENT,
		.min_version = s->min, .max_version = s->max,
		.ciphers = ciphers, .groups = s->groups[OURS],
		.sigalgs = or_null(s->sigalgs[OURS]),
		.alpn = or_null(s->alpn[OURS]), .creds = &cred,
		.creds_len = !!s->cert, .verify = s->verify,
		.flags = flags_of(s, p->server),
		.max_fragment = s->max_fragment,
		.record_size_limit = s->record_limit,
		.early_data = s->early ? EARLY_TAKEN : 0,
		.tx = KTLS_PATH_USER, .rx = KTLS_PATH_USER,
		.ca_file = pki("ca"), .error = p->why,
		.error_size = sizeof(p->why)));
	ASSERT_TRUE(!err || err == -KTLS_E_OPTION);
	return !err;
}

static void drop(struct party *p)
{
	ktls_hs_free(p->hs);
	ktls_conn_free(p->conn);
	p->hs = NULL;
	p->conn = NULL;
}

static void end(struct party *p)
{
	drop(p);
	ktls_config_put(p->config);
}

static void next(struct party *p)
{
	ssize_t n;

	drop(p);
	ASSERT_OK(ktls_hs_new(&p->hs, p->config, p->side->name));
	if (p->server || !p->side->early)
		return;
	/* without a ticket that allows it there is none */
	n = ktls_hs_early_write(p->hs, early_bytes, EARLY_SENT);
	ASSERT_TRUE(n == EARLY_SENT || n == -KTLS_E_STATE);
}

static void take_early(struct party *p)
{
	ssize_t n;

	while ((n = ktls_hs_early_read(p->hs, p->early + p->early_len,
				       EARLY_TAKEN - p->early_len)) > 0)
		p->early_len += (size_t)n;
}

static int step(struct party *p)
{
	int ret = ktls_hs_run(p->hs, p->fd);

	if (p->server)
		take_early(p);
	p->state = ret < 0 ? -1 : !ret;
	if (ret < 0)
		snprintf(p->why, sizeof(p->why), "%s",
			 ktls_hs_error_text(p->hs));
	return p->state;
}

static void outcome(const struct party *p, struct outcome *o)
{
	struct ktls_info info;

	ktls_hs_info(p->hs, &info);
	o->version = info.version;
	o->resumed = info.resumed;
	o->ems = info.ems;
	o->tx_record = info.tx_record;
	o->rx_record = info.rx_record;
	o->early = info.early_data;
	o->early_len = p->early_len;
	snprintf(o->suite, sizeof(o->suite), "%s",
		 ktls_suite_name(info.suite));
	snprintf(o->group, sizeof(o->group), "%s",
		 ktls_group_name(info.group));
	snprintf(o->alpn, sizeof(o->alpn), "%s", info.alpn);
	snprintf(o->name, sizeof(o->name), "%s", info.server_name);
}

/* With the tickets of a server */
static bool handed_off(struct party *p)
{
	int err = p->conn ? 0 : ktls_offload(&p->conn, p->hs, p->fd);

	if (!err)
		p->hs = NULL;
	else
		snprintf(p->why, sizeof(p->why), "hand-off: %s",
			 ktls_strerror(err));
	return !err;
}

static bool failed(struct party *p, const char *what, ssize_t n)
{
	snprintf(p->why, sizeof(p->why), "%s: %s", what,
		 n < 0 ? ktls_strerror((int)n) : "not all of it");
	return false;
}

static bool send_all(struct party *p, const void *buf, size_t len)
{
	ssize_t n;

	if (!handed_off(p))
		return false;
	n = ktls_send(p->conn, buf, len, MSG_DONTWAIT);
	return n == (ssize_t)len || failed(p, "sending", n);
}

static bool recv_all(struct party *p, void *buf, size_t len)
{
	size_t at = 0;
	ssize_t n = 1;

	if (!handed_off(p))
		return false;
	while (at < len && n > 0) {
		n = ktls_recv(p->conn, (uint8_t *)buf + at, len - at,
			      MSG_DONTWAIT);
		if (n > 0)
			at += (size_t)n;
	}
	return at == len || failed(p, "receiving", n);
}

const struct party_ops party_ours = {
	.begin = begin, .end = end, .next = next, .step = step,
	.outcome = outcome, .send = send_all, .recv = recv_all,
};
