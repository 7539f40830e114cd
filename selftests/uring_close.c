// SPDX-License-Identifier: GPL-2.0-only
/* How connections on an io_uring end: at every step, by either end */
#include "uring_lib.h"
#include "../lib/sched13.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

FIXTURE(uring_close) {
	struct uring_pair p;
	unsigned int fds;
};

MODES(uring_close, mode_ends);
FIXTURE_TIMEOUT(uring_close, 60);

FIXTURE_SETUP(uring_close)
{
	struct ktls_caps caps;

	mode_need(&variant->mode);
	/* what is opened once */
	ASSERT_OK(ktls_probe(&caps));
	self->fds = count_fds();
	uring_open(&self->p, 64, 0, NULL);
}

FIXTURE_TEARDOWN(uring_close)
{
	uring_close(&self->p);
	EXPECT_EQ(count_fds(), self->fds);
}

/* Both ends leave, whatever has become of them: freed once, and all told */
static void leave(struct uring_pair *p)
{
	uring_pair_free(p);
}

/* ---- a peer that goes away in the handshake ----------------------------- */

enum cut { CUT_HALF, CUT_CLOSE, CUT_RESET, CUTS };

/* The other end, by hand: so many bytes of it go out, and no more */
struct other {
	struct ktls_hs *hs;
	int fd;
	size_t left;
};

static bool other_sends(struct other *o)
{
	size_t len;
	const void *buf = ktls_hs_out(o->hs, &len);
	ssize_t n;

	if (!buf)
		return true;
	n = send(o->fd, buf, len < o->left ? len : o->left, MSG_NOSIGNAL);
	ASSERT_GE(n, 0);
	ktls_hs_sent(o->hs, (size_t)n);
	o->left -= (size_t)n;
	return o->left;
}

static void other_receives(struct other *o)
{
	size_t len;
	void *buf = ktls_hs_in(o->hs, &len);
	ssize_t n = buf ? recv(o->fd, buf, len, MSG_DONTWAIT) : -1;

	if (n > 0)
		ASSERT_OK(ktls_hs_received(o->hs, (size_t)n));
}

static void cut(struct other *o, enum cut how)
{
	static const struct linger at_once = { .l_onoff = 1 };

	if (how == CUT_HALF) {
		ASSERT_EQ(shutdown(o->fd, SHUT_WR), 0);
		return;
	}
	if (how == CUT_RESET)
		ASSERT_EQ(setsockopt(o->fd, SOL_SOCKET, SO_LINGER, &at_once,
				     sizeof(at_once)), 0);
	close(o->fd);
	o->fd = -1;
}

/* True: it was cut before its handshake was over */
static bool shake_cut(struct uring_pair *p, struct other *o, enum cut how)
{
	uring_begin(p);
	while (ktls_hs_wants(o->hs) != KTLS_WANT_DONE && uring_in_time(p)) {
		if (!other_sends(o)) {
			cut(o, how);
			return true;
		}
		other_receives(o);
		uring_turn(p, 1);
	}
	EXPECT_EQ(ktls_hs_wants(o->hs), KTLS_WANT_DONE);
	return false;
}

static bool errno_of_reset(int err)
{
	return err == -ECONNRESET || err == -EPIPE ||
	       err == -KTLS_E_TRUNCATED;
}

/* After the handshake it may have been the connection that was cut */
static void expect_cut(struct uring_pair *p, struct uring_end *e,
		       enum cut how)
{
	int err;

	UNTIL(p, e->ready && (e->ready_err || e->ended));
	err = e->ready_err ? e->ready_err : e->end_err;
	EXPECT_TRUE(how == CUT_HALF ? err == -KTLS_E_TRUNCATED :
				      errno_of_reset(err))
		TH_LOG("%s", ktls_strerror(err));
	ktls_stream_close(e->s);
	UNTIL(p, e->closed);
}

static bool cut_after(struct uring_pair *p, const struct mode *m,
		      enum ktls_role role, size_t bytes, enum cut how)
{
	bool client = role == KTLS_CLIENT;
	struct uring_end *e = client ? &p->client : &p->server;
	struct ktls_config *theirs = mode_user_config(m, client ? KTLS_SERVER :
						      KTLS_CLIENT);
	struct other o = { .left = bytes };
	int fd[2];
	bool was;

