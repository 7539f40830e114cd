// SPDX-License-Identifier: MIT
#include "agent_door.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent_answer.h"
#include "agent_fd.h"
#include "agent_job.h"
#include "agent_user.h"
#include "agent_wire.h"
#include "log.h"
#include "net.h"
#include "text.h"

#define ACCEPT_WAIT	100	/* ms without accepting when out of files */
#define CLOSING_WAIT	10	/* ms for what was sent to be closed */

/* One that has connected */
struct client {
	struct list list;
	struct watch watch;
	struct door *door;
	struct user user;
	struct owner *owner;
	struct alarm pause;	/* of reading from it */
	/* one at a time */
	struct ask ask;
	struct job job;
	int fd;			/* to shake hands on; -1: none */
};

/* ---- the end of one ---------------------------------------------------- */

static void end_job(struct client *c)
{
	if (c->fd < 0)
		return;
	job_cancel(&c->job);
	fd_close(c->fd, &c->owner->closing);
	c->fd = -1;
	c->owner->jobs--;
	c->door->jobs_len--;
}

static void client_free(struct client *c)
{
	struct door *door = c->door;

	end_job(c);
	alarm_stop(&c->pause);
	loop_remove(door->loop, &c->watch);
	/* requests may be left in it, with what goes with them */
	fd_close(c->watch.fd, &c->owner->closing);
	list_del(&c->list);
	owner_leave(c->owner);
	door->clients_len--;
	free(c);
}

/* ---- answers ----------------------------------------------------------- */

static void log_end(const struct client *c, int err, const char *why,
		    const struct ktls_info *info)
{
	struct text t = { 0 };

	if (c->door->agent->quiet ||
	    (err && !owner_may_log(c->owner, c->door->loop->now)))
		return;
	text_printf(&t, "uid=%u", c->user.uid);
	if (*c->ask.credential) {
		text_puts(&t, " credential=");
		text_value(&t, c->ask.credential);
		text_printf(&t, " role=%s", c->ask.role == KTLS_SERVER ?
			    "server" : "client");
	}
	if (err) {
		text_puts(&t, " error=");
		text_value(&t, *why ? why : ktls_strerror(err));
	} else {
		text_printf(&t, " tls=%s suite=%s",
			    info->version == KTLS_TLS13 ? "1.3" : "1.2",
			    ktls_suite_name(info->suite));
	}
	if (info && *info->peer_subject) {
		text_puts(&t, " peer=");
		text_value(&t, info->peer_subject);
	}
	if (err && c->owner->left_out)
		text_printf(&t, " left_out=%u", c->owner->left_out);
	c->owner->left_out = err ? 0 : c->owner->left_out;
	if (!t.failed)
		log_line("%s", t.buf);
	text_free(&t);
}

