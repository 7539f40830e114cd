// SPDX-License-Identifier: GPL-2.0-only
/*
 * Over sockets, against libssl, which checks what is signed: the key is in
 * another process, and this one has never read it.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "mode_lib.h"
#include "peer.h"
#include "sign_lib.h"

/* ---- the process that has the key -------------------------------------- */

struct order {
	struct ktls_sign_request request;	/* its content follows */
};

struct signature {
	ssize_t len;
	uint8_t bytes[1024];
};

static void keep_key(int fd, const char *key)
{
	static uint8_t content[1 << 18];
	struct order o;

	while (recv(fd, &o, sizeof(o), MSG_WAITALL) == sizeof(o)) {
		struct signature s = { .len = -1 };

		if (o.request.content_len > sizeof(content) ||
		    recv(fd, content, o.request.content_len, MSG_WAITALL) !=
		    (ssize_t)o.request.content_len)
			break;
		o.request.content = content;
		if (o.request.max_len <= sizeof(s.bytes))
			s.len = sign_with(key, &o.request, s.bytes);
		if (send(fd, &s, sizeof(s), MSG_NOSIGNAL) != sizeof(s))
			break;
	}
	_exit(0);
}

struct keeper {
	int fd;
	pid_t pid;
};

static void keeper_begin(struct keeper *k, const char *key)
{
	int fd[2];

	ASSERT_OK(-socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
	k->pid = fork();
	ASSERT_GE(k->pid, 0);
	if (!k->pid) {
		close(fd[0]);
		keep_key(fd[1], key);
	}
	close(fd[1]);
	k->fd = fd[0];
}

static void keeper_end(struct keeper *k)
{
	close(k->fd);
	EXPECT_EQ(waitpid(k->pid, NULL, 0), k->pid);
}

static void keeper_ask(const struct keeper *k,
		       const struct ktls_sign_request *r)
{
	const struct order o = { *r };

	ASSERT_EQ(send(k->fd, &o, sizeof(o), 0), sizeof(o));
	ASSERT_EQ(send(k->fd, r->content, r->content_len, 0),
		  (ssize_t)r->content_len);
}

static void keeper_answer(const struct keeper *k, struct signature *s)
{
	ASSERT_EQ(recv(k->fd, s, sizeof(*s), MSG_WAITALL),
		  (ssize_t)sizeof(*s));
}

/* ---- libssl, in a thread ----------------------------------------------- */

struct other {
	struct ssl_opts opts;
	int fd, err;
	struct ssl_end *end;
	pthread_t thread;
};

static void *run_other(void *arg)
{
	struct other *o = arg;

	o->err = ssl_end_run(o->end, o->fd);
	return NULL;
}

FIXTURE(key) {
	struct keeper keeper;
	struct other other;
	struct ktls_config *config;
	int fd[2];
};

FIXTURE_VARIANT(key) {
	uint16_t version;
	enum ktls_role role;	/* ours, whose key it is */
	const char *name;
};

#define KEY(id, version, role, name)					\
	FIXTURE_VARIANT_ADD(key, id) { version, role, name }
KEY(server13_p256, KTLS_TLS13, KTLS_SERVER, "p256");
KEY(server13_rsa, KTLS_TLS13, KTLS_SERVER, "rsa2048");
KEY(server13_rsapss, KTLS_TLS13, KTLS_SERVER, "rsapss");
KEY(server13_ed25519, KTLS_TLS13, KTLS_SERVER, "ed25519");
KEY(server12_p256, KTLS_TLS12, KTLS_SERVER, "p256");
KEY(server12_p384, KTLS_TLS12, KTLS_SERVER, "p384");
KEY(server12_rsa, KTLS_TLS12, KTLS_SERVER, "rsa2048");
KEY(client13_p256, KTLS_TLS13, KTLS_CLIENT, "p256");
KEY(client13_rsa, KTLS_TLS13, KTLS_CLIENT, "rsa2048");
KEY(client12_p256, KTLS_TLS12, KTLS_CLIENT, "p256");
KEY(client12_rsa, KTLS_TLS12, KTLS_CLIENT, "rsa2048");
KEY(client12_ed25519, KTLS_TLS12, KTLS_CLIENT, "ed25519");

static const struct keeper *hook_keeper;

/* For calls that do not return before the end: it waits for the keeper */
static ssize_t ask_and_wait(void *arg, struct ktls_hs *hs,
			    const struct ktls_sign_request *request, void *sig,
			    size_t size)
{
	struct signature s;

	(void)arg;
	(void)hs;
	keeper_ask(hook_keeper, request);
	keeper_answer(hook_keeper, &s);
	if (s.len > 0 && (size_t)s.len <= size)
		memcpy(sig, s.bytes, (size_t)s.len);
	return s.len;
}

static const struct ktls_hooks waiting = { .sign = ask_and_wait };

static struct ktls_config *our_config(const FIXTURE_VARIANT(key) *v,
				      const struct ktls_hooks *hooks)
{
	struct ktls_cred cred = { .cert_file = pki(v->name),
				  .key_elsewhere = 1 };

	return config(KTLS_OPTS(.role = v->role, .min_version = v->version,
				.max_version = v->version, .creds = &cred,
				.creds_len = 1, .hooks = hooks));
}

FIXTURE_SETUP(key)
{
	bool server = variant->role == KTLS_SERVER;

	/* before there are threads */
	keeper_begin(&self->keeper, variant->name);
	hook_keeper = &self->keeper;
	tcp_pair(self->fd);
	self->other = (struct other){
		.fd = self->fd[server ? 0 : 1],
		.opts = {
			.server = !server,
			.cert = server ? NULL : "p384",
			.verify = true,
			.require = !server,
			.name = server ? "localhost" : NULL,
		},
	};
	self->other.end = ssl_end_new(&self->other.opts);
	ASSERT_OK(-pthread_create(&self->other.thread, NULL, run_other,
				  &self->other));
}

FIXTURE_TEARDOWN(key)
{
	ssl_end_free(self->other.end);
	ktls_config_put(self->config);
	close(self->fd[0]);
	close(self->fd[1]);
	keeper_end(&self->keeper);
}

static int our_fd(const FIXTURE_DATA(key) *self,
		  const FIXTURE_VARIANT(key) *v)
{
	return self->fd[v->role == KTLS_SERVER ? 1 : 0];
}

static void join(FIXTURE_DATA(key) *self, int err)
{
	pthread_join(self->other.thread, NULL);
	EXPECT_EQ(self->other.err, err)
		TH_LOG("%s", ssl_end_error(self->other.end));
}

/* An event loop: it waits for the socket, or for who has the key */
TEST_F(key, is_in_another_process)
{
	int fd = our_fd(self, variant), want, signatures = 0;
	struct ktls_sign_request request;
	struct ktls_conn *conn;
	struct signature s;
	struct ktls_info info;
	struct ktls_hs *hs;

	self->config = our_config(variant, NULL);
	ASSERT_OK(ktls_hs_new(&hs, self->config, variant->role == KTLS_CLIENT ?
			      "localhost" : NULL));
	set_nonblock(fd);
	while ((want = ktls_hs_run(hs, fd)) > 0) {
		if (!(want & KTLS_WANT_SIGN)) {
			wait_fd(fd, want & KTLS_WANT_SEND ? POLLOUT : POLLIN);
			continue;
		}
		ASSERT_OK(ktls_hs_sign_request(hs, &request));
		keeper_ask(&self->keeper, &request);
		/* nothing moves before */
		EXPECT_EQ(ktls_hs_run(hs, fd), KTLS_WANT_SIGN);
		wait_fd(self->keeper.fd, POLLIN);
		keeper_answer(&self->keeper, &s);
		ASSERT_OK(ktls_hs_sign_answer(hs, s.bytes, s.len));
		signatures++;
	}
	ASSERT_OK(want) TH_LOG("%s", ktls_hs_error_text(hs));
	join(self, 0);
	EXPECT_EQ(signatures, 1);
	ktls_hs_info(hs, &info);
	EXPECT_EQ(info.version, variant->version);
	EXPECT_EQ(info.sigalg, request.scheme);
	ASSERT_OK(ktls_offload(&conn, hs, fd));
	ktls_conn_free(conn);
}

TEST_F(key, is_waited_for_in_one_call)
{
	bool server = variant->role == KTLS_SERVER;
	int fd = our_fd(self, variant);
	struct ktls_conn *conn;
	char why[256];

	self->config = our_config(variant, &waiting);
	ASSERT_OK(server ? ktls_accept(&conn, fd, self->config, 20000, why,
				       sizeof(why)) :
		  ktls_connect(&conn, fd, self->config, "localhost", 20000,
			       why, sizeof(why))) TH_LOG("%s", why);
	join(self, 0);
	ktls_conn_free(conn);
}

/* There is nobody who could answer, and it says so rather than hang */
TEST_F(key, cannot_come_later_in_one_call)
{
	bool server = variant->role == KTLS_SERVER;
	int fd = our_fd(self, variant);
	struct ktls_conn *conn;
	char why[256];

	self->config = our_config(variant, NULL);
	EXPECT_EQ(server ? ktls_accept(&conn, fd, self->config, 20000, why,
				       sizeof(why)) :
		  ktls_connect(&conn, fd, self->config, "localhost", 20000,
			       why, sizeof(why)), -KTLS_E_STATE);
	EXPECT_TRUE(strstr(why, "nobody is here to answer")) TH_LOG("%s", why);
	shutdown(fd, SHUT_WR);
	pthread_join(self->other.thread, NULL);
	EXPECT_NE(self->other.err, 0);
	EXPECT_EQ(ssl_end_alert_received(self->other.end),
		  KTLS_ALERT_INTERNAL_ERROR);
}

HARNESS_MAIN
