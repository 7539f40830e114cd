// SPDX-License-Identifier: MIT
#include "auth_post.h"

#include <errno.h>
#include <stdlib.h>

#include "hs_cred.h"
#include "vault.h"

#define CONTEXT_LEN	32
/* Of an answer, what is neither certificates nor what goes with them */
#define ANSWER_REST	2048
#define STATUS_MAX	16384

/* ---- birth and death --------------------------------------------------- */

int post_new(struct post_auth **post, struct ktls_hs *hs)
{
	*post = NULL;
	if (!hs_post_auth(hs))
		return 0;
	*post = calloc(1, sizeof(**post));
	if (!*post)
		return -ENOMEM;
	(*post)->data = hs->data;
	(*post)->ours = hs->certs.ours;
	(*post)->theirs = hs->certs.theirs;
	(*post)->transcript = hs->transcript;
	hs->transcript = (struct transcript){ 0 };	/* moved */
	return 0;
}

void post_free(struct post_auth *post)
{
	if (!post)
		return;
	transcript_free(&post->transcript);
	for (size_t i = 0; i < REQUESTS_MAX; i++)
		wr_free(&post->request[i]);
	ktls_hs_free(post->hs);
	wipe_free(post, sizeof(*post));
}

/* ---- requests ---------------------------------------------------------- */

/* A message's body begins with its context */
static struct slice request_body(const struct wr *request)
{
	return (struct slice){ request->buf + MSG_HEADER,
			       request->len - MSG_HEADER };
}

static struct slice request_context(const struct wr *request)
{
	struct slice body = request_body(request);

	return (struct slice){ body.p + 1, body.p[0] };
}

int post_find(const struct post_auth *post, struct slice context)
{
	for (unsigned int i = 0; i < post->requests; i++)
		if (slice_eq(request_context(&post->request[i]), context))
			return (int)i;
	return -1;
}

int post_add(struct post_auth *post, struct slice whole)
{
	struct wr *w = &post->request[post->requests];

	wr_slice(w, whole);
	if (!wr_ok(w)) {
		wr_free(w);
		return -ENOMEM;
	}
	post->requests++;
	return 0;
}

void post_drop(struct post_auth *post, unsigned int i)
{
	struct wr *last = &post->request[--post->requests];

	wr_free(&post->request[i]);
	for (; &post->request[i] != last; i++)
		post->request[i] = post->request[i + 1];
	*last = (struct wr){ 0 };
}

/* ---- a handshake of one flight ----------------------------------------- */

/*
 * What the handshake's own functions need, at the end of its transcript; the
 * answer's MAC has the key of the traffic in its direction (4.5).
 */
static int begin(const struct ktls_conn *conn, struct ktls_hs **out)
{
	bool client = conn->config->role == KTLS_CLIENT;
	struct ktls_hs *hs = vault_alloc(sizeof(*hs));
	int err;

	*out = hs;
	if (!hs)
		return -ENOMEM;
	hs->config = ktls_config_get(conn->config);
	hs->state = HS_DONE;
	hs->suite = conn->suite;
	hs->data = conn->post->data;
	hs->certs.ours = conn->post->ours;
	hs->certs.theirs = conn->post->theirs;
	conn_secret(conn, client ? CONN_TX : CONN_RX, &hs->client_hs);
	ktls_conn_info(conn, &hs->info);
	strcpy(hs->peer_name, conn_peer_name(conn));
	err = transcript_copy(&hs->transcript, &conn->post->transcript);
	if (!err)
		return 0;
	ktls_hs_free(hs);
	*out = NULL;
	return err;
}

int post_begin_answer(const struct ktls_conn *conn, const struct wr *request,
		      struct ktls_hs **hs)
{
	int err = begin(conn, hs);

	if (err)
		return err;
	err = transcript_add(&(*hs)->transcript, wr_content(request));
	if (!err)
		return 0;
	ktls_hs_free(*hs);
	*hs = NULL;
	return err;
}

/* ---- the server asks --------------------------------------------------- */

static int ask(struct ktls_conn *conn)
{
	struct post_auth *post = conn->post;
	uint8_t context[CONTEXT_LEN];
	struct ktls_hs *hs;
	int err = begin(conn, &hs);

	if (err)
		return err;
	/* 4.4.2: unique, and not to be known before */
	err = crypto_random(context, sizeof(context));
	if (!err)
		err = server13_ask(hs, (struct slice){ context,
						       sizeof(context) });
	if (!err)
		err = post_add(post, wr_content(&hs->flight));
	if (!err)
		err = conn_send_msgs(conn, &hs->flight);
	ktls_hs_free(hs);
	return err;
}

