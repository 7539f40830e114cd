// SPDX-License-Identifier: GPL-2.0-only
#include "mode_lib.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "../lib/conn.h"
#include "../lib/offload.h"

/* Milliseconds after which what is awaited will not come */
#define PATIENCE_MS	10000

static const struct {
	const char *name;
	enum ktls_path tx, rx;
} paths[] = {
	{ "kernel", KTLS_PATH_KERNEL, KTLS_PATH_KERNEL },
	{ "user", KTLS_PATH_USER, KTLS_PATH_USER },
	{ "kernel_rx", KTLS_PATH_USER, KTLS_PATH_KERNEL },
	{ "kernel_tx", KTLS_PATH_KERNEL, KTLS_PATH_USER },
};

#define PATHS	(sizeof(paths) / sizeof(*paths))

/* ---- configs, made once ------------------------------------------------ */

/* Every mode, both roles */
static struct {
	struct mode mode;
	enum ktls_role role;
	struct ktls_config *config;
} kept[80];

static struct ktls_config *make_config(const struct mode *m,
				       enum ktls_role role,
				       const struct ktls_opts *more)
{
	struct ktls_opts o = { .size = sizeof(o) };

	if (more)
		o = *more;
	/* no handshake depends on those before it */
	if (!o.sessions)
		o.sessions = KTLS_NO_SESSIONS;
	if (o.sessions == KTLS_NO_SESSIONS)
		o.flags |= KTLS_F_NO_TICKETS;
	o.role = role;
	o.ciphers = m->suite->name;
	o.tx = m->tx;
	o.rx = m->rx;
	return config(&o);
}

struct ktls_config *mode_config(const struct mode *m, enum ktls_role role,
				const struct ktls_opts *more)
{
	size_t i = 0;

	if (more)
		return make_config(m, role, more);
	while (kept[i].config && (kept[i].mode.suite != m->suite ||
				  kept[i].mode.tx != m->tx ||
				  kept[i].mode.rx != m->rx ||
				  kept[i].role != role))
		ASSERT_LT(++i, sizeof(kept) / sizeof(*kept));
	if (!kept[i].config) {
		kept[i].config = make_config(m, role, NULL);
		kept[i].mode = *m;
		kept[i].role = role;
	}
	return ktls_config_get(kept[i].config);
}

static int carries(const struct mode *m)
{
	struct ktls_caps caps;
	int err = 0;

	ASSERT_OK(ktls_probe(&caps));
	if (m->tx == KTLS_PATH_KERNEL)
		err = caps_error(&caps, m->suite, KTLS_TX);
	if (!err && m->rx == KTLS_PATH_KERNEL)
		err = caps_error(&caps, m->suite, KTLS_RX);
	return err;
}

/*
 * In the parent of all tests, which start with what it leaves: where the CPU
 * is emulated, libcrypto takes a second to come to life.
 */
static void warm_up(const struct mode *m)
{
	const char *dir = getenv("KTLS_TEST_PKI");
	struct ktls_config *client, *server;
	struct ktls_hs *c, *s;
	char path[512];

	snprintf(path, sizeof(path), "%s/.stamp", dir ? dir : TEST_PKI);
	if (access(path, R_OK) || carries(m))
		return;
	client = mode_config(m, KTLS_CLIENT, NULL);
	server = mode_config(m, KTLS_SERVER, NULL);
	if (!kept[2].config) {
		ASSERT_OK(ktls_hs_new(&c, client, "localhost"));
		ASSERT_OK(ktls_hs_new(&s, server, NULL));
		ASSERT_OK(pump(c, s, 0));
		ktls_hs_free(c);
		ktls_hs_free(s);
	}
	ktls_config_put(client);
	ktls_config_put(server);
}

/* ---- variants ---------------------------------------------------------- */

static const uint16_t versions[] = { KTLS_TLS13, KTLS_TLS12 };

#define VERSIONS	(sizeof(versions) / sizeof(*versions))

/* The one that goes with the credential of every server here */
static const struct suite *find_suite(uint16_t version, enum aead_id aead)
{
	const struct suite *s = suites;

	while (s->version != version || s->aead != aead || s->auth == AUTH_RSA)
		s++;
	return s;
}

