// SPDX-License-Identifier: MIT
/* Early data, 0-RTT (RFC 9846 2.3, 4.3.12, 4.6, 8) */
#include "hs.h"

#include <errno.h>

#include "replay.h"

/* The secret that both ends have from the PSK and the ClientHello alone */
static int early_secret(struct ktls_hs *hs, enum hash_id hash,
			const struct secret *hello, struct secret *out)
{
	const struct secret *psk = hs->config->role == KTLS_CLIENT ?
				   &hs->client.psks[0].key : &hs->psk.key;
	int err = sched_begin(&hs->sched, hs->config->crypto, hash,
			      secret_slice(psk));

	if (!err)
		err = sched_derive(&hs->sched, "c e traffic", hello, out);
	if (!err)
		hs_keylog(hs, "CLIENT_EARLY_TRAFFIC_SECRET", out);
	return err;
}

/* 5.5: no handshake changes the key of what is sent in it */
static bool key_has_room(const struct ktls_hs *hs)
{
	return hs->tx.seq < config_key_limit(hs->config, hs->tx.suite);
}

/* As much as there is room for, under the key and in a queue of @max bytes */
static ssize_t seal_data(struct ktls_hs *hs, const uint8_t *p, size_t len,
			 size_t max)
{
	size_t done = 0;

	while (done < len && key_has_room(hs) &&
	       hs->out.len - hs->out_sent < max) {
		size_t left = len - done, most = record_max(&hs->tx);
		size_t n = left < most ? left : most;
		int err = record_seal(&hs->tx, hs->out_version, CT_DATA,
				      p + done, n, &hs->out);

		if (err)
			return hs_fail(hs, err);
		done += n;
	}
	return (ssize_t)done;
}

/* ---- client ------------------------------------------------------------ */

void early_offer(struct ktls_hs *hs, struct exts *e)
{
	const struct hs_client *c = &hs->client;
	size_t max = hs->config->early_data;

	/* 4.3.12: with the first PSK, in the first hello */
	if (!c->psks_len || !c->psks[0].session || hs->info.retried ||
	    hs->early.begun)
		return;
	if (max > c->psks[0].session->max_early)
		max = c->psks[0].session->max_early;
	if (!max)
		return;
	hs->early.offered = true;
	hs->early.left = max;
	e->set |= EXT_BIT(EXT_EARLY_DATA);
}

/* Its suite is the ticket's, whatever the server will choose */
int early_begin(struct ktls_hs *hs)
{
	const struct session *session;
	const struct suite *suite;
	struct traffic_keys keys;
	struct secret hello, secret;
	int err;

	if (!hs->early.offered)
		return 0;
	hs->early.begun = true;
	session = hs->client.psks[0].session;
	suite = suite_find(session->suite);
	strcpy(hs->info.alpn, session->alpn);
	err = hs_send_ccs(hs);
	if (!err)
		err = psk_hello_hash(hs, suite->hash,
				     wr_content(&hs->client.hello), &hello);
	if (!err)
		err = early_secret(hs, suite->hash, &hello, &secret);
	if (!err)
		err = traffic_keys(hs->config->crypto, suite, &secret, &keys);
	if (!err)
		err = record_set_key(&hs->tx, hs->config->crypto, suite,
				     &keys, true);
	limit_tx_early(hs);
	wipe(&secret, sizeof(secret));
	wipe(&keys, sizeof(keys));
	return err;
}

/* The caller sees to the key of what follows */
void early_reject(struct ktls_hs *hs)
{
	if (!hs->early.offered)
		return;
	hs->early.offered = false;
	hs->early.left = 0;
	hs->info.early_data = KTLS_EARLY_REJECTED;
}

/* 4.3.12: it was sent with the ticket's choices, so they must be the server's */
int early_take_answer(struct ktls_hs *hs, const struct exts *ee)
{
	const struct session *s = &hs->session;

	if (!ext_has(ee, EXT_EARLY_DATA)) {
		bool waits = hs->early.offered;

		early_reject(hs);
		return waits ? hs_tx_key(hs, &hs->client_hs) : 0;
	}
	if (!hs->psk.chosen || hs->psk.index || hs->suite->id != s->suite ||
	    strcmp(hs->info.alpn, s->alpn))
		return -KTLS_E_EARLY_CHOICE;
	hs->info.early_data = KTLS_EARLY_ACCEPTED;
	return 0;
}

/* 4.6: the server's Finished is there */
int early_end(struct ktls_hs *hs)
{
	struct wr_mark m;
	int err;

	if (!hs->early.offered)
		return 0;
	hs->early.left = 0;
	m = hs_open(hs, HT_END_OF_EARLY_DATA);
	err = hs_close(hs, &m);
	return err ? err : hs_tx_key(hs, &hs->client_hs);
}

ssize_t ktls_hs_early_write(struct ktls_hs *hs, const void *buf, size_t len)
{
	ssize_t n;

	if (hs->error)
		return hs->error;
	if (!hs->early.offered || hs->state >= HS_DONE ||
	    hs->config->role != KTLS_CLIENT)
		return -KTLS_E_STATE;
	if (len > hs->early.left)
		len = hs->early.left;
	n = seal_data(hs, buf, len, SIZE_MAX);
	hs->early.left -= n > 0 ? (size_t)n : 0;
	return n;
}

