// SPDX-License-Identifier: MIT
/*
 * Connections a second: a server in one process, a client in another, one
 * connection after the other, each with a byte there and one back.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cn.h"
#include "sample.h"

#define WARM_UP	20

/* ---- server ------------------------------------------------------------ */

static double cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static int serve_one(const struct cn_impl *impl, void *shared, int listener)
{
	struct cn_end end = { .server = true };
	int err;

	end.fd = cn_accept(listener);
	if (end.fd < 0)
		return -1;
	err = cn_connect(impl, shared, &end);
	impl->end(&end);
	close(end.fd);
	return err;
}

/* After each round, into @out: the CPU us that one connection took */
static void serve(const struct cn_impl *impl, void *shared, int listener,
		  const struct cn_options *o, int out)
{
	for (int i = 0; i < WARM_UP; i++)
		if (serve_one(impl, shared, listener))
			_exit(1);
	for (int r = 0; r < o->rounds; r++) {
		double us = cpu_us();

		for (int i = 0; i < o->rate; i++)
			if (serve_one(impl, shared, listener))
				_exit(1);
		us = (cpu_us() - us) / o->rate;
		if (write(out, &us, sizeof(us)) != sizeof(us))
			_exit(1);
	}
	_exit(0);
}

/* ---- client ------------------------------------------------------------ */

/* One library's, and its server */
struct run {
	void *shared;
	pid_t pid;
	uint16_t port;
	int in;
	struct sample rate, cpu;
};

static int connect_some(const struct cn_impl *impl, struct run *r, int n)
{
	int err = 0;

	for (int i = 0; i < n && !err; i++) {
		struct cn_end end = { .fd = cn_dial(r->port, i) };

		if (end.fd < 0)
			return -1;
		err = cn_connect(impl, r->shared, &end);
		impl->end(&end);
		close(end.fd);
	}
	return err;
}

static int begin(const struct cn_impl *impl, const struct hs_case *c,
		 const struct hs_pki *pki, const struct cn_options *o,
		 struct run *r)
{
	int out[2], listener;

	r->shared = impl->open(c, pki);
	if (!r->shared || pipe(out))
		return -1;
	listener = cn_listen(&r->port);
	fflush(NULL);
	r->pid = fork();
	if (!r->pid) {
		close(out[0]);
		serve(impl, r->shared, listener, o, out[1]);
	}
	close(listener);
	close(out[1]);
	r->in = out[0];
	return r->pid < 0 ? -1 : connect_some(impl, r, WARM_UP);
}

static int round_of(const struct cn_impl *impl, struct run *r,
		    const struct cn_options *o)
{
	double from = hs_now(), us;

	if (connect_some(impl, r, o->rate) ||
	    read(r->in, &us, sizeof(us)) != sizeof(us))
		return -1;
	sample_add(&r->rate, o->rate * 1e9 / (hs_now() - from));
	sample_add(&r->cpu, us);
	return 0;
}

static void end(const struct cn_impl *impl, struct run *r)
{
	if (r->pid > 0) {
		close(r->in);
		kill(r->pid, SIGKILL);
		waitpid(r->pid, NULL, 0);
	}
	if (r->shared)
		impl->close(r->shared);
}

int cn_rate(const struct hs_case *c, const struct hs_pki *pki,
	    const struct cn_options *o)
{
	struct run run[CN_IMPLS] = { 0 };
	int err = 0;

	for (int i = 0; i < CN_IMPLS && !err; i++)
		err = begin(cn_impls[i], c, pki, o, &run[i]);
	for (int n = 0; n < o->rounds && !err; n++)
		for (int i = 0; i < CN_IMPLS && !err; i++)
			err = round_of(cn_impls[i], &run[i], o);
	printf("%-22s", c->name);
	for (int i = 0; i < CN_IMPLS; i++) {
		double rate = sample_part(&run[i].rate, 0.5);
		double cpu = sample_part(&run[i].cpu, 0.5);

		printf(" %9.0f (%5.0f-%5.0f) %9.0f", rate,
		       sample_part(&run[i].rate, 0),
		       sample_part(&run[i].rate, 1), cpu);
		cn_emit(o, "rate", c->name, "both", cn_impls[i]->name,
			"a second", rate);
		cn_emit(o, "rate", c->name, "server", cn_impls[i]->name,
			"CPU us", cpu);
		end(cn_impls[i], &run[i]);
	}
	printf("\n");
	fflush(stdout);
	return err;
}
