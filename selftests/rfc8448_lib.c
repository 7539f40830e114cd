// SPDX-License-Identifier: GPL-2.0-only
#include "rfc8448_lib.h"
#include "record_lib.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "harness.h"
#include "rfc8448_data.h"

/* ---- bytes ------------------------------------------------------------- */

void unhex(struct wr *w, const char *hex)
{
	for (; hex && *hex; hex += 2) {
		char byte[3] = { hex[0], hex[1] };

		wr_u8(w, (uint8_t)strtoul(byte, NULL, 16));
	}
	ASSERT_TRUE(wr_ok(w));
}

struct slice wr_all(const struct wr *w)
{
	return (struct slice){ w->buf, w->len };
}

/* The content of the plaintext record that @hex is */
struct slice content_of(struct wr *w, const char *hex)
{
	unhex(w, hex);
	ASSERT_GT(w->len, RECORD_HEADER);
	return (struct slice){ w->buf + RECORD_HEADER,
			       w->len - RECORD_HEADER };
}

void expect_hex(const char *what, struct slice got, const char *hex)
{
	struct wr want = { 0 };

	unhex(&want, hex);
	EXPECT_EQ(got.len, want.len) TH_LOG("%s", what);
	if (got.len == want.len)
		EXPECT_MEMEQ(got.p, want.buf, got.len) TH_LOG("%s", what);
	wr_free(&want);
}

struct slice body_of(struct slice msg)
{
	return (struct slice){ msg.p + MSG_HEADER, msg.len - MSG_HEADER };
}

/* ---- keys -------------------------------------------------------------- */

static EVP_PKEY *key_p256(struct slice priv, struct slice pub)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	BIGNUM *d = BN_bin2bn(priv.p, (int)priv.len, NULL);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM *params;
	EVP_PKEY *key = NULL;

	ASSERT_TRUE(OSSL_PARAM_BLD_push_utf8_string(
			    bld, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) &&
		    OSSL_PARAM_BLD_push_octet_string(
			    bld, OSSL_PKEY_PARAM_PUB_KEY, pub.p, pub.len) &&
		    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, d));
	params = OSSL_PARAM_BLD_to_param(bld);
	ASSERT_TRUE(EVP_PKEY_fromdata_init(ctx) > 0 &&
		    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) > 0);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	BN_free(d);
	return key;
}

/* The key whose private half is @hex, and whose share is in @shares */
struct kex kex_of(const char *hex, struct slice shares)
{
	uint16_t id = (uint16_t)(shares.p[0] << 8 | shares.p[1]);
	struct kex k = { .group = group_find(id) };
	struct wr priv = { 0 };

	unhex(&priv, hex);
	k.key = id == 0x17 ? key_p256(wr_all(&priv), shares_find(shares, id)) :
		EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, priv.buf,
					     priv.len);
	ASSERT_TRUE(k.group && k.key);
	wr_free(&priv);
	return k;
}

/* ---- a trace, worked through ------------------------------------------- */

static struct wr *buf(struct work *k)
{
	ASSERT_LT(k->bufs, 10);
	return &k->buf[k->bufs++];
}

/* Open the records in @hex, and see that ours would be the same, sealed */
struct slice work_open(struct work *k, const struct secret *traffic,
			     const char *hex, uint8_t type, struct wr *out)
{
	struct record rx = { 0 }, tx = { 0 };
	struct wr in = { 0 }, again = { 0 };
	struct slice content = { NULL, 0 };

	unhex(&in, hex);
	ASSERT_OK(record_set_secret(&rx, k->crypto, k->suite, traffic, false));
	ASSERT_OK(record_set_secret(&tx, k->crypto, k->suite, traffic, true));
	for (size_t at = 0, n; at < in.len; at += n) {
		uint8_t *p = in.buf + at, got, copy[1024];

		n = RECORD_HEADER + (size_t)(p[3] << 8 | p[4]);
		if (*p == CT_CHANGE_CIPHER_SPEC)
			continue;
		ASSERT_LE(n, sizeof(copy));
		memcpy(copy, p, n);
		ASSERT_OK(record_open(&rx, p, n, &got, &content));
		wr_reset(&again);
		ASSERT_OK(record_seal(&tx, 0, got, content.p, content.len,
				      &again));
		ASSERT_EQ(again.len, n);
		EXPECT_MEMEQ(again.buf, copy, n);
		if (got == type)
			wr_slice(out, content);
	}
	wr_free(&in);
	wr_free(&again);
	record_free(&rx);
	record_free(&tx);
	return wr_all(out);
}

static void read_hellos(struct work *k, const struct trace *t)
{
	struct slice first = content_of(buf(k), t->client_hello), retry;

	k->ch_msg = first;
	if (t->retry)
		k->ch_msg = content_of(buf(k), t->client_hello2);
	k->sh_msg = content_of(buf(k), t->server_hello);
	ASSERT_OK(parse_client_hello(body_of(k->ch_msg), &k->ch));
	ASSERT_OK(parse_server_hello(body_of(k->sh_msg), &k->sh));
	ASSERT_OK(parse_server_hello_exts(&k->sh, k->ch.exts.set));
	k->suite = suite_find(k->sh.suite);
	ASSERT_TRUE(k->suite);
	ASSERT_OK(transcript_begin(&k->transcript, k->crypto,
				   k->suite->hash));
	if (t->retry) {
		retry = content_of(buf(k), t->retry);
		ASSERT_OK(transcript_add(&k->transcript, first));
		ASSERT_OK(transcript_retry(&k->transcript, k->crypto));
		ASSERT_OK(transcript_add(&k->transcript, retry));
	}
	ASSERT_OK(transcript_add(&k->transcript, k->ch_msg));
	ASSERT_OK(transcript_add(&k->transcript, k->sh_msg));
}