	tcp_pair(fd);
	e->fd = fd[!client];
	o.fd = fd[client];
	ASSERT_OK(ktls_hs_new(&o.hs, theirs, client ? NULL : "localhost"));
	ktls_config_put(theirs);
	uring_shake(p, e, mode_config(m, role, NULL),
		    client ? "localhost" : NULL);
	was = shake_cut(p, &o, how);
	if (was)
		expect_cut(p, e, how);
	leave(p);
	ktls_hs_free(o.hs);
	if (o.fd >= 0)
		close(o.fd);
	return was;
}

static void cut_everywhere(struct uring_pair *p, const struct mode *m,
			   enum ktls_role role)
{
	size_t step = harness_ms(1) > 1 ? 301 : 53;
	size_t bytes = 1;

	while (cut_after(p, m, role, bytes,
			 (enum cut)(bytes / step % CUTS)))
		bytes += step;
	EXPECT_GT(bytes, 200);
}

TEST_F(uring_close, client_goes_away)
{
	cut_everywhere(&self->p, &variant->mode, KTLS_SERVER);
}

TEST_F(uring_close, server_goes_away)
{
	cut_everywhere(&self->p, &variant->mode, KTLS_CLIENT);
}

/* ---- handshakes that fail ----------------------------------------------- */

/* @why on the one end, its alert on the other; both learn all there is */
static void expect_failed(struct uring_pair *p, struct uring_end *e,
			  struct uring_end *other, int why)
{
	struct ktls_info info;

	UNTIL(p, e->ready && other->ready);
	EXPECT_EQ(e->ready_err, why);
	EXPECT_EQ(other->ready_err, -KTLS_E_PEER_ALERT);
	ktls_hs_info(ktls_stream_hs(other->s), &info);
	EXPECT_EQ(info.alert_received, ktls_error_alert(why));
	EXPECT_STRNE(ktls_hs_error_text(ktls_stream_hs(e->s)), "");
	/* not before the other has it */
	ktls_stream_close(e->s);
	uring_idle(p, 3);
	EXPECT_FALSE(e->closed);
	ktls_stream_close(other->s);
	UNTIL(p, e->closed && other->closed);
	EXPECT_EQ(e->close_err, why);
	EXPECT_EQ(other->close_err, -KTLS_E_PEER_ALERT);
	EXPECT_FALSE(e->ended || other->ended);
}

TEST_F(uring_close, unknown_issuer)
{
	struct ktls_cred cred = pki_cred("stranger");
	const struct ktls_opts o = { .size = sizeof(o), .creds = &cred,
				     .creds_len = 1 };
	struct uring_pair *p = &self->p;

	uring_start(p, mode_config(&variant->mode, KTLS_CLIENT, NULL),
		    mode_config(&variant->mode, KTLS_SERVER, &o));
	expect_failed(p, &p->client, &p->server, -KTLS_E_CERT_ISSUER);
}

/* The engine refuses in its first flight, with nothing of a key */
TEST_F(uring_close, no_common_version)
{
	bool is13 = variant->mode.suite->version == KTLS_TLS13;
	struct uring_pair *p = &self->p;

	uring_start(p, config(&(struct ktls_opts){ .size = sizeof(struct
				ktls_opts), .role = KTLS_CLIENT,
				.max_version = is13 ? KTLS_TLS12 : 0,
				.min_version = is13 ? 0 : KTLS_TLS13 }),
		    mode_config(&variant->mode, KTLS_SERVER, NULL));
	expect_failed(p, &p->server, &p->client, -KTLS_E_VERSION);
}

/* Jobs that were there before, and after */
TEST_F(uring_close, jobs_of_a_failure)
{
	struct ktls_cred cred = pki_cred("stranger");
	const struct ktls_opts o = { .size = sizeof(o), .creds = &cred,
				     .creds_len = 1 };
	struct uring_pair *p = &self->p;

	uring_start(p, mode_config(&variant->mode, KTLS_CLIENT, NULL),
		    mode_config(&variant->mode, KTLS_SERVER, &o));
	uring_send(&p->client, 0, 0, 100, false);
	uring_send_file(&p->client, 0, 100, 100, 100);
	UNTIL(p, p->client.done == 2);
	EXPECT_EQ(p->client.job_err, -KTLS_E_CERT_ISSUER);
	uring_send(&p->client, 0, 0, 100, false);
	UNTIL(p, p->client.done == 3);
	EXPECT_EQ(p->client.job_err, -KTLS_E_CERT_ISSUER);
}

