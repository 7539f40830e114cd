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

/* 9.2, and 4.3.9 */
static int check_required(const struct exts *e)
{
	bool psk = ext_has(e, EXT_PRE_SHARED_KEY);
	bool kex = ext_has(e, EXT_SUPPORTED_GROUPS);

	if (kex != ext_has(e, EXT_KEY_SHARE) ||
	    (psk && !ext_has(e, EXT_PSK_MODES)) ||
	    (!psk && !(kex && ext_has(e, EXT_SIGNATURE_ALGORITHMS))))
		return -KTLS_E_EXT_MISSING;
	return 0;
}

static int check_hello(const struct client_hello *m)
{
	int err;

	if (m->version != KTLS_TLS12)
		return -KTLS_E_VERSION;
	if (m->compression.len != 1 || m->compression.p[0])
		return -KTLS_E_COMPRESSION;
	err = check_required(&m->exts);
	return err ? err : check_shares(&m->exts);
}

/* ---- choosing ---------------------------------------------------------- */

/* The first, or the first of @psk's hash */
static const struct suite *choose_suite(const struct ktls_config *cfg,
					struct slice theirs,
					const struct psk_ext *psk)
{
	const struct suite *common[SUITES_MAX];
	size_t n = server_suites(cfg, theirs, KTLS_TLS13, common);

	for (size_t i = 0; psk && i < n; i++)
		if (common[i]->hash == psk->hash)
			return common[i];
	/* 4.3.11: a key that both have is worth another suite, not none */
	return n ? common[0] : NULL;
}

static bool any_group(const struct group *group)
{
	(void)group;
	return true;
}

static int choose_cred(struct ktls_hs *hs, const struct client_hello *m)
{
	const struct exts *e = &m->exts;
	int err;

	if (!ext_has(e, EXT_SIGNATURE_ALGORITHMS))
		return -KTLS_E_EXT_MISSING;
	err = cert_type_choose_cred(hs, e);
	if (err)
		return err;
	hs->server.named = hs_cred_named(hs, hs->cred);
	if (e->server_name.len && !hs->server.named &&
	    hs->config->flags & KTLS_F_STRICT_NAME)
		return -KTLS_E_UNKNOWN_NAME;
	return 0;
}

/* ---- the flight -------------------------------------------------------- */

/* Our half of the key exchange into @share, and what it leads to */
static int agree(struct ktls_hs *hs, const struct exts *ch, struct exts *sh,
		 struct wr *share, struct kex_secret *secret)
{
	int err = kex_respond(hs->config->crypto, hs->group,
			      shares_find(ch->shares, hs->group->id), share,
			      secret);

	hs->info.group = hs->group->id;
	sh->set |= EXT_BIT(EXT_KEY_SHARE);
	sh->share_group = hs->group->id;
	sh->share = wr_content(share);
	return err;
}

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
			.set = EXT_BIT(EXT_SUPPORTED_VERSIONS),
			.version = KTLS_TLS13,
			.psk_choice = hs->psk.index,
		},
	};
	uint8_t room[SHARE_ROOM];
	struct wr share = wr_lend(room, sizeof(room));
	struct wr_mark mark;
	int err = hs_nonce(hs, random, sizeof(random));

	if (!err && !hs->psk.alone)
		err = agree(hs, &ch->exts, &m.exts, &share, secret);
	if (hs->psk.chosen)
		m.exts.set |= EXT_BIT(EXT_PRE_SHARED_KEY);
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
	if (early_accepted(hs))
		e.set |= EXT_BIT(EXT_EARLY_DATA);
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
	m.exts.authorities = wr_content(&hs->config->authorities);
	if (sct_wanted(hs))
		m.exts.set |= EXT_BIT(EXT_SCT);
	m.exts.oid_filters = wr_content(&hs->config->oid_filters);
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

/* 4.5: not who has the PSK */
bool server13_asks(const struct ktls_hs *hs)
{
	return server_asks(hs) && !hs->certs.unasked && !hs->psk.chosen;
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
		err = early_accepted(hs) ? early_rx_key(hs) :
					   hs_rx_key(hs, &hs->client_hs);
	if (early_accepted(hs))
		hs->state = S_EARLY;
	else
		hs->state = server13_asks(hs) ? S_CERT : S_FIN;
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
	if (err || hs->psk.chosen)
		return err ? err : end_flight(hs);
	if (server13_asks(hs))
		err = server13_ask(hs, (struct slice){ NULL, 0 });
	if (!err)
		err = hs_send_certificate(hs, (struct slice){ NULL, 0 });
	return err ? err : hs_send_certificate_verify(hs, end_flight);
}