/* ---- server ------------------------------------------------------------ */

/* 8.3: is the ticket as old as the client says it is? */
static bool fresh(const struct session *s, uint32_t obfuscated, uint64_t now)
{
	uint64_t says = s->issued + (uint32_t)(obfuscated - s->age_add);

	return says < now + REPLAY_WINDOW && now < says + REPLAY_WINDOW;
}

/* 8.1, 8.2: never seen before, as far as this config's strategy reaches */
static bool first_time(const struct ktls_hs *hs, uint64_t now)
{
	const struct ktls_config *cfg = hs->config;
	const uint8_t *id = hs->psk.binder.b;
	uint64_t until = now / 1000 + 2 * REPLAY_WINDOW / 1000 + 1;

	/* who made the ticket sees to it that it is used so once, in his way */
	if (memcmp(hs->session.maker, cfg->maker, MAKER_LEN))
		return false;
	/* of tickets for one use, too: a store may bring back what it gave */
	if (cfg->hooks.early_first)
		return cfg->hooks.early_first(cfg->arg, id, REPLAY_ID_LEN,
					      until) == 1;
	if (cfg->store.take && cfg->flags & KTLS_F_SINGLE_USE)
		return true;	/* the ticket is gone from the store */
	/* of our own memory each child of fork(2) has a copy */
	if (crypto_inherited(cfg->crypto))
		return false;
	return cfg->flags & KTLS_F_SINGLE_USE ||
	       replay_first(cfg->replay, id, now);
}

static bool acceptable(const struct ktls_hs *hs, const struct exts *ch)
{
	const struct session *s = &hs->session;
	uint64_t now = session_clock();

	return ext_has(ch, EXT_EARLY_DATA) && hs->config->early_data &&
	       !hs->info.retried && !hs->psk.index && s->max_early &&
	       s->max_early <= hs->config->early_data &&
	       hs->suite->id == s->suite && !strcmp(hs->info.alpn, s->alpn) &&
	       fresh(s, hs->psk.age, now) && first_time(hs, now);
}

int early_choose(struct ktls_hs *hs, const struct exts *ch)
{
	struct secret hello;
	int err;

	if (!hs->psk.chosen || !acceptable(hs, ch))
		return 0;
	hs->info.early_data = KTLS_EARLY_ACCEPTED;
	hs->server.early_skip = 0;
	hs->early.left = hs->session.max_early;
	err = transcript_now(&hs->transcript, &hello);
	return err ? err : early_secret(hs, hs->suite->hash, &hello,
					&hs->early.secret);
}

bool early_accepted(const struct ktls_hs *hs)
{
	return hs->info.early_data == KTLS_EARLY_ACCEPTED;
}

int early_rx_key(struct ktls_hs *hs)
{
	int err = hs_rx_key(hs, &hs->early.secret);

	limit_rx_early(hs);
	return err;
}

int early_take(struct ktls_hs *hs, struct slice content)
{
	if (content.len > hs->early.left)
		return -KTLS_E_EARLY_DATA;
	hs->early.left -= content.len;
	hs->idle_records = 0;
	wr_slice(&hs->early.data, content);
	return wr_ok(&hs->early.data) ? 0 : -ENOMEM;
}

int s13_end_of_early_data(struct ktls_hs *hs, struct slice body)
{
	hs->state = S_FIN;
	return body.len ? -KTLS_E_DECODE : hs_rx_key(hs, &hs->client_hs);
}

ssize_t early_read(struct wr *data, size_t *at, void *buf, size_t len)
{
	size_t n = data->len - *at;

	if (n > len)
		n = len;
	if (!n)
		return 0;
	memcpy(buf, data->buf + *at, n);
	*at += n;
	/* all of it: no copy is kept */
	if (*at == data->len) {
		wr_free(data);
		*at = 0;
	}
	return (ssize_t)n;
}

ssize_t ktls_hs_early_read(struct ktls_hs *hs, void *buf, size_t len)
{
	ssize_t n;

	if (hs->error)
		return hs->error;
	if (hs->config->role != KTLS_SERVER || !len)
		return -EINVAL;
	n = early_read(&hs->early.data, &hs->early.at, buf, len);
	/* nor is it known before the first hello that there is none */
	return n || !(ST(hs->state) & (ST(S_CH) | ST(S_EARLY))) ? n : -EAGAIN;
}

/* ---- server: 0.5-RTT (4.5.3) ------------------------------------------- */

#define ANSWER_MAX	65536	/* bytes that wait, and then no more is taken */

bool early_may_answer(const struct ktls_hs *hs)
{
	const uint64_t states = ST(S_CERT) | ST(S_CV) | ST(S_EARLY) |
				ST(S_FIN);

	return hs->config->flags & KTLS_F_EARLY_ANSWER && !hs->tx_moved &&
	       states & ST(hs->state) && !hs->wait.want && key_has_room(hs);
}

ssize_t ktls_hs_answer(struct ktls_hs *hs, const void *buf, size_t len)
{
	ssize_t n;

	if (hs->error)
		return hs->error;
	if (!early_may_answer(hs))
		return -KTLS_E_STATE;
	n = seal_data(hs, buf, len, ANSWER_MAX);
	return n || !len ? n : -EAGAIN;
}