void work_derive(struct work *k, const char *label, struct secret *out)
{
	struct secret digest;

	ASSERT_OK(transcript_now(&k->transcript, &digest));
	ASSERT_OK(sched_derive(&k->sched, label, &digest, out));
}

void work_agree(struct work *k, const struct trace *t,
		  struct kex_secret *secret)
{
	struct kex mine = kex_of(t->client_key, k->ch.exts.shares);
	struct kex_secret other;

	ASSERT_OK(kex_finish(&mine, k->crypto, k->sh.exts.share, secret));
	kex_free(&mine);
	if (!t->server_key)
		return;
	mine = kex_of(t->server_key, k->ch.exts.shares);
	ASSERT_OK(kex_finish(&mine, k->crypto, shares_find(
			     k->ch.exts.shares, mine.group->id), &other));
	kex_free(&mine);
	ASSERT_EQ(other.len, secret->len);
	EXPECT_MEMEQ(other.b, secret->b, other.len);
}

/* The next of the messages in @all */
struct slice next_message(struct slice *all)
{
	struct slice msg = { all->p, 0 };

	ASSERT_GE(all->len, MSG_HEADER);
	msg.len = MSG_HEADER + ((size_t)msg.p[1] << 16 |
				(size_t)msg.p[2] << 8 | msg.p[3]);
	ASSERT_LE(msg.len, all->len);
	all->p += msg.len;
	all->len -= msg.len;
	return msg;
}

static void check_finished(struct work *k, const struct secret *base,
			   struct slice msg)
{
	struct secret digest, mac;

	ASSERT_OK(transcript_now(&k->transcript, &digest));
	ASSERT_OK(finished_mac(k->crypto, k->suite->hash, base, &digest,
			       &mac));
	ASSERT_EQ(msg.len, MSG_HEADER + (size_t)mac.len);
	EXPECT_MEMEQ(msg.p + MSG_HEADER, mac.b, mac.len);
}

void work_server_flight(struct work *k, const struct trace *t)
{
	struct slice left, msg;

	work_derive(k, "c hs traffic", &k->client_hs);
	work_derive(k, "s hs traffic", &k->server_hs);
	k->flight = work_open(k, &k->server_hs, t->server_flight, CT_HANDSHAKE,
			     buf(k));
	for (left = k->flight; left.len; ) {
		msg = next_message(&left);
		if (msg.p[0] == HT_CERTIFICATE_VERIFY)
			ASSERT_OK(transcript_now(&k->transcript,
						 &k->before_cv));
		if (msg.p[0] == HT_FINISHED)
			check_finished(k, &k->server_hs, msg);
		ASSERT_OK(transcript_add(&k->transcript, msg));
	}
	ASSERT_EQ(msg.p[0], HT_FINISHED);
	ASSERT_OK(transcript_now(&k->transcript, &k->after_fin));
	ASSERT_OK(sched_mix(&k->sched, (struct slice){ NULL, 0 }));
	work_derive(k, "c ap traffic", &k->client_app);
	work_derive(k, "s ap traffic", &k->server_app);
	work_derive(k, "exp master", &k->exporter);
}

void work_client_flight(struct work *k, const struct trace *t)
{
	struct slice left = work_open(k, &k->client_hs, t->client_flight,
				     CT_HANDSHAKE, &k->client_flight), msg;

	while (left.len) {
		msg = next_message(&left);
		if (msg.p[0] == HT_FINISHED)
			check_finished(k, &k->client_hs, msg);
		ASSERT_OK(transcript_add(&k->transcript, msg));
	}
	ASSERT_EQ(msg.p[0], HT_FINISHED);
}

/* All that comes after, in the open at last: 50 bytes, and close_notify */
void work_data(struct work *k, const struct secret *traffic,
		 const char *hex)
{
	struct wr alerts = { 0 }, text = { 0 };

	work_open(k, traffic, hex, CT_DATA, &text);
	work_open(k, traffic, hex, CT_ALERT, &alerts);
	expect_hex("alerts", wr_all(&alerts), "0100");
	for (size_t i = 0; i < text.len; i++)
		EXPECT_EQ(text.buf[i], i);
	EXPECT_TRUE(!text.len || text.len == 50);
	wr_free(&alerts);
	wr_free(&text);
}

void work_begin(struct work *k, const struct trace *t)
{
	*k = (struct work){ 0 };
	ASSERT_OK(crypto_new(&k->crypto));
	read_hellos(k, t);
}

void work_through(struct work *k, const struct trace *t)
{
	struct kex_secret secret;

	work_begin(k, t);
	ASSERT_OK(sched_begin(&k->sched, k->crypto, k->suite->hash,
			      (struct slice){ NULL, 0 }));
	work_agree(k, t, &secret);
	ASSERT_OK(sched_mix(&k->sched, (struct slice){ secret.b,
						       secret.len }));
	work_server_flight(k, t);
	work_client_flight(k, t);
	work_data(k, &k->server_app, t->server_after);
	work_data(k, &k->client_app, t->client_after);
}

void work_end(struct work *k)
{
	transcript_free(&k->transcript);
	wr_free(&k->client_flight);
	for (size_t i = 0; i < k->bufs; i++)
		wr_free(&k->buf[i]);
	crypto_free(k->crypto);
}
