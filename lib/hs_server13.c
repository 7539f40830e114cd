// SPDX-License-Identifier: MIT
/* The server of TLS 1.3 (RFC 9846 appendix A.2) */
#include "hs_cred.h"

#include <errno.h>

#include "name.h"

/* ---- what the hello must be -------------------------------------------- */

/* 4.3.8: a share for each group at most once, and in the groups' order */
static int check_shares(const struct exts *e)
{
	bool bad = false;
	struct rd list = rd_init(e->groups.p, e->groups.len, &bad);
	struct rd shares = rd_init(e->shares.p, e->shares.len, &bad);

	while (rd_more(&shares)) {
		uint16_t id = rd_u16(&shares);

		rd_opaque(&shares, 2);
		while (!bad && rd_u16(&list) != id)
			;
		if (bad)
			return -KTLS_E_KEY_SHARE;
	}
	return 0;
}

static int check_hello(const struct client_hello *m)
{
	static const uint64_t required = EXT_BIT(EXT_SUPPORTED_GROUPS) |
					 EXT_BIT(EXT_SIGNATURE_ALGORITHMS) |
					 EXT_BIT(EXT_KEY_SHARE);	/* 9.2 */

	if (m->version != KTLS_TLS12)
		return -KTLS_E_VERSION;
	if (m->compression.len != 1 || m->compression.p[0])
		return -KTLS_E_COMPRESSION;
	if (~m->exts.set & required)
		return -KTLS_E_EXT_MISSING;
	if (ext_has(&m->exts, EXT_PRE_SHARED_KEY) &&
	    !ext_has(&m->exts, EXT_PSK_MODES))	/* 4.3.9 */
		return -KTLS_E_EXT_MISSING;
	return check_shares(&m->exts);
}

/* ---- choosing ---------------------------------------------------------- */

static const struct suite *choose_suite(const struct ktls_config *cfg,
					struct slice theirs)
{
	bool theirs_first = cfg->flags & KTLS_F_CLIENT_ORDER;

	for (size_t i = 0; theirs_first && i + 1 < theirs.len; i += 2) {
		uint16_t id = (uint16_t)(theirs.p[i] << 8 | theirs.p[i + 1]);

		if (u16s_have(cfg->suites_wire, id) &&
		    suite_find(id)->version == KTLS_TLS13)
			return suite_find(id);
	}
	for (size_t i = 0; !theirs_first && i < cfg->suites_len; i++)
		if (cfg->suites[i]->version == KTLS_TLS13 &&
		    u16s_have(theirs, cfg->suites[i]->id))
			return cfg->suites[i];
	return NULL;
}

static bool any_group(const struct group *group)
{
	(void)group;
	return true;
}

static int choose_cred(struct ktls_hs *hs, const struct client_hello *m)
{
	const struct exts *e = &m->exts;
	bool named;
	int err;

	/* a name that is not fit to be compared and logged is no name */
	host_name(e->server_name, hs->info.server_name);
	err = cert_type_choose_cred(hs, e, &named);
	if (err)
		return err;
	hs->server.named = named;
	if (e->server_name.len && !named &&
	    hs->config->flags & KTLS_F_STRICT_NAME)
		return -KTLS_E_UNKNOWN_NAME;
	return 0;
}

/* ---- HelloRetryRequest (4.2.4) ----------------------------------------- */

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
	struct hash h = { NULL };
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
			.cookie = { cookie->buf, cookie->len },
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