/* ---- streams that are freed --------------------------------------------- */

static void queue_some(struct uring_end *e)
{
	uring_send(e, 0, 0, 100000, true);
	uring_send_file(e, 0, 100000, 100000, 100000);
	ktls_stream_rekey(e->s, KTLS_REKEY_BOTH);
	ktls_stream_close(e->s);
}

TEST_F(uring_close, freed_after_some_turns)
{
	struct uring_pair *p = &self->p;
	int turns = 0;
	bool over;

	do {
		uring_start(p, mode_config(&variant->mode, KTLS_CLIENT, NULL),
			    mode_config(&variant->mode, KTLS_SERVER, NULL));
		queue_some(&p->client);
		queue_some(&p->server);
		for (int i = 0; i < turns; i++)
			uring_turn(p, 10);
		over = p->client.closed && p->server.ended &&
		       p->client.ended;
		ktls_stream_free(turns % 2 ? p->client.s : p->server.s);
		if (turns % 3)
			uring_turn(p, 1);
		leave(p);
		ASSERT_LT(turns, 400);
		turns += turns < 12 ? 1 : turns / 4;
	} while (!over);
	EXPECT_GT(turns, 5);
}

/* In the call @arg points to it frees itself */
static void free_in_call(struct uring_end *e, enum uring_call call)
{
	enum uring_call *at = e->arg;

	if (call == *at) {
		*at = URING_CALLS;
		ktls_stream_free(e->s);
		/* nothing comes of these any more */
		ktls_stream_resume(e->s);
		ktls_stream_go(e->s);
		ktls_stream_close(e->s);
		ktls_stream_free(e->s);
	} else if (*at == URING_CALLS) {
		/* the jobs are given back, that is all */
		EXPECT_EQ(call, CALL_DONE);
	}
}

static void free_in(struct uring_pair *p, const struct mode *m,
		    enum uring_call call, bool client)
{
	struct uring_end *e = client ? &p->client : &p->server;
	struct uring_end *other = client ? &p->server : &p->client;
	enum uring_call at = call;

	e->arg = &at;
	e->hook = free_in_call;
	uring_start(p, mode_config(m, KTLS_CLIENT, NULL),
		    mode_config(m, KTLS_SERVER, NULL));
	queue_some(e);
	uring_send(other, 0, 0, 50000, false);
	if (call == CALL_EVENT)
		ktls_stream_rekey(other->s, 0);
	ktls_stream_close(other->s);
	UNTIL(p, e->freed);
	EXPECT_EQ(e->done, 2);
	close(e->fd);
	e->fd = -1;
	UNTIL(p, other->ended || other->ready_err);
	leave(p);
}

TEST_F(uring_close, freed_in_each_call)
{
	static const enum uring_call calls[] = {
		CALL_READY, CALL_DATA, CALL_END, CALL_CLOSED, CALL_DONE,
	};
	struct uring_pair *p = &self->p;

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		free_in(p, &variant->mode, calls[i], true);
		free_in(p, &variant->mode, calls[i], false);
	}
	/* where a key is changed, and by a record that is seen */
	if (mode_rekeys_rx(&variant->mode) &&
	    variant->mode.rx == KTLS_PATH_KERNEL)
		free_in(p, &variant->mode, CALL_EVENT, true);
}

/* A job's end puts another into the queue, to the end of the stream */
static void send_again(struct uring_end *e, enum uring_call call)
{
	int *left = e->arg;

	if (call == CALL_DONE && (*left)--  > 0)
		uring_send(e, 0, 0, 10, false);
}

TEST_F(uring_close, freed_while_jobs_breed)
{
	struct uring_pair *p = &self->p;
	int left = 50;

	uring_pair_new(p, &variant->mode, NULL);
	p->server.ignore = true;
	p->client.arg = &left;
	p->client.hook = send_again;
	uring_send(&p->client, 0, 0, 10, false);
	uring_send(&p->client, 0, 0, 10, false);
	uring_turn(p, 10);
	ktls_stream_free(p->client.s);
	UNTIL(p, p->client.freed);
	/* each once, none forgotten */
	EXPECT_EQ(p->client.done, 52);
}

/* ---- closing ------------------------------------------------------------ */

