// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why not the kernel: each step that may refuse is made to, for one direction
 * or both; the info names it with its errno, user space carries what is
 * refused, and where the kernel is required the handshake fails and says so to
 * the peer.  setsockopt() is the test's own.
 */
#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"
#include "../lib/offload.h"
#include "mode_lib.h"
#include "peer.h"

/* ---- a kernel that refuses --------------------------------------------- */

static struct refusal {
	int level, option, error;
	int fd;			/* of whom */
} refusal = { .fd = -1 };

int setsockopt(int fd, int level, int option, const void *val, socklen_t len)
{
	if (fd == refusal.fd && level == refusal.level &&
	    option == refusal.option) {
		errno = refusal.error;
		return -1;
	}
	return (int)syscall(SYS_setsockopt, fd, level, option, val, len);
}

static bool kernel_has_tls(void)
{
	struct ktls_caps caps;

	ASSERT_OK(ktls_probe(&caps));
	return !caps.ulp_error;
}

/* ---- refused ----------------------------------------------------------- */

FIXTURE(refused) {
	struct ktls_config *config[2];
	struct pair p;
};

FIXTURE_VARIANT(refused) { uint16_t version; };
FIXTURE_VARIANT_ADD(refused, tls12) { KTLS_TLS12 };
FIXTURE_VARIANT_ADD(refused, tls13) { KTLS_TLS13 };

static void make_configs(FIXTURE_DATA(refused) *self, uint16_t version,
			 enum ktls_path tx, enum ktls_path rx)
{
	for (int i = 0; i < 2; i++) {
		ktls_config_put(self->config[i]);
		self->config[i] = config(KTLS_OPTS(
			.role = i ? KTLS_SERVER : KTLS_CLIENT,
			.min_version = version, .max_version = version,
			.tx = i ? KTLS_PATH_PREFER_KERNEL : tx,
			.rx = i ? KTLS_PATH_PREFER_KERNEL : rx));
	}
}

FIXTURE_SETUP(refused)
{
	make_configs(self, variant->version, KTLS_PATH_PREFER_KERNEL,
		     KTLS_PATH_PREFER_KERNEL);
}

FIXTURE_TEARDOWN(refused)
{
	ktls_config_put(self->config[0]);
	ktls_config_put(self->config[1]);
}

/* The client's connection, whose @r is refused */
static void open_refused(FIXTURE_DATA(refused) *self, struct refusal r,
			 struct ktls_info *info)
{
	int fd[2];

	tcp_pair(fd);
	refusal = r;
	refusal.fd = fd[0];
	pair_over(&self->p, fd, self->config[0], self->config[1]);
	ktls_conn_info(self->p.client, info);
	/* whoever carries it, it is the same */
	exchange(self->p.client, self->p.server, 50000);
	exchange(self->p.server, self->p.client, 50000);
	close_both(self->p.client, self->p.server);
}

static void check_why(const struct ktls_why *why, enum ktls_step step,
		      int error)
{
	char text[256];

	EXPECT_EQ(why->step, step)
		TH_LOG("%s", ktls_why_text(why, text, sizeof(text)));
	EXPECT_EQ(why->error, error);
}

TEST_F(refused, ulp)
{
	static const int errors[] = { ENOENT, EPERM, ENOPROTOOPT, ENOMEM };
	struct ktls_info info;

	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		struct refusal r = { IPPROTO_TCP, TCP_ULP, errors[i], -1 };

		open_refused(self, r, &info);
		EXPECT_EQ(ktls_conn_kernel(self->p.client), 0);
		check_why(&info.tx, KTLS_STEP_ULP, errors[i]);
		check_why(&info.rx, KTLS_STEP_ULP, errors[i]);
		pair_close(&self->p);
	}
}

/* One direction, the other stays the kernel's */
TEST_F(refused, a_direction)
{
	static const struct {
		int error;
		enum ktls_step step;
	} rows[] = {
		{ ENOENT, KTLS_STEP_CIPHER }, { EINVAL, KTLS_STEP_KEYS },
		{ ENOMEM, KTLS_STEP_KEYS }, { EBUSY, KTLS_STEP_KEYS },
	};

	if (!kernel_has_tls())
		return;		/* it refuses before: refused.ulp */
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(*rows); i++) {
		bool tx = i % 2;
		struct refusal r = { SOL_TLS, tx ? TLS_TX : TLS_RX,
				     rows[i / 2].error, -1 };
		struct ktls_info info;

		open_refused(self, r, &info);
		EXPECT_EQ(ktls_conn_kernel(self->p.client),
			  tx ? KTLS_RX : KTLS_TX);
		check_why(tx ? &info.tx : &info.rx, rows[i / 2].step,
			  rows[i / 2].error);
		check_why(tx ? &info.rx : &info.tx, KTLS_STEP_NONE, 0);
		pair_close(&self->p);
	}
}