/* Then the next request may come; who does not take answers is gone */
static void say(struct client *c, struct tell *t)
{
	ssize_t n = -1;

	end_job(c);
	if (!t->failed)
		n = send(c->watch.fd, t->buf, t->len,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
	tell_free(t);
	if (n < 0 || c->door->ending ||
	    loop_change(c->door->loop, &c->watch, EPOLLIN))
		client_free(c);
}

static void refuse(struct client *c, int err, const char *why,
		   const struct ktls_info *info)
{
	struct tell t;

	log_end(c, err, why, info);
	answer_failure(&t, err, why, info);
	say(c, &t);
}

static void hand_back(struct client *c, struct ktls_conn *conn)
{
	struct ktls_info info;
	struct tell t;
	int err;

	ktls_conn_info(conn, &info);
	err = answer_conn(&t, conn, c->job.peer_known ? c->job.peer_sha256 :
							NULL);
	ktls_conn_free(conn);
	if (err) {
		tell_free(&t);
		refuse(c, err, "", NULL);
		return;
	}
	log_end(c, 0, "", &info);
	say(c, &t);
}

static void done(struct job *job, int err, struct ktls_conn *conn)
{
	struct client *c = list_entry(job, struct client, job);
	struct ktls_info info;
	char why[512] = "";

	if (conn) {
		hand_back(c, conn);
		return;
	}
	ktls_hs_info(job->hs, &info);
	if (err == ktls_hs_error(job->hs))
		strncpy(why, ktls_hs_error_text(job->hs), sizeof(why) - 1);
	refuse(c, err, why, &info);
}

/* ---- requests ---------------------------------------------------------- */

/* Places for one handshake more? */
static bool take_place(struct client *c)
{
	const struct agent *agent = c->door->agent;

	if (c->door->jobs_len >= agent->max_jobs ||
	    c->owner->jobs >= agent->max_user_jobs)
		return false;
	c->door->jobs_len++;
	c->owner->jobs++;
	return true;
}

static int begin_job(struct client *c, const struct credential *cred,
		     char *why, size_t size)
{
	struct door *door = c->door;
	struct ktls_config *config;
	int ms = door->agent->timeout;
	int err = tls_cache_get(&door->cache, cred, c->owner,
				door->loop->now, &c->ask, &config, why,
				size);

	if (err)
		return err;
	if (ask_has(&c->ask, KTLS_AGENT_TIMEOUT) &&
	    c->ask.timeout < (uint32_t)ms)
		ms = (int)c->ask.timeout;
	err = job_start(&c->job, door->loop, c->fd, config,
			*c->ask.server_name ? c->ask.server_name : NULL, ms,
			done);
	ktls_config_put(config);
	return err;
}

/* @fd is ours from here on */
static void serve(struct client *c, const uint8_t *p, size_t len, int fd)
{
	const struct credential *cred = NULL;
	char why[512] = "";
	int err = 0;

	if (!ask_parse(&c->ask, p, len))
		err = -KTLS_E_AGENT_REQUEST;
	else if (!(cred = credential_find(c->door->conf, c->ask.credential,
				    &c->user)))
		err = -KTLS_E_AGENT_CREDENTIAL;
	/* whoever has it, too, can have us wait for its lock: not a stranger */
	else if (fd < 0 || !fd_is_connected_tcp(fd))
		err = -KTLS_E_AGENT_SOCKET;
	else if (!take_place(c))
		err = -KTLS_E_AGENT_BUSY;
	if (err) {
		fd_close(fd, &c->owner->closing);
	} else {
		c->fd = fd;
		err = begin_job(c, cred, why, sizeof(why));
	}
	if (err)
		refuse(c, err, why, NULL);
	else if (loop_change(c->door->loop, &c->watch, 0))
		client_free(c);
}

/* What it says waits until there is less to be closed of what its user sent */
static void pause_client(struct client *c)
{
	if (loop_change(c->door->loop, &c->watch, 0))
		client_free(c);
	else
		alarm_set(c->door->loop, &c->pause, CLOSING_WAIT);
}

static void resume_client(struct alarm *alarm)
{
	struct client *c = list_entry(alarm, struct client, pause);

	if (loop_change(c->door->loop, &c->watch, EPOLLIN))
		client_free(c);
}

static void run_client(struct watch *watch, uint32_t events)
{
	struct client *c = list_entry(watch, struct client, watch);
	uint8_t buf[KTLS_AGENT_ASK_MAX];
	union {
		struct cmsghdr head;
		char space[FD_CONTROL];
	} control;
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	ssize_t n;
	int fd;

	bool clogged = fd_is_clogged(&c->owner->closing);

	/* it has gone while we work for it, or made it wait */
	if (c->fd >= 0 || (clogged && events & (EPOLLHUP | EPOLLERR))) {
		client_free(c);
		return;
	}
	if (clogged) {
		pause_client(c);
		return;
	}
	n = recvmsg(watch->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			client_free(c);
		return;
	}
	list_move_tail(&c->list, &c->door->clients);
	fd = fd_take(&msg, &c->owner->closing);
	if (n) {
		serve(c, buf, msg.msg_flags & MSG_TRUNC ? 0 : (size_t)n, fd);
		return;
	}
	/* an empty message may have one, too */
	fd_close(fd, &c->owner->closing);
	client_free(c);
}

/* ---- coming ------------------------------------------------------------ */

static int client_new(struct door *door, int fd)
{
	struct client *c = calloc(1, sizeof(*c));
	int err = -ENOMEM;

	if (!c)
		return err;
	c->door = door;
	c->fd = -1;
	c->watch.fd = fd;
	c->watch.run = run_client;
	alarm_init(&c->pause, resume_client);
	err = user_of(fd, &c->user);
	if (!err)
		err = owner_enter(&door->owners, door->loop->now, c->user.uid,
				  door->agent->max_user_clients, &c->owner);
	if (!err) {
		err = loop_add(door->loop, &c->watch, EPOLLIN);
		if (err)
			owner_leave(c->owner);
	}
	if (err) {
		free(c);
		return err;
	}
	list_init(&c->list);
	list_move_tail(&c->list, &door->clients);
	door->clients_len++;
	return 0;
}

/* Who is one too many is told so, as far as that can be */
static void turn_away(struct door *door, int fd)
{
	struct tell t;

	answer_failure(&t, -KTLS_E_AGENT_BUSY, "", NULL);
	if (!t.failed && send(fd, t.buf, t.len,
			      MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		/* then not */
	}
	tell_free(&t);
	fd_close(fd, &door->closing);
}

/* Where nobody can be let in the door stays ready: look away for a while */
static void pause_door(struct door *door, int64_t ms)
{
	loop_change(door->loop, &door->watch, 0);
	alarm_set(door->loop, &door->pause, ms);
}

static void resume(struct alarm *alarm)
{
	struct door *door = list_entry(alarm, struct door, pause);

	loop_change(door->loop, &door->watch, EPOLLIN);
}

/*
 * Who has said nothing for longest goes: one who has many users, as their
 * namespaces give him, must not have all places for ever.
 */
static void make_room(struct door *door)
{
	for (struct list *l = door->clients.next; l != &door->clients;
	     l = l->next) {
		struct client *c = list_entry(l, struct client, list);

		if (c->fd < 0) {
			client_free(c);
			return;
		}
	}
}

static void run_door(struct watch *watch, uint32_t events)
{
	struct door *door = list_entry(watch, struct door, watch);
	int fd;

	(void)events;
	if (fd_is_clogged(&door->closing)) {
		pause_door(door, CLOSING_WAIT);
		return;
	}
	fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0) {
		if (net_starved(errno)) {
			log_line("accept: %s; waiting", strerror(errno));
			pause_door(door, ACCEPT_WAIT);
		}
		return;
	}
	if (door->clients_len >= door->agent->max_clients)
		make_room(door);
	if (door->clients_len >= door->agent->max_clients ||
	    client_new(door, fd))
		turn_away(door, fd);
}

/* ---- going ------------------------------------------------------------- */

static void close_idle(struct door *door)
{
	struct list *l, *next;

	door->ending = true;
	for (l = door->clients.next; l != &door->clients; l = next) {
		struct client *c = list_entry(l, struct client, list);

		next = l->next;
		if (c->fd < 0)
			client_free(c);
	}
}

static void ring(struct alarm *alarm)
{
	close_idle(list_entry(alarm, struct door, alarm));
}

void door_shut(struct door *door)
{
	if (!door->open)
		return;
	door->open = false;
	loop_remove(door->loop, &door->watch);
	/* the last to close it closes what those sent who wait there */
	fd_close(door->watch.fd, &door->closing);
	alarm_stop(&door->pause);
	alarm_set(door->loop, &door->alarm, door->agent->timeout);
}

void door_end(struct door *door)
{
	door_shut(door);
	close_idle(door);
}

bool door_empty(const struct door *door)
{
	return !door->open && list_empty(&door->clients);
}

void door_free(struct door *door)
{
	while (!list_empty(&door->clients))
		client_free(list_entry(door->clients.next, struct client,
				       list));
	owners_sweep(&door->owners, INT64_MAX);
	tls_cache_free(&door->cache);
}

int door_open(struct door *door, struct loop *loop, const struct agent *agent,
	      const struct agent_conf *conf)
{
	memset(door, 0, sizeof(*door));
	fd_begin(loop);
	door->loop = loop;
	door->agent = agent;
	door->conf = conf;
	door->watch.fd = agent->listen_fd;
	door->watch.run = run_door;
	list_init(&door->clients);
	list_init(&door->owners);
	tls_cache_init(&door->cache);
	alarm_init(&door->alarm, ring);
	alarm_init(&door->pause, resume);
	door->open = true;
	return loop_add(loop, &door->watch, EPOLLIN);
}
