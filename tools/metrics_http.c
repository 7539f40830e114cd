// SPDX-License-Identifier: MIT
/* A listener for those who ask, one after the other, by a thread of its own. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <poll.h>
#include <unistd.h>

#include "http.h"
#include "log.h"
#include "metrics_page.h"

#define ASKER_MS	5000	/* for all of it */
#define RETRY_MS	100	/* when it was for want of something here */

static int listener = -1, stop_fd = -1;
static pthread_t thread;

/* Ready in time, and nobody wants us to stop? */
static bool await(int fd, short events, int64_t end)
{
	struct pollfd p[] = {
		{ .fd = fd, .events = events },
		{ .fd = stop_fd, .events = POLLIN },
	};

	for (;;) {
		int64_t left = end ? end - net_clock() : -1;
		int n;

		if (end && left <= 0)
			return false;
		n = poll(p, 2, (int)left);
		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
			return !p[1].revents;
	}
}

static bool take_request(int fd, struct http_request *r, int64_t end)
{
	char buf[4096];

	while (!r->done) {
		ssize_t n;

		if (!await(fd, POLLIN, end))
			return false;
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n > 0)
			http_request_feed(r, buf, (size_t)n);
		else if (!n || (errno != EAGAIN && errno != EINTR))
			return false;
	}
	return true;
}

static void put(int fd, const struct text *t, int64_t end)
{
	size_t done = 0;

	while (done < t->len) {
		ssize_t n = send(fd, t->buf + done, t->len - done,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0)
			done += (size_t)n;
		else if ((errno != EAGAIN && errno != EINTR) ||
			 !await(fd, POLLOUT, end))
			return;
	}
}

static int write_body(struct text *body, const struct http_request *r)
{
	const char *target = http_request_target(r);
	static struct counters sum;
	int status = r->status;

	if (!status && (strncmp(target, "/metrics", 8) ||
			(target[8] && target[8] != '?')))
		status = HTTP_STATUS_NOT_FOUND;
	if (status) {
		text_printf(body, "%d %s\n", status,
			    http_status_str((enum http_status)status));
		return status;
	}
	metrics_sum(&sum);
	metrics_write(body, &sum);
	return HTTP_STATUS_OK;
}

static void answer(int fd)
{
	const int64_t end = net_clock() + ASKER_MS;
	struct text body = { 0 }, head = { 0 };
	struct http_request r;
	int status;

	http_request_init(&r);
	if (take_request(fd, &r, end)) {
		status = write_body(&body, &r);
		text_printf(&head, "HTTP/1.1 %d %s\r\nConnection: close\r\n"
			    "Content-Type: text/plain; version=0.0.4; "
			    "charset=utf-8\r\nContent-Length: %zu\r\n\r\n",
			    status, http_status_str((enum http_status)status),
			    body.len);
		if (r.parser.method != HTTP_HEAD)
			text_put(&head, body.buf, body.len);
		if (!head.failed && !body.failed)
			put(fd, &head, end);
	}
	http_request_free(&r);
	text_free(&head);
	text_free(&body);
}

static void *work(void *arg)
{
	(void)arg;
	while (await(listener, POLLIN, 0)) {
		int fd = accept4(listener, NULL, NULL,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			answer(fd);
			close(fd);
		} else if (net_starved(errno)) {
			poll(&(struct pollfd){ .fd = stop_fd,
					       .events = POLLIN }, 1, RETRY_MS);
		}
	}
	return NULL;
}

static void close_both(void)
{
	if (listener >= 0)
		close(listener);
	if (stop_fd >= 0)
		close(stop_fd);
	listener = stop_fd = -1;
}

int metrics_listen(const struct net_host *at)
{
	union net_addr addr;
	char name[NET_NAME_MAX];
	sigset_t set, old;
	int err;

	listener = net_listen(at, false, &addr);
	stop_fd = eventfd(0, EFD_CLOEXEC);
	if (listener < 0 || stop_fd < 0) {
		close_both();
		return -1;
	}
	/* signals are for the others */
	sigfillset(&set);
	pthread_sigmask(SIG_SETMASK, &set, &old);
	err = pthread_create(&thread, NULL, work, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err) {
		complain("metrics: %s", strerror(err));
		close_both();
		return -1;
	}
	log_line("metrics on http://%s/metrics", net_name(&addr, name));
	return 0;
}

void metrics_unlisten(void)
{
	eventfd_write(stop_fd, 1);
	pthread_join(thread, NULL);
	close_both();
}