/* Both handshakes, to their end and no further */
static void run_both(FIXTURE_DATA(refused) *self, struct ktls_hs *hs[2],
		     const int fd[2])
{
	set_nonblock(fd[0]);
	set_nonblock(fd[1]);
	ASSERT_OK(ktls_hs_new(&hs[0], self->config[0], "localhost"));
	ASSERT_OK(ktls_hs_new(&hs[1], self->config[1], NULL));
	for (int n = 0, a = 1, b = 1; a > 0 || b > 0; n++) {
		ASSERT_LT(n, 100000);
		a = ktls_hs_run(hs[0], fd[0]);
		b = ktls_hs_run(hs[1], fd[1]);
		ASSERT_FALSE(a < 0 || b < 0);
	}
}

/* What is required and refused ends it, and the peer learns so */
TEST_F(refused, and_required)
{
	static const struct {
		struct refusal r;
		enum ktls_step tx, rx;
	} rows[] = {
		{ { IPPROTO_TCP, TCP_ULP, ENOENT, -1 },
		  KTLS_STEP_ULP, KTLS_STEP_ULP },
		{ { SOL_TLS, TLS_RX, ENOENT, -1 },
		  KTLS_STEP_PENDING, KTLS_STEP_CIPHER },
		{ { SOL_TLS, TLS_TX, EINVAL, -1 },
		  KTLS_STEP_KEYS, KTLS_STEP_NONE },
	};

	if (!kernel_has_tls())
		return;		/* no such config can be made */
	make_configs(self, variant->version, KTLS_PATH_KERNEL,
		     KTLS_PATH_KERNEL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct ktls_hs *hs[2];
		struct ktls_conn *conn;
		struct ktls_info info;
		char buf[16];
		int fd[2];

		tcp_pair(fd);
		refusal = rows[i].r;
		refusal.fd = fd[0];
		run_both(self, hs, fd);
		EXPECT_EQ(ktls_offload(&conn, hs[0], fd[0]),
			  -KTLS_E_NO_KERNEL);
		EXPECT_EQ(conn, NULL);
		ktls_hs_info(hs[0], &info);
		EXPECT_EQ(info.tx.step, rows[i].tx);
		EXPECT_EQ(info.rx.step, rows[i].rx);
		EXPECT_EQ(info.alert_sent, KTLS_ALERT_INTERNAL_ERROR);
		/* what it has queued, in the way that is left */
		EXPECT_EQ(ktls_hs_run(hs[0], fd[0]), -KTLS_E_NO_KERNEL);
		ASSERT_OK(ktls_offload(&conn, hs[1], fd[1]));
		wait_fd(fd[1], POLLIN);
		EXPECT_EQ(ktls_recv(conn, buf, sizeof(buf), 0),
			  -KTLS_E_PEER_ALERT);
		EXPECT_EQ(ktls_conn_alert(conn), KTLS_ALERT_INTERNAL_ERROR);
		ktls_conn_free(conn);
		ktls_hs_free(hs[0]);
		close(fd[0]);
		close(fd[1]);
	}
}

