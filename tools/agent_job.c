// SPDX-License-Identifier: MIT
#include "agent_job.h"

#include <errno.h>
#include <openssl/sha.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define STEPS	64	/* system calls in one turn, before others have theirs */

/* The library has verified it: look whose it is */
static int take_peer(void *arg, struct ktls_hs *hs,
		     const struct ktls_verify_request *request)
{
	struct job *job = ktls_hs_data(hs);

	(void)arg;
	SHA256(request->chain[0].der, request->chain[0].len,
	       job->peer_sha256);
	job->peer_known = true;
	return 0;
}

const struct ktls_hooks job_hooks = {
	.verify = take_peer,
};

/* ---- the end ----------------------------------------------------------- */

static void finish(struct job *job, int err, struct ktls_conn *conn)
{
	struct ktls_hs *hs = job->hs;

	alarm_stop(&job->alarm);
	loop_remove(job->loop, &job->watch);
	if (!conn) {
		job->over = true;
		job->done(job, err, NULL);
		ktls_hs_free(hs);	/* @job may be gone */
		return;
	}
	job->hs = NULL;
	job->done(job, 0, conn);
}

void job_cancel(struct job *job)
{
	if (!job_runs(job))
		return;
	alarm_stop(&job->alarm);
	loop_remove(job->loop, &job->watch);
	ktls_hs_free(job->hs);
	job->hs = NULL;
}

/* ---- the socket -------------------------------------------------------- */

/*
 * Each: false if it is not ready.  A failure stays in @hs, which wants() says
 * once the alert is sent.
 */

static bool send_some(struct job *job)
{
	size_t len;
	const void *p = ktls_hs_out(job->hs, &len);
	ssize_t n = send(job->watch.fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n >= 0)
		ktls_hs_sent(job->hs, (size_t)n);
	else if (errno == EAGAIN)
		return false;
	else if (errno != EINTR)
		ktls_hs_send_failed(job->hs, -errno);
	return true;
}

static bool recv_some(struct job *job)
{
	size_t len;
	void *p = ktls_hs_in(job->hs, &len);
	ssize_t n = p ? recv(job->watch.fd, p, len, MSG_DONTWAIT) : 0;
	int err = 0;

	if (!p || (n < 0 && errno == EINTR))
		return true;
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n > 0)
		err = ktls_hs_received(job->hs, (size_t)n);
	else
		ktls_hs_recv_failed(job->hs, n ? -errno : 0);
	(void)err;
	return true;
}

static void wait_for(struct job *job, unsigned int wants)
{
	uint32_t events = wants & KTLS_WANT_SEND ? EPOLLOUT : EPOLLIN;

	if (events == job->events)
		return;
	job->events = events;
	loop_change(job->loop, &job->watch, events);
}

static void hand_over(struct job *job)
{
	struct ktls_conn *conn;
	int err = ktls_offload(&conn, job->hs, job->watch.fd);

	/* it has failed now, and has an alert to send */
	if (err && ktls_hs_wants(job->hs) & KTLS_WANT_SEND)
		wait_for(job, KTLS_WANT_SEND);
	else
		finish(job, err, conn);
}

static void run(struct watch *watch, uint32_t events)
{
	struct job *job = list_entry(watch, struct job, watch);
	unsigned int wants = ktls_hs_wants(job->hs);
	bool ready = true;

	(void)events;
	for (int i = 0; i < STEPS && ready; i++) {
		if (wants & KTLS_WANT_SEND)
			ready = send_some(job);
		else if (wants & KTLS_WANT_RECV)
			ready = recv_some(job);
		else
			break;
		wants = ktls_hs_wants(job->hs);
	}
	if (wants & (KTLS_WANT_SEND | KTLS_WANT_RECV))
		wait_for(job, wants);
	else if (wants & KTLS_WANT_DONE)
		hand_over(job);
	else	/* no hook of ours answers later */
		finish(job, ktls_hs_error(job->hs) ? : -KTLS_E_STATE, NULL);
}

static void ring(struct alarm *alarm)
{
	struct job *job = list_entry(alarm, struct job, alarm);

	finish(job, ktls_hs_error(job->hs) ? : -ETIMEDOUT, NULL);
}

/* ---- the beginning ----------------------------------------------------- */

int job_start(struct job *job, struct loop *loop, int fd,
	      struct ktls_config *config, const char *server_name, int ms,
	      void (*done)(struct job *job, int err, struct ktls_conn *conn))
{
	int err;

	memset(job, 0, sizeof(*job));
	err = ktls_hs_new(&job->hs, config, server_name);
	if (err)
		return err;
	job->loop = loop;
	job->done = done;
	job->watch.run = run;
	job->watch.fd = fd;
	/* a client has its hello to send, and a server may have been sent it */
	job->events = EPOLLIN | EPOLLOUT;
	ktls_hs_set_data(job->hs, job);
	/* what it says of a kernel without kTLS is in the end's info */
	ktls_hs_attach(job->hs, fd);
	err = loop_add(loop, &job->watch, job->events);
	if (err) {
		ktls_hs_free(job->hs);
		job->hs = NULL;
		return err;
	}
	alarm_init(&job->alarm, ring);
	alarm_set(loop, &job->alarm, ms);
	return 0;
}
