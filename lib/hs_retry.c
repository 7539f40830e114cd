// SPDX-License-Identifier: MIT
/* HelloRetryRequest: the server's (RFC 9846 4.2.4) */
#include "hs.h"

#include <errno.h>

/*
 * Over all of a hello that its second version must repeat (4.2.2); @shares:
 * the key shares too, no other having been asked for
 */
static int hello_digest(const struct ktls_hs *hs, struct slice body,
			const struct client_hello *m, bool shares,
			struct secret *out)
{
	bool bad = false;
	struct rd exts = rd_init(m->ext_block.p, m->ext_block.len, &bad);
	size_t head = (size_t)(m->ext_block.p - body.p) - 2;
	struct hash h = { 0 };
	int err = hash_begin(&h, hs->config->crypto, HASH_SHA256);

	if (!err)
		err = hash_add(&h, body.p, head);
	while (!err && rd_more(&exts)) {
		const uint8_t *at = exts.p;
		uint16_t type = rd_u16(&exts);

		rd_opaque(&exts, 2);
		if (!ext_may_change(type) ||
		    (shares && type == EXT_TYPE_KEY_SHARE))
			err = hash_add(&h, at, (size_t)(exts.p - at));
	}
	out->len = hash_rows[HASH_SHA256].len;
	if (!err)
		err = hash_peek(&h, out->b);
	hash_free(&h);
	return err;
}

/* As it stands in the transcript, whoever sent it */
static int write_retry(struct ktls_hs *hs, const struct client_hello *ch)
{
	const struct group *group = hs->server.retry_group;
	const struct wr *cookie = &hs->server.cookie;
	struct server_hello m = {
		.version = KTLS_TLS12,
		.random = { retry_random, RANDOM_LEN },
		.where = IN_HRR,
		.session_id = ch->session_id,
		.suite = hs->suite->id,
		.exts = {
			.set = EXT_BIT(EXT_SUPPORTED_VERSIONS),
			.version = KTLS_TLS13,
			.share_group = group ? group->id : 0,
			.cookie = wr_content(cookie),
		},
	};
	struct wr_mark mark;

	if (group)
		m.exts.set |= EXT_BIT(EXT_KEY_SHARE);
	if (cookie->len)
		m.exts.set |= EXT_BIT(EXT_COOKIE);
	mark = hs_open(hs, HT_SERVER_HELLO);
	write_server_hello(&hs->flight, &m);
	return hs_close(hs, &mark);
}

static int send_retry(struct ktls_hs *hs, const struct client_hello *ch)
{
	int err = transcript_retry(&hs->transcript, hs->config->crypto);

	if (!err)
		err = write_retry(hs, ch);
	return err ? err : hs_send_ccs(hs);
}

int retry_send(struct ktls_hs *hs, struct slice body,
	       const struct client_hello *m, bool need_share)
{
	int err = hello_digest(hs, body, m, !need_share,
			       &hs->server.hello_digest);

	hs->server.retry_group = need_share ? hs->group : NULL;
	if (!err && hs->config->flags & KTLS_F_COOKIE)
		err = cookie_make(hs);
	if (!err)
		err = send_retry(hs, m);
	if (!err)
		err = hs_flush(hs);
	hs->info.retried = 1;
	hs->state = S_CH2;
	return err;
}

void hello_keep(struct ktls_hs *hs, const struct client_hello *m)
{
	memcpy(hs->client_random, m->random.p, RANDOM_LEN);
	memcpy(hs->session_id, m->session_id.p, m->session_id.len);
	hs->session_id_len = m->session_id.len;
	hs->server.post_auth = ext_has(&m->exts, EXT_POST_HANDSHAKE_AUTH);
}

/* A second hello is the first that we see: be where we sent the request */
static int resume_retry(struct ktls_hs *hs, const struct client_hello *m)
{
	struct secret first;
	int err = cookie_take(hs, m->exts.cookie, &first);

	if (!err)
		err = transcript_retried(&hs->transcript, hs->config->crypto,
					 hs->suite->hash, &first);
	hello_keep(hs, m);
	if (!err)
		err = write_retry(hs, m);
	wr_reset(&hs->flight);
	hs->ccs_sent = true;
	hs->info.retried = 1;
	return err;
}

/* Is the second hello the first one, changed as asked and no more? */
static int check_retried(struct ktls_hs *hs, struct slice body,
			 const struct client_hello *m)
{
	const struct hs_server *s = &hs->server;
	struct slice cookie = m->exts.cookie;
	struct slice shares = m->exts.shares;
	struct secret digest;
	int err = hello_digest(hs, body, m, !s->retry_group, &digest);

	if (err)
		return err;
	if (ext_has(&m->exts, EXT_EARLY_DATA) ||
	    !secret_eq(digest.b, s->hello_digest.b, digest.len))
		return -KTLS_E_RETRY_CHANGED;
	if (cookie.len != s->cookie.len ||
	    !secret_eq(cookie.p, s->cookie.buf, s->cookie.len))
		return -KTLS_E_COOKIE;
	/* one share, of the group asked for */
	if (s->retry_group &&
	    shares_find(shares, s->retry_group->id).len + 4 != shares.len)
		return -KTLS_E_RETRY_CHANGED;
	return 0;
}

int retry_take(struct ktls_hs *hs, struct slice body,
	       const struct client_hello *m, bool stateless)
{
	int err = stateless ? resume_retry(hs, m) : 0;

	return err ? err : check_retried(hs, body, m);
}
