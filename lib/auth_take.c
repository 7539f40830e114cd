// SPDX-License-Identifier: MIT
/* Requests and answers that the peer sends after the handshake */
#include "auth_post.h"

static struct slice whole_of(struct slice body)
{
	return (struct slice){ body.p - MSG_HEADER, body.len + MSG_HEADER };
}

int post_take_request(struct ktls_conn *conn, struct slice body, bool last)
{
	struct post_auth *post = conn->post;
	struct certificate_request m;
	int err = parse_certificate_request(body, &m);

	(void)last;
	if (err)
		return err;
	if (!m.context.len || post_find(post, m.context) >= 0)
		return -KTLS_E_REQUEST_CONTEXT;
	if (!ext_has(&m.exts, EXT_SIGNATURE_ALGORITHMS))
		return -KTLS_E_EXT_MISSING;
	if (post->requests == REQUESTS_MAX)
		return -KTLS_E_REQUEST_FLOOD;
	post->told = true;
	return post_add(post, whole_of(body));
}

int post_take_certificate(struct ktls_conn *conn, struct slice body,
			  bool last)
{
	struct post_auth *post = conn->post;
	struct certificate m;
	int i, err = parse_certificate(body, &m);

	(void)last;
	if (err)
		return err;
	i = post_find(post, m.context);
	if (i < 0)
		return -KTLS_E_CERT_CONTEXT;
	err = post_begin_answer(conn, &post->request[i], &post->hs);
	if (err)
		return err;
	/* each is answered once */
	post_drop(post, (unsigned int)i);
	/* nothing of who was there before */
	post->hs->info.peer_sigalg = 0;
	post->hs->info.peer_verified = 0;
	post->hs->info.peer_raw_key = 0;
	post->hs->info.external_psk = 0;
	post->hs->info.peer_status = KTLS_STATUS_NONE;
	err = server13_answer(post->hs, body, m.context);
	if (err)
		return err;
	post->awaited = peer_len(&post->hs->peer) ? HT_CERTIFICATE_VERIFY :
						    HT_FINISHED;
	return transcript_add(&post->hs->transcript, whole_of(body));
}

int post_take_certificate_verify(struct ktls_conn *conn, struct slice body,
				 bool last)
{
	struct post_auth *post = conn->post;
	int err = hs_take_certificate_verify(post->hs, body);

	(void)last;
	post->awaited = HT_FINISHED;
	return err ? err : transcript_add(&post->hs->transcript,
					  whole_of(body));
}

/* Whom the connection is with from now on */
static int know_peer(struct ktls_conn *conn, const struct ktls_hs *hs)
{
	int err = conn_set_names(conn, &hs->info, hs->peer_name);

	if (err)
		return err;
	conn->peer_sigalg = hs->info.peer_sigalg;
	conn->peer_verified = hs->info.peer_verified;
	conn->peer_raw_key = hs->info.peer_raw_key;
	conn->external_psk = hs->info.external_psk;
	/* and its tickets, which are for him, end with his certificate */
	conn->session_lifetime = session_limit(hs, conn->session_made,
					       conn->session_lifetime);
	conn->peer_status = hs->info.peer_status;
	return 0;
}

/* Nothing follows the application's word */
static int accept(struct ktls_hs *hs)
{
	(void)hs;
	return 0;
}

int post_take_finished(struct ktls_conn *conn, struct slice body, bool last)
{
	struct post_auth *post = conn->post;
	int err = hs_take_finished(post->hs, body);

	(void)last;
	if (!err)
		err = post_at_once(post->hs, hs_ask_verify(post->hs, accept));
	if (!err)
		chain_keep(post->hs);
	/* who declines is who he was */
	if (!err && peer_len(&post->hs->peer))
		err = know_peer(conn, post->hs);
	post->data = post->hs->data;
	ktls_hs_free(post->hs);
	post->hs = NULL;
	post->told = true;
	return err;
}