static int retry(struct ktls_hs *hs, struct slice body,
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

static void keep_hello(struct ktls_hs *hs, const struct client_hello *m)
{
	memcpy(hs->client_random, m->random.p, RANDOM_LEN);
	memcpy(hs->session_id, m->session_id.p, m->session_id.len);
	hs->session_id_len = m->session_id.len;
}

/* A second hello is the first that we see: be where we sent the request */
static int resume_retry(struct ktls_hs *hs, const struct client_hello *m)
{
	struct secret first;
	int err = cookie_take(hs, m->exts.cookie, &first);

	if (!err)
		err = transcript_retried(&hs->transcript, hs->config->crypto,
					 hs->suite->hash, &first);
	keep_hello(hs, m);
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

/* ---- the flight -------------------------------------------------------- */

static int send_server_hello(struct ktls_hs *hs, const struct client_hello *ch,
			     struct kex_secret *secret)
{
	uint8_t random[RANDOM_LEN];
	struct server_hello m = {
		.version = KTLS_TLS12,
		.random = { random, RANDOM_LEN },
		.where = IN_SH,
		.session_id = ch->session_id,
		.suite = hs->suite->id,
		.exts = {
			.set = EXT_BIT(EXT_SUPPORTED_VERSIONS) |
			       EXT_BIT(EXT_KEY_SHARE),
			.version = KTLS_TLS13,
			.share_group = hs->group->id,
		},
	};
	struct wr share = { 0 };
	struct wr_mark mark;
	int err = crypto_random(random, sizeof(random));

	if (!err)
		err = kex_respond(hs->config->crypto, hs->group,
				  shares_find(ch->exts.shares, hs->group->id),
				  &share, secret);
	m.exts.share = (struct slice){ share.buf, share.len };
	if (!err) {
		mark = hs_open(hs, HT_SERVER_HELLO);
		write_server_hello(&hs->flight, &m);
		err = hs_close(hs, &mark);
	}
	wr_free(&share);
	return err ? err : hs_send_ccs(hs);
}

static int send_encrypted_extensions(struct ktls_hs *hs, const struct exts *ch)
{
	uint8_t alpn[1 + sizeof(hs->info.alpn)];
	size_t alpn_len = strlen(hs->info.alpn);
	struct exts e = { .alpn = { alpn, 1 + alpn_len } };
	struct wr_mark mark = hs_open(hs, HT_ENCRYPTED_EXTENSIONS);

	/* RFC 6066 3: an empty answer says that the name was used */
	if (hs->server.named && ext_has(ch, EXT_SERVER_NAME))
		e.set |= EXT_BIT(EXT_SERVER_NAME);
	limit_answer(hs, &e);
	cert_type_answer(hs, ch, &e);
	if (alpn_len)
		e.set |= EXT_BIT(EXT_ALPN);
	alpn[0] = (uint8_t)alpn_len;
	memcpy(alpn + 1, hs->info.alpn, alpn_len);
	exts_write(&hs->flight, IN_EE, &e);
	return hs_close(hs, &mark);
}

int server13_ask(struct ktls_hs *hs, struct slice context)
{
	int err = grease_start(hs);
	struct certificate_request m = {
		.context = context,
		.exts = {
			.set = EXT_BIT(EXT_SIGNATURE_ALGORITHMS),
			.sigalgs = hs->config->sigalgs_wire,
			.sigalgs_cert = hs->config->sigalgs_cert_wire,
		},
	};
	struct wr_mark mark;

	if (m.exts.sigalgs_cert.len)
		m.exts.set |= EXT_BIT(EXT_SIGNATURE_ALGORITHMS_CERT);
	if (status_wanted(hs))
		m.exts.set |= EXT_BIT(EXT_STATUS_REQUEST);
	/* not afterwards: what is compressed in advance has no context */
	if (!context.len)
		compress_offer(hs, &m.exts);
	m.exts.authorities = (struct slice){ hs->config->authorities.buf,
					     hs->config->authorities.len };
	if (sct_wanted(hs))
		m.exts.set |= EXT_BIT(EXT_SCT);
	m.exts.oid_filters = (struct slice){ hs->config->oid_filters.buf,
					     hs->config->oid_filters.len };
	if (m.exts.oid_filters.len)
		m.exts.set |= EXT_BIT(EXT_OID_FILTERS);
	if (m.exts.authorities.len)
		m.exts.set |= EXT_BIT(EXT_CERTIFICATE_AUTHORITIES);
	if (!err)
		err = grease_request(hs, &m.exts);
	if (err)
		return err;
	mark = hs_open(hs, HT_CERTIFICATE_REQUEST);
	write_certificate_request(&hs->flight, &m);
	return hs_close(hs, &mark);
}

/* Is the client asked for a certificate? */
static bool asks(const struct ktls_hs *hs)
{
	return server_asks(hs) && !hs->certs.unasked;
}

static int end_flight(struct ktls_hs *hs)
{
	int err = hs_send_finished(hs);

	if (!err)
		err = hs_main_secrets(hs);
	/* 4.5.3: what follows our Finished has the application's key */
	if (!err)
		err = hs_tx_key(hs, &hs->server_app);
	if (!err)
		err = hs_rx_key(hs, &hs->client_hs);
	hs->state = asks(hs) ? S_CERT : S_FIN;
	return err;
}

static int send_flight(struct ktls_hs *hs, const struct client_hello *ch)
{
	struct kex_secret secret = { 0 };
	int err = send_server_hello(hs, ch, &secret);

	if (!err)
		err = hs_handshake_secrets(hs, &secret);
	wipe(&secret, sizeof(secret));
	if (!err)
		err = hs_tx_key(hs, &hs->server_hs);
	if (!err)
		err = send_encrypted_extensions(hs, &ch->exts);
	if (!err && asks(hs))
		err = server13_ask(hs, (struct slice){ NULL, 0 });
	if (!err)
		err = hs_send_certificate(hs, (struct slice){ NULL, 0 });
	return err ? err : hs_send_certificate_verify(hs, end_flight);
}

/* ---- messages ---------------------------------------------------------- */

/* Suite, then group: what a retry must not change follows from the hello */
static int negotiate(struct ktls_hs *hs, const struct client_hello *m)
{
	hs->suite = choose_suite(hs->config, m->suites);
	if (!hs->suite)
		return -KTLS_E_NO_SUITE;
	hs->group = server_choose_group(hs, &m->exts, any_group);
	if (!hs->group)
		return -KTLS_E_NO_GROUP;
	hs->info.version = KTLS_TLS13;
	hs->info.suite = hs->suite->id;
	hs->info.group = hs->group->id;
	return 0;
}

static int first_hello(struct ktls_hs *hs, const struct client_hello *m)
{
	keep_hello(hs, m);
	if (ext_has(&m->exts, EXT_EARLY_DATA))
		hs->server.early_skip = EARLY_SKIP_MAX;
	hs->server.post_auth = ext_has(&m->exts, EXT_POST_HANDSHAKE_AUTH);
	return transcript_begin(&hs->transcript, hs->config->crypto,
				hs->suite->hash);
}

/* With the credential that has been chosen */
static int answer_hello(struct ktls_hs *hs, const struct client_hello *m)
{
	int err = cert_type_choose_peer(hs, &m->exts);

	if (!err)
		err = limit_choose(hs, &m->exts);
	if (!err)
		err = status_fetch(hs, &m->exts);
	sct_choose(hs, &m->exts);
	return err ? err : send_flight(hs, m);
}

static int cred_answered(struct ktls_hs *hs)
{
	struct client_hello m;
	int err = server_reparse_hello(hs, &m);

	if (!err)
		err = server_cred_answered(hs, &m, choose_cred);
	return err ? err : answer_hello(hs, &m);
}

int server13_client_hello(struct ktls_hs *hs, struct slice body,
			  const struct client_hello *m)
{
	bool stateless = cookie_awaited(hs) && ext_has(&m->exts, EXT_COOKIE);
	bool again = stateless || hs->state == S_CH2, need_share;
	const struct suite *suite;
	int err = check_hello(m);

	if (!err && stateless)
		err = resume_retry(hs, m);
	if (!err && again)
		err = check_retried(hs, body, m);
	suite = hs->suite;
	if (!err)
		err = negotiate(hs, m);
	/* 4.2.3: of a config with other suites */
	if (!err && again && hs->suite != suite)
		err = -KTLS_E_COOKIE;
	if (!err && !again)
		err = first_hello(hs, m);
	if (!err)
		err = transcript_add(&hs->transcript, hs->msg.whole);
	if (err)
		return err;
	need_share = !shares_find(m->exts.shares, hs->group->id).len;
	if (again && need_share)
		return -KTLS_E_RETRY_CHANGED;
	if (!again && (need_share || hs->config->flags & KTLS_F_COOKIE))
		return retry(hs, body, m, need_share);
	compress_take_offer(hs, &m->exts);
	err = server_choose_alpn(hs, &m->exts);
	if (!err)
		err = server_choose_cred(hs, m, choose_cred);
	if (err == KTLS_LATER)
		return hs_suspend(hs, KTLS_WANT_CRED, cred_answered);
	return err ? err : answer_hello(hs, m);
}

int server13_answer(struct ktls_hs *hs, struct slice body,
		    struct slice context)
{
	uint64_t asked = (status_wanted(hs) ? EXT_BIT(EXT_STATUS_REQUEST) : 0) |
			 (sct_wanted(hs) ? EXT_BIT(EXT_SCT) : 0);
	int err = hs_take_certificate(hs, body, context, asked);

	return !err && !peer_len(&hs->peer) &&
	       hs->config->verify == KTLS_VERIFY_REQUIRE ?
	       -KTLS_E_CERT_REQUIRED : err;
}

int s13_certificate(struct ktls_hs *hs, struct slice body)
{
	int err = server13_answer(hs, body, (struct slice){ NULL, 0 });

	hs->state = peer_len(&hs->peer) ? S_CV : S_FIN;
	return err;
}

int s13_certificate_verify(struct ktls_hs *hs, struct slice body)
{
	hs->state = S_FIN;
	return hs_take_certificate_verify(hs, body);
}

/* The client is accepted */
static int end_handshake(struct ktls_hs *hs)
{
	hs->state = HS_DONE;
	return hs_rx_key(hs, &hs->client_app);
}

int s13_finished(struct ktls_hs *hs, struct slice body)
{
	int err = hs_take_finished(hs, body);

	return err ? err : hs_ask_verify(hs, end_handshake);
}