TEST_F(uring_close, full_socket)
{
	struct uring_pair *p = &self->p;
	size_t len = 16 << 20;

	uring_pair_new(p, &variant->mode, NULL);
	ktls_stream_pause(p->client.s);
	uring_send(&p->server, 0, 0, len, false);
	ktls_stream_close(p->server.s);
	ktls_stream_close(p->server.s);
	uring_idle(p, 20);
	EXPECT_FALSE(p->server.closed || p->client.ended);
	ktls_stream_resume(p->client.s);
	UNTIL(p, p->client.ended && p->server.closed);
	EXPECT_EQ(p->client.got, len);
	EXPECT_EQ(p->client.end_err, 0);
	EXPECT_EQ(p->server.close_err, 0);
	/* again, when it is */
	ktls_stream_close(p->server.s);
	uring_idle(p, 3);
}

/* A peer that reads @step bytes at a time: a shutdown cuts nothing off */
static void close_slowly(struct uring_pair *p, const struct mode *m,
			 size_t step, size_t len)
{
	struct uring_end *e = &p->client;
	uint64_t got = 0;
	struct pair pair;

	mode_pair_small(&pair, m);
	e->fd = pair.fd[0];
	uring_end_over(p, e, pair.client);
	uring_send(e, 5, 0, len, false);
	ktls_stream_close(e->s);
	uring_begin(p);
	while (mode_trickle(&pair, 5, &got, step) && uring_in_time(p))
		uring_turn(p, !e->closed);
	EXPECT_EQ(got, len);
	UNTIL(p, e->closed);
	EXPECT_OK(e->close_err);
	leave(p);
	ktls_conn_free(pair.server);
	close(pair.fd[1]);
}

TEST_F(uring_close, slow_peer)
{
	for (size_t step = 100; step < 10000; step *= 2)
		for (size_t len = 30000; len < 50000; len += 3333)
			close_slowly(&self->p, &variant->mode, step, len);
}

/* Nor the alert of a failure, for which there was no room when it came */
TEST_F(uring_close, failure_with_a_slow_peer)
{
	struct uring_pair *p = &self->p;
	struct uring_end *e = &p->client;
	ssize_t n = -EAGAIN;
	uint64_t got = 0;
	struct pair pair;

	mode_pair_small(&pair, &variant->mode);
	e->fd = pair.fd[0];
	uring_end_over(p, e, pair.client);
	uring_send(e, 5, 0, 1 << 20, false);
	uring_idle(p, 5);
	mode_nonsense(&pair);
	UNTIL(p, e->ended);
	EXPECT_EQ(e->end_err, -KTLS_E_RECORD_TYPE);
	ktls_stream_close(e->s);
	uring_begin(p);
	while (n == -EAGAIN && uring_in_time(p)) {
		uring_turn(p, 1);
		n = mode_hear(&pair, 5, &got, 1000);
	}
	EXPECT_EQ(n, -KTLS_E_PEER_ALERT) TH_LOG("%s", ktls_strerror((int)n));
	close(pair.fd[1]);
	UNTIL(p, e->closed);
	EXPECT_EQ(e->close_err, -KTLS_E_RECORD_TYPE);
	leave(p);
	ktls_conn_free(pair.server);
}

/* A key that is used up and cannot be changed ends in good order */
TEST_F(uring_close, key_used_up)
{
	const struct ktls_opts more = { .size = sizeof(more), .max_records = 8 };
	struct uring_pair *p = &self->p;

	if (variant->mode.suite->version == KTLS_TLS13)
		return;
	uring_pair_new(p, &variant->mode, &more);
	for (int i = 0; i < 10; i++)
		uring_send(&p->client, 0, 100 * (uint64_t)i, 100, false);
	UNTIL(p, p->client.done == 10);
	EXPECT_EQ(p->client.first_err, -KTLS_E_KEY_LIMIT);
	EXPECT_EQ(p->client.job_err, -KTLS_E_KEY_LIMIT);
	UNTIL(p, p->server.ended);
	EXPECT_OK(p->server.end_err);
	ktls_stream_close(p->client.s);
	UNTIL(p, p->client.closed);
	EXPECT_OK(p->client.close_err);
	uring_send(&p->server, 0, 0, 100, false);
	UNTIL(p, p->client.got == 100);
}