/* The keys are in place, and records are too long: no way but to give up */
TEST_F(refused, the_size_of_records)
{
	struct ktls_caps caps;
	struct ktls_hs *hs[2];
	struct ktls_conn *conn;
	struct ktls_info info;
	char buf[16];
	int fd[2];

	ASSERT_OK(ktls_probe(&caps));
	if (caps.ulp_error || caps.max_payload_error)
		return;		/* then user space has it */
	ktls_config_put(self->config[1]);
	self->config[1] = config(KTLS_OPTS(.role = KTLS_SERVER,
		.min_version = variant->version,
		.max_version = variant->version, .record_size_limit = 512));
	ktls_config_put(self->config[0]);
	self->config[0] = config(KTLS_OPTS(.role = KTLS_CLIENT,
		.min_version = variant->version,
		.max_version = variant->version, .record_size_limit = 512));
	tcp_pair(fd);
	refusal = (struct refusal){ SOL_TLS, 5 /* TLS_TX_MAX_PAYLOAD_LEN */,
				    EBUSY, fd[0] };
	run_both(self, hs, fd);
	EXPECT_EQ(ktls_offload(&conn, hs[0], fd[0]), -KTLS_E_NO_KERNEL);
	ktls_hs_info(hs[0], &info);
	check_why(&info.tx, KTLS_STEP_RECORD_SIZE, EBUSY);
	EXPECT_EQ(info.alert_sent, KTLS_ALERT_INTERNAL_ERROR);
	EXPECT_EQ(ktls_hs_run(hs[0], fd[0]), -KTLS_E_NO_KERNEL);
	ASSERT_OK(ktls_offload(&conn, hs[1], fd[1]));
	wait_fd(fd[1], POLLIN);
	EXPECT_EQ(ktls_recv(conn, buf, sizeof(buf), 0), -KTLS_E_PEER_ALERT);
	EXPECT_EQ(ktls_conn_alert(conn), KTLS_ALERT_INTERNAL_ERROR);
	ktls_conn_free(conn);
	ktls_hs_free(hs[0]);
	close(fd[0]);
	close(fd[1]);
}

/* ---- of itself --------------------------------------------------------- */

/* Records that are to be padded (9846 5.4) leave the other direction alone */
TEST_F(refused, by_padding)
{
	bool pads = variant->version == KTLS_TLS13;
	const struct ktls_cred cred = pki_cred("p256");
	struct ktls_info info;
	struct ktls_caps caps;

	ASSERT_OK(ktls_probe(&caps));
	ktls_config_put(self->config[1]);
	self->config[1] = config(KTLS_OPTS(.role = KTLS_SERVER,
		.creds = &cred, .creds_len = 1, .padding = 100,
		.min_version = variant->version));
	pair_open(&self->p, self->config[0], self->config[1]);
	ktls_conn_info(self->p.server, &info);
	EXPECT_EQ(info.version, variant->version);
	if (!caps.ulp_error && pads)
		check_why(&info.tx, KTLS_STEP_PADDING, 0);
	if (!caps.ulp_error) {
		EXPECT_EQ(info.rx.step, KTLS_STEP_NONE);
		EXPECT_EQ(ktls_conn_kernel(self->p.server), pads ? KTLS_RX :
			  KTLS_TX | KTLS_RX);
	}
	exchange(self->p.client, self->p.server, 1000);
	exchange(self->p.server, self->p.client, 1000);
	pair_close(&self->p);
}

TEST_F(refused, by_option)
{
	for (int tx = 0; tx < 2; tx++) {
		enum ktls_path prefer = KTLS_PATH_PREFER_KERNEL;
		struct ktls_info info;

		make_configs(self, variant->version,
			     tx ? KTLS_PATH_USER : prefer,
			     tx ? prefer : KTLS_PATH_USER);
		open_refused(self, (struct refusal){ .fd = -1 }, &info);
		check_why(tx ? &info.tx : &info.rx, KTLS_STEP_OPTION, 0);
		pair_close(&self->p);
	}
}

/* Not TCP: there is no ULP to attach */
TEST_F(refused, by_another_kind_of_socket)
{
	struct ktls_info info;
	int fd[2];

	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd));
	pair_over(&self->p, fd, self->config[0], self->config[1]);
	ktls_conn_info(self->p.client, &info);
	EXPECT_EQ(ktls_conn_kernel(self->p.client), 0);
	EXPECT_EQ(info.tx.step, KTLS_STEP_SOCKET);
	EXPECT_EQ(info.rx.step, KTLS_STEP_SOCKET);
	EXPECT_NE(info.tx.error, 0);
	exchange(self->p.client, self->p.server, 50000);
	close_both(self->p.client, self->p.server);
	pair_close(&self->p);
}

/*
 * The socket has keys, of a connection that this one is within: they are not to
 * become this one's, where the kernel would take them for a change of keys
 */
