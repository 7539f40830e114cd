// SPDX-License-Identifier: GPL-2.0-only
#include "session_lib.h"

#include <sys/socket.h>

#include "harness.h"

int shake_named(struct ktls_config *client, struct ktls_config *server,
		const char *name, struct ktls_info info[2])
{
	struct ktls_info mine[2];
	struct ktls_hs *c, *s;
	int err;

	if (!info)
		info = mine;
	ASSERT_OK(ktls_hs_new(&c, client, name));
	ASSERT_OK(ktls_hs_new(&s, server, NULL));
	err = pump(c, s, 0);
	ktls_hs_info(c, &info[0]);
	ktls_hs_info(s, &info[1]);
	if (!err) {
		EXPECT_EQ(ktls_hs_wants(c), KTLS_WANT_DONE);
		EXPECT_EQ(ktls_hs_wants(s), KTLS_WANT_DONE);
		EXPECT_EQ(info[0].version, KTLS_TLS12);
		EXPECT_EQ(info[0].resumed, info[1].resumed);
		EXPECT_EQ(info[0].suite, info[1].suite);
		EXPECT_EQ(info[0].group, info[1].group);
		EXPECT_EQ(info[0].ems, info[1].ems);
		EXPECT_STREQ(info[0].alpn, info[1].alpn);
		EXPECT_MEMEQ(&c->tls12.keys, &s->tls12.keys,
			     sizeof(c->tls12.keys));
	}
	ktls_hs_free(c);
	ktls_hs_free(s);
	return err ? err : info[0].resumed;
}

int shake(struct ktls_config *client, struct ktls_config *server,
	  struct ktls_info info[2])
{
	return shake_named(client, server, "localhost", info);
}

void take_tickets(struct ktls_conn *client)
{
	char c;
	ssize_t n;

	do
		n = ktls_recv(client, &c, 1, MSG_DONTWAIT);
	while (n == -EINTR);
	EXPECT_EQ(n, -EAGAIN);
}

int shake13(struct ktls_config *client, struct ktls_config *server,
	    struct ktls_info info[2])
{
	struct ktls_info mine[2];
	struct pair p;

	if (!info)
		info = mine;
	pair_open(&p, client, server);
	exchange(p.client, p.server, 1000);
	exchange(p.server, p.client, 1000);
	ktls_conn_info(p.client, &info[0]);
	ktls_conn_info(p.server, &info[1]);
	EXPECT_EQ(info[0].version, KTLS_TLS13);
	EXPECT_EQ(info[0].resumed, info[1].resumed);
	EXPECT_EQ(info[0].suite, info[1].suite);
	EXPECT_EQ(info[0].group, info[1].group);
	EXPECT_STREQ(info[0].alpn, info[1].alpn);
	pair_close(&p);
	return info[0].resumed;
}

struct ktls_config *client12(struct ktls_opts opts)
{
	opts.size = sizeof(opts);
	opts.role = KTLS_CLIENT;
	opts.max_version = KTLS_TLS12;
	return config(&opts);
}

struct ktls_config *server12(struct ktls_opts opts)
{
	opts.size = sizeof(opts);
	opts.role = KTLS_SERVER;
	opts.max_version = KTLS_TLS12;
	return config(&opts);
}

void share_keys(struct ktls_config *from, struct ktls_config *to)
{
	uint8_t keys[KTLS_TICKET_KEYS_SIZE];

	ASSERT_OK(ktls_ticket_keys_export(from, keys));
	ASSERT_OK(ktls_ticket_keys_import(to, keys));
}

void export_session(struct ktls_config *client, struct exported *to)
{
	ssize_t len = ktls_session_export(client, "localhost", to->b,
					  sizeof(to->b));

	ASSERT_GT(len, 0);
	ASSERT_LE(len, (ssize_t)sizeof(to->b));
	to->len = (size_t)len;
}

int move_session(struct ktls_config *from, struct ktls_config *to)
{
	struct exported e;

	export_session(from, &e);
	return ktls_session_import(to, e.b, e.len);
}

/* ---- a store ----------------------------------------------------------- */

static struct shelved *find(struct shelf *s, const void *id, size_t id_len)
{
	for (size_t i = 0; i < SHELF_MAX; i++)
		if (s->at[i].len && s->at[i].id_len == id_len &&
		    !memcmp(s->at[i].id, id, id_len))
			return &s->at[i];
	return NULL;
}

static int shelf_put(void *arg, const void *id, size_t id_len,
		     const void *session, size_t len, uint64_t expires)
{
	struct shelf *s = arg;
	struct shelved *e;

	ASSERT_LE(id_len, sizeof(e->id));
	ASSERT_LE(len, KTLS_SESSION_SIZE);
	pthread_mutex_lock(&s->lock);
	s->stored++;
	e = find(s, id, id_len);
	if (!e)
		e = &s->at[s->n++ % SHELF_MAX];
	if (!s->store_error) {
		memcpy(e->id, id, id_len);
		e->id_len = id_len;
		memcpy(e->b, session, len);
		e->len = len;
		e->expires = expires;
	}
	pthread_mutex_unlock(&s->lock);
	return s->store_error;
}

static ssize_t shelf_get(void *arg, const void *id, size_t id_len, void *buf,
			 size_t size)
{
	struct shelf *s = arg;
	struct shelved *e;
	ssize_t len = s->fetch_error;

	EXPECT_EQ(size, KTLS_SESSION_SIZE);
	pthread_mutex_lock(&s->lock);
	s->fetched++;
	e = find(s, id, id_len);
	if (!len && e) {
		memcpy(buf, e->b, e->len);
		len = (ssize_t)e->len;
	}
	pthread_mutex_unlock(&s->lock);
	return len;
}

static ssize_t shelf_take(void *arg, const void *id, size_t id_len, void *buf,
			  size_t size)
{
	struct shelf *s = arg;
	struct shelved *e;
	ssize_t len = 0;

	pthread_mutex_lock(&s->lock);
	e = find(s, id, id_len);
	if (e && e->len <= size) {
		len = (ssize_t)e->len;
		memcpy(buf, e->b, e->len);
		e->len = 0;
	}
	pthread_mutex_unlock(&s->lock);
	return len;
}

static void shelf_del(void *arg, const void *id, size_t id_len)
{
	struct shelf *s = arg;
	struct shelved *e;

	pthread_mutex_lock(&s->lock);
	s->forgotten++;
	e = find(s, id, id_len);
	if (e)
		e->len = 0;
	pthread_mutex_unlock(&s->lock);
}

const struct ktls_session_store shelf_store = {
	.store = shelf_put, .fetch = shelf_get, .forget = shelf_del,
	.take = shelf_take,
};