TEST_F(uring_close, sent_after_close)
{
	struct uring_pair *p = &self->p;

	uring_pair_new(p, &variant->mode, NULL);
	ktls_stream_close(p->client.s);
	UNTIL(p, p->client.closed);
	uring_send(&p->client, 0, 0, 100, false);
	UNTIL(p, p->client.done == 1);
	EXPECT_EQ(p->client.job_err, -EPIPE);
	ktls_stream_rekey(p->client.s, 0);
	/* the other direction is open */
	uring_send(&p->server, 0, 0, 100, false);
	UNTIL(p, p->client.got == 100);
}

/* ---- a key that cannot be changed ---------------------------------------- */

static int no_keys;		/* what traffic_keys() is to say; 0: itself */

int __real_traffic_keys(const struct crypto *crypto, const struct suite *suite,
			const struct secret *secret, struct traffic_keys *out);
int __wrap_traffic_keys(const struct crypto *crypto, const struct suite *suite,
			const struct secret *secret, struct traffic_keys *out);

int __wrap_traffic_keys(const struct crypto *crypto, const struct suite *suite,
			const struct secret *secret, struct traffic_keys *out)
{
	return no_keys ? no_keys :
	       __real_traffic_keys(crypto, suite, secret, out);
}

/* The KeyUpdate has gone out: there is no going on with the old key */
TEST_F(uring_close, rekey_fails)
{
	struct uring_pair *p = &self->p;

	if (!mode_rekeys_tx(&variant->mode))
		return;
	uring_pair_new(p, &variant->mode, NULL);
	no_keys = -ENOMEM;
	ktls_stream_rekey(p->client.s, 0);
	uring_begin(p);
	while (!p->client.ended && uring_in_time(p)) {
		uring_turn(p, 10);
		no_keys = 0;	/* for the peer */
	}
	ASSERT_TRUE(p->client.ended);
	EXPECT_EQ(p->client.end_err, -ENOMEM);
	uring_send(&p->client, 0, 0, 100, false);
	UNTIL(p, p->client.done == 1);
	EXPECT_EQ(p->client.job_err, -ENOMEM);
	ktls_stream_close(p->client.s);
	UNTIL(p, p->client.closed && p->server.ended);
	EXPECT_EQ(p->server.end_err, -KTLS_E_TRUNCATED);
}

/* Where no key can be changed, the one that there is serves on */
TEST_F(uring_close, rekey_in_vain)
{
	struct uring_pair *p = &self->p;

	if (mode_rekeys_tx(&variant->mode))
		return;
	uring_pair_new(p, &variant->mode, NULL);
	ktls_stream_rekey(p->client.s, KTLS_REKEY_BOTH);
	uring_send(&p->client, 0, 0, 100, false);
	UNTIL(p, p->server.got == 100);
	EXPECT_FALSE(p->client.ended);
}

/* Asked for before there is anything to close */
TEST_F(uring_close, closed_in_handshake)
{
	struct uring_pair *p = &self->p;

	uring_start(p, mode_config(&variant->mode, KTLS_CLIENT, NULL),
		    mode_config(&variant->mode, KTLS_SERVER, NULL));
	ktls_stream_close(p->client.s);
	UNTIL(p, p->client.closed && p->server.ended);
	EXPECT_OK(p->client.ready_err);
	EXPECT_EQ(p->server.end_err, 0);
}

/* The peer resets while it is being sent to: what is sent fails, and ends */
TEST_F(uring_close, reset)
{
	static const struct linger at_once = { .l_onoff = 1 };
	struct uring_pair *p = &self->p;

	uring_pair_new(p, &variant->mode, NULL);
	ktls_stream_pause(p->client.s);
	uring_send(&p->server, 0, 0, 16 << 20, false);
	uring_send(&p->server, 0, 0, 100, false);
	uring_idle(p, 5);
	ASSERT_EQ(setsockopt(p->client.fd, SOL_SOCKET, SO_LINGER, &at_once,
			     sizeof(at_once)), 0);
	ktls_stream_free(p->client.s);
	UNTIL(p, p->client.freed);
	close(p->client.fd);
	p->client.fd = -1;
	UNTIL(p, p->server.ended && p->server.done == 2);
	EXPECT_TRUE(errno_of_reset(p->server.end_err));
	/* the kernel may take what fits into a record, and drop it */
	EXPECT_TRUE(errno_of_reset(p->server.first_err))
		TH_LOG("%s", ktls_strerror(p->server.first_err));
	ktls_stream_close(p->server.s);
	UNTIL(p, p->server.closed);
}

HARNESS_MAIN