TEST_F(refused, by_a_connection_around_it)
{
	const struct mode m = {
		suite_find(variant->version == KTLS_TLS13 ? 0x1301 : 0xc02b),
		KTLS_PATH_KERNEL, KTLS_PATH_KERNEL,
	};
	struct ktls_info info;
	struct pair outer;

	if (!mode_carried(&m))
		return;
	mode_pair(&outer, &m, NULL);
	make_configs(self, variant->version, KTLS_PATH_PREFER_KERNEL,
		     KTLS_PATH_PREFER_KERNEL);
	pair_over(&self->p, outer.fd, self->config[0], self->config[1]);
	EXPECT_EQ(ktls_conn_kernel(self->p.client), 0);
	EXPECT_EQ(ktls_conn_kernel(self->p.server), 0);
	ktls_conn_info(self->p.client, &info);
	EXPECT_EQ(info.tx.step, KTLS_STEP_KEYS);
	EXPECT_EQ(info.tx.error, EBUSY);
	ping(self->p.client, self->p.server);
	ktls_conn_free(self->p.client);
	ktls_conn_free(self->p.server);
	ping(outer.client, outer.server);
	close_both(outer.client, outer.server);
	pair_close(&outer);
}

/* Asked too early it is asked once more, when there is a connection */
TEST_F(refused, by_a_socket_that_is_not_connected)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct ktls_info info;
	struct ktls_hs *hs;
	int fd;

	if (!kernel_has_tls())
		return;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ASSERT_OK(bind(listener, (struct sockaddr *)&a, len));
	ASSERT_OK(listen(listener, 1));
	ASSERT_OK(getsockname(listener, (struct sockaddr *)&a, &len));
	ASSERT_OK(fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	ASSERT_OK(ktls_hs_new(&hs, self->config[0], "localhost"));
	EXPECT_EQ(ktls_hs_attach(hs, fd), -ENOTCONN);
	ktls_hs_info(hs, &info);
	check_why(&info.tx, KTLS_STEP_SOCKET, ENOTCONN);
	ASSERT_OK(connect(fd, (struct sockaddr *)&a, len));
	EXPECT_OK(ktls_hs_attach(hs, fd));
	ktls_hs_info(hs, &info);
	check_why(&info.tx, KTLS_STEP_PENDING, 0);
	ktls_hs_free(hs);
	close(fd);
	close(listener);
}

/* KTLS_F_NEED_REKEY: only where it can, and for TLS 1.3 */
TEST_F(refused, by_a_kernel_that_cannot_rekey)
{
	bool tls13 = variant->version == KTLS_TLS13;
	struct ktls_info info;

	if (!kernel_has_tls())
		return;
	ktls_config_put(self->config[0]);
	self->config[0] = config(KTLS_OPTS(.role = KTLS_CLIENT,
		.min_version = variant->version,
		.max_version = variant->version, .flags = KTLS_F_NEED_REKEY));
	open_refused(self, (struct refusal){ .fd = -1 }, &info);
	if (tls13 && !kernel_rekeys()) {
		check_why(&info.tx, KTLS_STEP_REKEY, EBUSY);
		check_why(&info.rx, KTLS_STEP_REKEY, EBUSY);
	} else {
		check_why(&info.tx, KTLS_STEP_NONE, 0);
		check_why(&info.rx, KTLS_STEP_NONE, 0);
	}
	pair_close(&self->p);
}

/* ---- in words ---------------------------------------------------------- */

TEST(texts)
{
	static const struct {
		struct ktls_why why;
		const char *text;
	} rows[] = {
		{ { KTLS_STEP_NONE, 0 }, "carried by the kernel" },
		{ { KTLS_STEP_OPTION, 0 }, "user space was asked for" },
		{ { KTLS_STEP_ULP, ENOENT }, "TCP_ULP refused: No such file "
		  "or directory (is the tls module loaded?)" },
		{ { KTLS_STEP_ULP, EPERM },
		  "TCP_ULP refused: Operation not permitted" },
		{ { KTLS_STEP_CIPHER, ENOENT }, "cipher refused: No such file "
		  "or directory (this kernel does not have it)" },
		{ { KTLS_STEP_KEYS, EINVAL },
		  "keys refused: Invalid argument" },
	};
	char buf[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		EXPECT_STREQ(ktls_why_text(&rows[i].why, buf, sizeof(buf)),
			     rows[i].text);
		/* cut where there is no room */
		ktls_why_text(&rows[i].why, buf, 8);
		EXPECT_EQ(strlen(buf), 7);
		EXPECT_EQ(strncmp(buf, rows[i].text, 7), 0);
	}
}

HARNESS_MAIN
