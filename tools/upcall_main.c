// SPDX-License-Identifier: MIT
#include "upcall_main.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <ktls.h>

#include "agent_jail.h"
#include "agent_loop.h"
#include "cmd.h"
#include "list.h"
#include "log.h"
#include "signals.h"
#include "upcall.h"

struct process {
	struct loop loop;
	struct watch signals;
	struct upcall *upcall;
	bool end;
};

static void run_signals(struct watch *watch, uint32_t events)
{
	struct process *p = list_entry(watch, struct process, signals);
	int sig = signals_next(watch->fd);

	(void)events;
	if (sig && sig != SIGHUP)
		p->end = true;
	else if (sig)
		log_line(upcall_reload(p->upcall) ? "kernel: reloaded" :
			 "kernel: not reloaded; going on as before");
}

static int watch_signals(struct process *p)
{
	p->signals.run = run_signals;
	p->signals.fd = signals_open(false);
	return p->signals.fd < 0 ? -errno :
	       loop_add(&p->loop, &p->signals, EPOLLIN);
}

/*
 * What is loaded when first needed, by others than us, is loaded now: the
 * kernel's module, and the libraries that a config finds.
 */
static void warm_up(void)
{
	struct ktls_config *config = NULL;
	struct ktls_caps caps;
	int err = ktls_probe(&caps);

	if (!err)
		err = caps.ulp_error;
	if (err)
		complain("no TLS in the kernel: %s", ktls_strerror(err));
	if (!ktls_config_new(&config, KTLS_OPTS(.role = KTLS_CLIENT,
						.verify = KTLS_VERIFY_NONE)))
		ktls_config_put(config);
}

static int begin(struct process *p, const struct agent *agent)
{
	int err;

	if (jail_hide())
		return -1;
	warm_up();
	err = loop_open(&p->loop);
	if (!err)
		err = watch_signals(p);
	if (err) {
		complain("%s", ktls_strerror(err));
		return -1;
	}
	p->upcall = upcall_start(&p->loop, agent);
	if (!p->upcall)
		return -1;
	return jail_enter(agent);
}

int upcall_main(const struct agent *agent)
{
	struct process p = { 0 };
	int err = 0;

	if (begin(&p, agent))
		return STATUS_USAGE;
	puts("serving the kernel");
	fflush(stdout);
	while (!err && !p.end)
		err = loop_turn(&p.loop);
	if (err)
		log_line("epoll: %s", ktls_strerror(err));
	upcall_stop(p.upcall);
	loop_close(&p.loop);
	close(p.signals.fd);
	return err ? STATUS_USAGE : STATUS_OK;
}