/* ---- messages ---------------------------------------------------------- */

/* Suite, then group: what a retry must not change follows from the hello */
static int negotiate(struct ktls_hs *hs, const struct client_hello *m)
{
	hs->suite = choose_suite(hs->config, m->suites,
				 psk_offered(hs->config, &m->exts));
	if (!hs->suite)
		return -KTLS_E_NO_SUITE;
	/* without one a PSK may do */
	hs->group = server_choose_group(hs, &m->exts, m->exts.shares,
					any_group);
	hs->info.version = KTLS_TLS13;
	hs->info.suite = hs->suite->id;
	return 0;
}

static int first_hello(struct ktls_hs *hs, const struct client_hello *m)
{
	hello_keep(hs, m);
	/* until it is accepted */
	if (ext_has(&m->exts, EXT_EARLY_DATA)) {
		hs->info.early_data = KTLS_EARLY_REJECTED;
		hs->server.early_skip = EARLY_SKIP_MAX +
					2 * (size_t)hs->config->early_data;
	}
	return transcript_begin(&hs->transcript, hs->config->crypto,
				hs->suite->hash);
}

/* Does it take another hello? hs->group is chosen, and may be none */
static int check_retry(struct ktls_hs *hs, struct slice body,
		       const struct client_hello *m, bool again)
{
	bool need_share = hs->group &&
			  !shares_find(m->exts.shares, hs->group->id).len;

	if (again && need_share)
		return -KTLS_E_RETRY_CHANGED;
	if (!again && (need_share || hs->config->flags & KTLS_F_COOKIE))
		return retry_send(hs, body, m, need_share);
	return 0;
}

/* With the PSK or the credential that has been chosen */
static int answer_hello(struct ktls_hs *hs, const struct client_hello *m)
{
	int err = limit_choose(hs, &m->exts);

	if (!err)
		err = cert_type_choose_peer(hs, &m->exts);
	if (!err && !hs->psk.chosen)
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
	bool again = stateless || hs->state == S_CH2;
	const struct suite *suite;
	int err = check_hello(m);

	if (!err && again)
		err = retry_take(hs, body, m, stateless);
	suite = hs->suite;
	if (!err)
		err = negotiate(hs, m);
	/* 4.2.3: of a config with other suites */
	if (!err && again && hs->suite != suite)
		err = -KTLS_E_COOKIE;
	if (!err && !again)
		err = first_hello(hs, m);
	if (!err)
		err = psk_digest(hs, m);
	if (!err)
		err = transcript_add(&hs->transcript, hs->msg.whole);
	if (!err)
		err = check_retry(hs, body, m, again);
	if (err || (!again && hs->state == S_CH2))
		return err;
	compress_take_offer(hs, &m->exts);
	/* a name that is not fit to be compared and logged is no name */
	host_name(m->exts.server_name, hs->info.server_name);
	err = server_choose_alpn(hs, &m->exts);
	if (!err)
		err = psk_choose(hs, m);
	if (!err)
		err = early_choose(hs, &m->exts);
	if (err || hs->psk.chosen)
		return err ? err : answer_hello(hs, m);
	if (!hs->group)
		return -KTLS_E_NO_GROUP;
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

/* 4.7.1: in the application's keys, with the end of the handshake */
static int send_tickets(struct ktls_hs *hs)
{
	unsigned int n = hs->info.resumed ? 1 : hs->config->tickets_count;
	int err = 0;

	/* what the kernel has to send waits for ktls_offload() */
	if (!hs->server.tickets_wanted || !session13_tickets(hs->config) ||
	    hs->tx_moved)
		return 0;
	while (hs->tickets < n && !err) {
		err = session13_write_ticket(hs->config, &hs->session,
					     &hs->resumption, hs->tickets,
					     &hs->flight);
		hs->tickets += !err;
	}
	/* what cannot be kept cannot be resumed, and that is all */
	return err && err != -ENOENT ? err : hs_flush(hs);
}

/* The client is accepted */
static int end_handshake(struct ktls_hs *hs)
{
	int err = hs_resumption_secret(hs);

	if (!err)
		err = hs_rx_key(hs, &hs->client_app);
	hs->state = HS_DONE;
	if (err)
		return err;
	session_fill(hs);
	return send_tickets(hs);
}

int s13_finished(struct ktls_hs *hs, struct slice body)
{
	int err = hs_take_finished(hs, body);

	if (!err)
		err = transcript_add(&hs->transcript, hs->msg.whole);
	return err ? err : hs_ask_verify(hs, end_handshake);
}