static bool make_mode(size_t version, size_t aead, size_t path,
		      struct mode *m, char *name, size_t size)
{
	*m = (struct mode){ find_suite(versions[version], (enum aead_id)aead),
			    paths[path].tx, paths[path].rx };
	/* where there is to be kTLS, what it lacks is to be seen: mode_need() */
	if (!getenv("KTLS_VM") && carries(m))
		return true;
	snprintf(name, size, "%s-%s-%s", version ? "1.2" : "1.3",
		 aead_rows[aead].name, paths[path].name);
	warm_up(m);
	return true;
}

bool mode_all(size_t i, struct mode *m, char *name, size_t size)
{
	return i < VERSIONS * AEAD_COUNT * PATHS &&
	       make_mode(i / PATHS / AEAD_COUNT, i / PATHS % AEAD_COUNT,
			 i % PATHS, m, name, size);
}

bool mode_13(size_t i, struct mode *m, char *name, size_t size)
{
	return i < AEAD_COUNT * PATHS && mode_all(i, m, name, size);
}

bool mode_paths(size_t i, struct mode *m, char *name, size_t size)
{
	return i < VERSIONS * PATHS &&
	       make_mode(i / PATHS, AEAD_AES_128_GCM, i % PATHS, m, name,
			 size);
}

bool mode_paths13(size_t i, struct mode *m, char *name, size_t size)
{
	return i < PATHS && mode_paths(i, m, name, size);
}

bool mode_suites(size_t i, struct mode *m, char *name, size_t size)
{
	return mode_all(i * PATHS, m, name, size);
}

bool mode_ends(size_t i, struct mode *m, char *name, size_t size)
{
	/* the paths begin with these two */
	return mode_paths(i / 2 * PATHS + i % 2, m, name, size);
}

bool mode_kernel(size_t i, struct mode *m, char *name, size_t size)
{
	return mode_paths(i * PATHS, m, name, size);
}

bool mode_kernel13(size_t i, struct mode *m, char *name, size_t size)
{
	return !i && mode_kernel(i, m, name, size);
}

/* ---- the kernel -------------------------------------------------------- */

void mode_need(const struct mode *m)
{
	int err = carries(m);

	if (err)
		SKIP("the kernel does not carry %s: %s", m->suite->name,
		     strerror(err));
}

bool mode_carried(const struct mode *m)
{
	return !carries(m);
}

unsigned int mode_kernel_bits(const struct mode *m)
{
	return (m->tx == KTLS_PATH_KERNEL ? KTLS_TX : 0) |
	       (m->rx == KTLS_PATH_KERNEL ? KTLS_RX : 0);
}

bool kernel_rekeys(void)
{
	struct ktls_caps caps;

	ASSERT_OK(ktls_probe(&caps));
	EXPECT_EQ(caps.rekey_tx_error, caps.rekey_rx_error);
	return !caps.rekey_tx_error;
}

bool mode_rekeys_tx(const struct mode *m)
{
	return m->suite->version == KTLS_TLS13 &&
	       (m->tx == KTLS_PATH_USER || kernel_rekeys());
}

bool mode_rekeys_rx(const struct mode *m)
{
	return m->suite->version == KTLS_TLS13 &&
	       (m->rx == KTLS_PATH_USER || kernel_rekeys());
}

/* ---- connections ------------------------------------------------------- */

struct ktls_config *mode_user_config(const struct mode *m,
				     enum ktls_role role)
{
	const struct mode user = { m->suite, KTLS_PATH_USER, KTLS_PATH_USER };

	return mode_config(&user, role, NULL);
}

struct serving {
	struct ktls_conn *conn;
	struct ktls_config *config;
	int fd, err;
	char why[256];
};

static void *serve(void *arg)
{
	struct serving *s = arg;

	s->err = ktls_accept(&s->conn, s->fd, s->config,
			     harness_ms(PATIENCE_MS), s->why, sizeof(s->why));
	return NULL;
}

