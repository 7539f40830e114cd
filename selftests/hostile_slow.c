// SPDX-License-Identifier: GPL-2.0-only
/* Peers that take their time: the deadline of a handshake ends them all */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "hs_lib.h"
#include "session_lib.h"

enum pace { SILENT, STOPS, DRIPS };

FIXTURE(slow) {
	struct ktls_config *config[2];
	int fd[2];
};
FIXTURE_VARIANT(slow) {
	enum ktls_role role;	/* whose time it is */
	enum pace pace;
};
FIXTURE_VARIANT_ADD(slow, client_is_silent) { KTLS_SERVER, SILENT };
FIXTURE_VARIANT_ADD(slow, client_stops) { KTLS_SERVER, STOPS };
FIXTURE_VARIANT_ADD(slow, client_drips) { KTLS_SERVER, DRIPS };
FIXTURE_VARIANT_ADD(slow, server_is_silent) { KTLS_CLIENT, SILENT };
FIXTURE_VARIANT_ADD(slow, server_drips) { KTLS_CLIENT, DRIPS };

FIXTURE_SETUP(slow)
{
	self->config[0] = client_config();
	self->config[1] = server_config();
	tcp_pair(self->fd);
}

FIXTURE_TEARDOWN(slow)
{
	ktls_config_put(self->config[0]);
	ktls_config_put(self->config[1]);
	close(self->fd[0]);
	close(self->fd[1]);
}

/* A hello, or a record of a server that never ends, byte by byte */
struct dripping {
	pthread_t thread;
	int fd, ms;		/* from one to the next */
	struct bytes what;
	atomic_size_t sent;
};

static void *drip(void *arg)
{
	struct dripping *d = arg;

	while (d->sent < d->what.len) {
		poll(NULL, 0, d->ms);
		if (send(d->fd, d->what.b + d->sent, 1, MSG_NOSIGNAL) != 1)
			break;
		d->sent++;
	}
	return NULL;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

TEST_F(slow, ends_by_the_deadline)
{
	static struct dripping d;
	bool server = variant->role == KTLS_SERVER;
	int ms = harness_ms(300), fd = self->fd[server], err;
	int64_t from = now_ms();
	struct ktls_conn *conn;
	struct ktls_hs *hs;

	d.fd = self->fd[!server];
	d.ms = ms / 10;
	ASSERT_OK(ktls_hs_new(&hs, self->config[0], "localhost"));
	if (server)
		bytes_take(&d.what, hs);
	else
		bytes_add(&d.what, "\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", 9);
	ktls_hs_free(hs);
	/* each byte is on time, all of them are not */
	d.what.len = server ? d.what.len : 10000;
	if (variant->pace == STOPS)
		ASSERT_EQ(send(d.fd, d.what.b, d.what.len, 0),
			  (ssize_t)d.what.len);
	if (variant->pace == DRIPS)
		ASSERT_OK(-pthread_create(&d.thread, NULL, drip, &d));
	err = server ? ktls_accept(&conn, fd, self->config[1], ms, NULL, 0) :
		       ktls_connect(&conn, fd, self->config[0], "localhost",
				    ms, NULL, 0);
	EXPECT_EQ(err, -ETIMEDOUT);
	EXPECT_GE(now_ms() - from, ms);
	/* not when the last one has come: a dozen of some hundred is sent */
	EXPECT_LT(d.sent, d.what.len / 2);
	shutdown(self->fd[0], SHUT_RDWR);
	shutdown(self->fd[1], SHUT_RDWR);
	if (variant->pace == DRIPS)
		pthread_join(d.thread, NULL);
}

HARNESS_MAIN
