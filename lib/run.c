// SPDX-License-Identifier: MIT
/* A handshake over a socket */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include "conn.h"
#include "hs.h"

/* 0: nothing left to send; KTLS_WANT_SEND; or -errno */
static int flush(struct ktls_hs *hs, int fd, int flags)
{
	const void *p;
	size_t len;

	while ((p = ktls_hs_out(hs, &len))) {
		ssize_t n = send(fd, p, len, flags | MSG_NOSIGNAL);

		if (n >= 0)
			ktls_hs_sent(hs, (size_t)n);
		else if (errno == EAGAIN)
			return KTLS_WANT_SEND;
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int ktls_hs_send_failed(struct ktls_hs *hs, int err)
{
	unsigned int wants = ktls_hs_wants(hs);

	/* what waits has nobody who takes it */
	ktls_hs_sent(hs, SIZE_MAX);
	/* the peer may have said why it no longer listens */
	if ((err == -EPIPE || err == -ECONNRESET) &&
	    wants & (KTLS_WANT_RECV | KTLS_WANT_ANSWER)) {
		hs->send_error = err;
		return 0;
	}
	/* the last of what waited was the alert */
	if (wants == (KTLS_WANT_FAIL | KTLS_WANT_SEND))
		hs->info.alert_sent = KTLS_ALERT_NONE;
	return hs_lost(hs, err);
}

int ktls_hs_recv_failed(struct ktls_hs *hs, int err)
{
	if (!err)
		err = hs->send_error ? hs->send_error : -KTLS_E_TRUNCATED;
	return hs_lost(hs, err);
}

/* 0: something was received; KTLS_WANT_RECV; or -errno */
static int fetch(struct ktls_hs *hs, int fd, int flags)
{
	size_t len;
	void *p = ktls_hs_in(hs, &len);
	ssize_t n;

	if (!p)
		return 0;	/* it has failed, which wants() says */
	n = recv(fd, p, len, flags);
	if (n > 0) {
		/* a failure stays in @hs, until its alert is sent */
		int err = ktls_hs_received(hs, (size_t)n);

		(void)err;
		return 0;
	}
	if (!n)
		(void)ktls_hs_recv_failed(hs, 0);
	else if (errno == EAGAIN)
		return KTLS_WANT_RECV;
	else if (errno != EINTR)
		return -errno;
	return 0;
}

/* What only the kernel can send now */
static void send_due(struct ktls_hs *hs, int fd)
{
	const uint8_t rec[] = { 2, hs->alert_due };	/* fatal */

	if (!hs->alert_due)
		return;
	if (kernel_write(fd, CT_ALERT, rec, sizeof(rec), MSG_DONTWAIT) > 0)
		hs->info.alert_sent = hs->alert_due;
	hs->alert_due = 0;
}

static int run(struct ktls_hs *hs, int fd, int flags)
{
	ktls_hs_attach(hs, fd);
	for (;;) {
		unsigned int wants = ktls_hs_wants(hs);
		int err = 0;

		if (wants & KTLS_WANT_SEND) {
			err = flush(hs, fd, flags);
			if (err < 0)
				err = ktls_hs_send_failed(hs, err);
		} else if (wants & KTLS_WANT_RECV) {
			err = fetch(hs, fd, flags);
			if (err < 0)
				err = ktls_hs_recv_failed(hs, err);
		} else if (wants & KTLS_WANT_ANSWER) {
			return (int)wants;
		} else {
			send_due(hs, fd);
			return hs->error;
		}
		if (err < 0)
			return err;
		if (err)
			return err | (int)(wants & KTLS_WANT_ANSWER);
	}
}

int ktls_hs_run(struct ktls_hs *hs, int fd)
{
	return run(hs, fd, 0);
}

/* ---- in one call ------------------------------------------------------- */

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ll + ts.tv_nsec / 1000000;
}

/* Wait for what @want says, no longer than until @end (-1: for ever) */
static int wait_for(int fd, int want, long long end)
{
	struct pollfd p = { .fd = fd, .events = want & KTLS_WANT_SEND ?
			    POLLOUT : POLLIN };
	long long left = -1;
	int n;

	do {
		if (end >= 0) {
			left = end - now_ms();
			if (left < 0)
				return -ETIMEDOUT;
		}
		n = poll(&p, 1, left > 3600000 ? 3600000 : (int)left);
	} while (!n || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

static int run_until(struct ktls_hs *hs, int fd, long long end)
{
	int want, err;

	while ((want = run(hs, fd, MSG_DONTWAIT)) > 0) {
		if (want & KTLS_WANT_ANSWER) {
			text_set(hs_text(hs), "nobody is here to answer later, "
				 "which a hook, or a key elsewhere, needs");
			err = -KTLS_E_STATE;
		} else {
			err = wait_for(fd, want, end);
		}
		if (err)
			return hs_fail(hs, err);
	}
	return want;
}

static int establish(struct ktls_conn **conn, int fd,
		     struct ktls_config *config, const char *server_name,
		     int ms, struct text why)
{
	long long end = ms < 0 ? -1 : now_ms() + ms;
	struct ktls_hs *hs;
	int err = ktls_hs_new(&hs, config, server_name);

	*conn = NULL;
	text_set(why, "%s", "");
	if (err) {
		text_set(why, "%s", ktls_strerror(err));
		return err;
	}
	err = run_until(hs, fd, end);
	if (!err)
		err = ktls_offload(conn, hs, fd);
	if (err) {
		text_set(why, "%s", ktls_hs_error_text(hs));
		/* what a failure queued, if the socket takes it at once */
		(void)flush(hs, fd, MSG_DONTWAIT);
		ktls_hs_free(hs);
	}
	return err;
}

int ktls_connect(struct ktls_conn **conn, int fd, struct ktls_config *config,
		 const char *server_name, int ms, char *error,
		 size_t error_size)
{
	return establish(conn, fd, config, server_name, ms,
			 (struct text){ error, error_size });
}

int ktls_accept(struct ktls_conn **conn, int fd, struct ktls_config *config,
		int ms, char *error, size_t error_size)
{
	return establish(conn, fd, config, NULL, ms,
			 (struct text){ error, error_size });
}