void pair_over(struct pair *p, const int fd[2], struct ktls_config *client,
	       struct ktls_config *server)
{
	struct serving s = { .config = server, .fd = fd[1] };
	char why[256] = "";
	pthread_t thread;
	int err;

	*p = (struct pair){ .fd = { fd[0], fd[1] } };
	ASSERT_EQ(pthread_create(&thread, NULL, serve, &s), 0);
	err = ktls_connect(&p->client, fd[0], client, "localhost",
			   harness_ms(PATIENCE_MS), why, sizeof(why));
	ASSERT_EQ(pthread_join(thread, NULL), 0);
	p->server = s.conn;
	EXPECT_OK(err) TH_LOG("client: %s", why);
	EXPECT_OK(s.err) TH_LOG("server: %s", s.why);
	ASSERT_FALSE(err || s.err);
}

/* Takes the configs */
static void open_pair_over(struct pair *p, const int fd[2],
			   struct ktls_config *client,
			   struct ktls_config *server)
{
	set_socket(fd[0]);
	set_socket(fd[1]);
	pair_over(p, fd, client, server);
	ktls_config_put(client);
	ktls_config_put(server);
}

static void open_pair(struct pair *p, struct ktls_config *client,
		      struct ktls_config *server)
{
	int fd[2];

	tcp_pair(fd);
	open_pair_over(p, fd, client, server);
}

void mode_pair(struct pair *p, const struct mode *m,
	       const struct ktls_opts *more)
{
	open_pair(p, mode_config(m, KTLS_CLIENT, more),
		  mode_config(m, KTLS_SERVER, more));
	ASSERT_EQ(ktls_conn_kernel(p->client), mode_kernel_bits(m));
	ASSERT_EQ(ktls_conn_kernel(p->server), mode_kernel_bits(m));
}

void mode_pair_user(struct pair *p, const struct mode *m)
{
	open_pair(p, mode_config(m, KTLS_CLIENT, NULL),
		  mode_user_config(m, KTLS_SERVER));
	ASSERT_EQ(ktls_conn_kernel(p->client), mode_kernel_bits(m));
	ASSERT_EQ(ktls_conn_kernel(p->server), 0);
}

void mode_pair_small(struct pair *p, const struct mode *m)
{
	int fd[2];

	tcp_pair_small(fd);
	open_pair_over(p, fd, mode_config(m, KTLS_CLIENT, NULL),
		       mode_user_config(m, KTLS_SERVER));
	ASSERT_OK(ktls_conn_own_io(p->server));
}

ssize_t mode_hear(struct pair *p, uint64_t seed, uint64_t *got, size_t max)
{
	uint8_t buf[4096];
	size_t len;
	void *in = ktls_conn_in(p->server, &len);
	ssize_t n;

	ASSERT_TRUE(in);
	n = recv(p->fd[1], in, max < len ? max : len, MSG_DONTWAIT);
	if (n < 0)
		ASSERT_EQ(errno, EAGAIN);
	ASSERT_OK(ktls_conn_received(p->server, n < 0 ? -errno : n));
	while ((n = ktls_recv(p->server, buf, sizeof(buf), 0)) > 0) {
		stream_check(seed, *got, buf, (size_t)n);
		*got += (uint64_t)n;
	}
	return n;
}

bool mode_trickle(struct pair *p, uint64_t seed, uint64_t *got, size_t max)
{
	ssize_t n = mode_hear(p, seed, got, max);

	if (n)
		ASSERT_EQ(n, -EAGAIN) TH_LOG("%s", ktls_strerror((int)n));
	return n;
}

void mode_nonsense(struct pair *p)
{
	const void *out;
	size_t len;

	ASSERT_EQ(conn_write(p->server, 77, "?", 1, 0), 1);
	out = ktls_conn_out(p->server, &len);
	ASSERT_EQ(send(p->fd[1], out, len, 0), len);
	ktls_conn_sent(p->server, len);
}

/* ---- numbers ----------------------------------------------------------- */