int ktls_conn_request_auth(struct ktls_conn *conn)
{
	const struct ktls_config *cfg = conn->config;
	int err;

	if (conn->error)
		return conn->error;
	if (cfg->role != KTLS_SERVER ||
	    !(cfg->flags & KTLS_F_POST_HANDSHAKE_AUTH))
		return -KTLS_E_STATE;
	if (!conn->post)
		return -KTLS_E_NO_POST_AUTH;
	if (conn->rx_closed || conn->rx_error)
		return -EPIPE;
	if (conn->post->requests == REQUESTS_MAX)
		return -EBUSY;
	err = conn_prepare(conn, conn_records(conn, cfg->authorities.len +
					      cfg->oid_filters.len +
					      ANSWER_REST), 0);
	return err ? err : ask(conn);
}

/* ---- the client answers ------------------------------------------------ */

/* The largest that it can become */
static size_t answer_max(const struct ktls_config *cfg)
{
	size_t max = 0;

	for (size_t i = 0; i < cfg->creds_len; i++) {
		size_t len = STATUS_MAX + cfg->creds[i].sct.len;

		for (size_t j = 0; j < cfg->creds[i].chain_len; j++)
			len += cfg->creds[i].chain[j].len + 3 + 2;
		max = len > max ? len : max;
	}
	return max + ANSWER_REST;
}

int post_at_once(const struct ktls_hs *hs, int err)
{
	return !err && hs->wait.want ? -KTLS_E_LATE_ANSWER : err;
}

static int send_answer(struct ktls_hs *hs)
{
	return client13_answer(hs, hs_send_finished);
}

static int write_answer(struct ktls_hs *hs, struct slice request)
{
	wr_slice(&hs->client.request, request);
	if (!wr_ok(&hs->client.request))
		return -ENOMEM;
	return post_at_once(hs, client13_choose(hs, send_answer));
}

static int answer(struct ktls_conn *conn)
{
	struct post_auth *post = conn->post;
	struct ktls_hs *hs;
	int err = post_begin_answer(conn, &post->request[0], &hs);

	if (err)
		return conn_fail(conn, err);
	err = write_answer(hs, request_body(&post->request[0]));
	if (err) {
		err = conn_fail(conn, err);
	} else {
		post_drop(post, 0);
		post->data = hs->data;
		conn->sigalg = hs->info.sigalg;
		err = conn_send_msgs(conn, &hs->flight);
	}
	ktls_hs_free(hs);
	return err;
}

int ktls_conn_authenticate(struct ktls_conn *conn)
{
	int err;

	if (conn->error)
		return conn->error;
	if (conn->config->role != KTLS_CLIENT ||
	    !(conn->config->flags & KTLS_F_POST_HANDSHAKE_AUTH))
		return -KTLS_E_STATE;
	err = conn_push(conn, 0);
	while (!err && conn->post && conn->post->requests) {
		err = conn_prepare(conn, conn_records(conn,
					      answer_max(conn->config)), 0);
		if (!err)
			err = answer(conn);
		if (!err)
			err = conn_push(conn, 0);
	}
	return err;
}

/* ---- what may come, and what waits ------------------------------------- */

bool post_taking(const struct ktls_conn *conn)
{
	return conn->post && conn->post->hs;
}

bool post_allows(const struct ktls_conn *conn, uint8_t type)
{
	const struct post_auth *post = conn->post;

	/* 4.7.2: an answer's messages come one after the other */
	if (post_taking(conn))
		return type == post->awaited;
	switch (type) {
	case HT_CERTIFICATE_REQUEST:
		return post;
	case HT_CERTIFICATE:
		return post && post->requests;
	case HT_CERTIFICATE_VERIFY:
	case HT_FINISHED:
		return false;
	default:
		return true;
	}
}

bool post_told(struct ktls_conn *conn)
{
	bool told = conn->post && conn->post->told;

	if (told)
		conn->post->told = false;
	return told;
}

bool post_busy(const struct ktls_conn *conn)
{
	const struct post_auth *post = conn->post;

	return post && (post->requests || post->hs);
}

unsigned int post_events(const struct ktls_conn *conn)
{
	const struct post_auth *post = conn->post;

	if (!post)
		return 0;
	if (conn->config->role == KTLS_SERVER)
		return post->requests || post->hs ? KTLS_EV_UNANSWERED : 0;
	return post->requests && !conn->tx_closed ? KTLS_EV_AUTH : 0;
}
