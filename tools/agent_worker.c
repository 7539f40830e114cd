// SPDX-License-Identifier: MIT
#include "agent.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent_conf.h"
#include "agent_door.h"
#include "agent_jail.h"
#include "agent_loop.h"
#include "cmd.h"
#include "list.h"
#include "log.h"
#include "signals.h"

#define FDS_OWN		32	/* beside those of clients */

struct worker {
	struct agent agent;
	struct agent_conf conf;
	struct loop loop;
	struct watch signals;
	struct watch alive;
	struct door door;
};

/* Who would read the files again, and end us, is no more */
static void run_alive(struct watch *watch, uint32_t events)
{
	struct worker *w = list_entry(watch, struct worker, alive);

	(void)events;
	loop_remove(&w->loop, watch);
	door_end(&w->door);
}

static void run_signals(struct watch *watch, uint32_t events)
{
	struct worker *w = list_entry(watch, struct worker, signals);
	int sig = signals_next(watch->fd);

	(void)events;
	if (sig == SIGHUP)
		door_shut(&w->door);
	else if (sig)
		door_end(&w->door);
}

static int watch_signals(struct worker *w)
{
	w->signals.run = run_signals;
	w->signals.fd = signals_open(false);
	w->alive.run = run_alive;
	w->alive.fd = w->agent.alive_fd;
	if (w->signals.fd < 0)
		return -errno;
	return loop_add(&w->loop, &w->signals, EPOLLIN) ? :
	       loop_add(&w->loop, &w->alive, EPOLLIN);
}

/* A client is one descriptor, and its handshake is another */
static void limit_clients(struct agent *agent)
{
	struct rlimit lim;
	rlim_t need = FDS_OWN + agent->max_clients + agent->max_jobs;
	unsigned int most;

	if (getrlimit(RLIMIT_NOFILE, &lim))
		return;
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
	if (lim.rlim_cur >= need)
		return;
	most = lim.rlim_cur < FDS_OWN + 4 ? 2 :
	       (unsigned int)(lim.rlim_cur - FDS_OWN) / 2;
	if (agent->max_clients > most)
		agent->max_clients = most;
	if (agent->max_jobs > most)
		agent->max_jobs = most;
	complain("--max-clients %u and --max-handshakes %u, as only %llu files "
		 "may be open", agent->max_clients, agent->max_jobs,
		 (unsigned long long)lim.rlim_cur);
}

static int check_creds(const struct agent_conf *conf, const char *file)
{
	for (size_t i = 0; i < conf->len; i++) {
		const struct credential *c = &conf->creds[i];
		char why[512] = "";
		int err = tls_check(c, why, sizeof(why));

		if (!err)
			continue;
		complain("%s:%u: %s: %s%s%s", file, c->line, c->name,
			 ktls_strerror(err), *why ? ": " : "", why);
		return -1;
	}
	return 0;
}

/* All that needs files, or rights, is done here */
static int begin(struct worker *w)
{
	struct ktls_caps caps;
	int err;

	if (jail_hide() || agent_conf_read(&w->conf, w->agent.config))
		return -1;
	/* it also has the kernel load its module, which only root can do */
	err = ktls_probe(&caps);
	if (err)
		complain("probing the kernel: %s", ktls_strerror(err));
	if (check_creds(&w->conf, w->agent.config))
		return -1;
	limit_clients(&w->agent);
	err = loop_open(&w->loop);
	if (!err)
		err = watch_signals(w);
	if (!err)
		err = door_open(&w->door, &w->loop, &w->agent, &w->conf);
	if (err) {
		complain("%s", ktls_strerror(err));
		return -1;
	}
	return jail_enter(&w->agent);
}

int agent_worker(const struct agent *agent, int ready_fd)
{
	/* in which threads count until the process ends: see fd_close() */
	static struct worker w;
	int err;

	w.agent = *agent;
	if (begin(&w))
		return STATUS_USAGE;
	if (write(ready_fd, "", 1) != 1)
		return STATUS_USAGE;	/* nobody is there any more */
	close(ready_fd);
	do
		err = loop_turn(&w.loop);
	while (!err && !door_empty(&w.door));
	if (err)
		log_line("epoll: %s", ktls_strerror(err));
	door_free(&w.door);
	agent_conf_free(&w.conf);
	loop_close(&w.loop);
	close(w.signals.fd);
	return err ? STATUS_USAGE : STATUS_OK;
}