/* SplitMix64 */
static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint32_t rnd_next(struct rnd *r)
{
	r->state += 0x9e3779b97f4a7c15;
	return (uint32_t)(mix(r->state) >> 32);
}

size_t rnd_below(struct rnd *r, size_t n)
{
	return rnd_next(r) % n;
}

size_t rnd_size(struct rnd *r, size_t max)
{
	size_t top = 1;

	while (top < max && rnd_next(r) % 8)
		top *= 4;
	return 1 + rnd_below(r, top < max ? top : max);
}

static uint8_t stream_byte(uint64_t seed, uint64_t pos, uint64_t *word)
{
	if (!(pos % 8))
		*word = mix((seed << 40) + pos / 8 + 1);
	return (uint8_t)(*word >> pos % 8 * 8);
}

void stream_fill(uint64_t seed, uint64_t pos, void *buf, size_t len)
{
	uint64_t word = mix((seed << 40) + pos / 8 + 1);
	uint8_t *p = buf;

	for (size_t i = 0; i < len; i++)
		p[i] = stream_byte(seed, pos + i, &word);
}

void stream_check(uint64_t seed, uint64_t pos, const void *buf, size_t len)
{
	uint64_t word = mix((seed << 40) + pos / 8 + 1);
	const uint8_t *p = buf;
	size_t i = 0;

	while (i < len && p[i] == stream_byte(seed, pos + i, &word))
		i++;
	ASSERT_EQ(i, len) TH_LOG("differs at byte %llu of the stream",
				 (unsigned long long)(pos + i));
}

/* ---- sockets ----------------------------------------------------------- */

void set_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	ASSERT_OK(flags);
	ASSERT_OK(fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}

void set_block(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	ASSERT_OK(flags);
	ASSERT_OK(fcntl(fd, F_SETFL, flags & ~O_NONBLOCK));
}

void wait_fd(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	ASSERT_EQ(poll(&p, 1, harness_ms(PATIENCE_MS)), 1);
}

void set_socket(int fd)
{
	int ms = harness_ms(PATIENCE_MS), on = 1;
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	ASSERT_OK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	ASSERT_OK(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
}

/* ---- data -------------------------------------------------------------- */

size_t modest(size_t size)
{
	return harness_ms(1) > 1 ? size / 4 : size;
}

void send_stream(struct ktls_conn *conn, uint64_t seed, uint64_t pos,
		 size_t len)
{
	uint8_t buf[16384];

	while (len) {
		size_t n = len < sizeof(buf) ? len : sizeof(buf);

		stream_fill(seed, pos, buf, n);
		ASSERT_EQ(ktls_send(conn, buf, n, 0), n);
		pos += n;
		len -= n;
	}
}

void recv_stream(struct ktls_conn *conn, uint64_t seed, uint64_t pos,
		 size_t len)
{
	uint8_t buf[16384];

	while (len) {
		ssize_t n = ktls_recv(conn, buf, len < sizeof(buf) ? len :
				      sizeof(buf), 0);

		ASSERT_OK(n) TH_LOG("%zu bytes are missing", len);
		ASSERT_GT(n, 0) TH_LOG("%zu bytes are missing", len);
		stream_check(seed, pos, buf, (size_t)n);
		pos += (uint64_t)n;
		len -= (size_t)n;
	}
}

static void say(struct ktls_conn *from, struct ktls_conn *to,
		const char word[4])
{
	char buf[8];

	ASSERT_EQ(ktls_send(from, word, 4, 0), 4);
	ASSERT_EQ(ktls_recv(to, buf, sizeof(buf), 0), 4);
	ASSERT_MEMEQ(buf, word, 4);
}

void ping(struct ktls_conn *a, struct ktls_conn *b)
{
	say(a, b, "ping");
	say(b, a, "pong");
}

void close_both(struct ktls_conn *a, struct ktls_conn *b)
{
	char c;

	ASSERT_OK(ktls_conn_shutdown(a));
	ASSERT_EQ(ktls_recv(b, &c, 1, 0), 0);
	ASSERT_OK(ktls_conn_shutdown(b));
	ASSERT_EQ(ktls_recv(a, &c, 1, 0), 0);
}
