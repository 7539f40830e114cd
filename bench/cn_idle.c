// SPDX-License-Identifier: MIT
/*
 * Connections that are there and do nothing, of which the servers' process has
 * one end each: what its memory grows by, and the kernel's for both ends.
 */
#include <ctype.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cn.h"
#include "sample.h"

#define STEPS_MAX	6
#define SLABS_MAX	400
#define SLABS_SHOWN	8

/* ---- the kernel's memory ----------------------------------------------- */

struct slabs {
	size_t len;
	struct slab {
		char name[40];
		double bytes;
	} s[SLABS_MAX];
};

/* All of it, in bytes; 0: not to be known */
static double slab_total(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	double kib = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "Slab:", 5))
			kib = atof(line + 5);
	if (f)
		fclose(f);
	return kib * 1024;
}

/* By its kind, where we may read it */
static void slabs_read(struct slabs *t)
{
	FILE *f = fopen("/proc/slabinfo", "re");
	char line[512];
	double active, size;

	t->len = 0;
	while (f && t->len < SLABS_MAX && fgets(line, sizeof(line), f)) {
		struct slab *s = &t->s[t->len];

		if (sscanf(line, "%39s %lf %*s %lf", s->name, &active,
			   &size) != 3 || !isalnum((unsigned char)line[0]))
			continue;
		s->bytes = active * size;
		t->len++;
	}
	if (f)
		fclose(f);
}

static int most_first(const void *a, const void *b)
{
	const struct slab *x = a, *y = b;

	return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

static void slabs_print(const struct cn_options *o, const char *lib,
			const struct slabs *before, struct slabs *after, int n)
{
	for (size_t i = 0; i < after->len; i++)
		for (size_t j = 0; j < before->len; j++)
			if (!strcmp(after->s[i].name, before->s[j].name))
				after->s[i].bytes -= before->s[j].bytes;
	qsort(after->s, after->len, sizeof(*after->s), most_first);
	printf("  slab bytes of %s, both ends:", lib);
	for (size_t i = 0; i < after->len && i < SLABS_SHOWN; i++) {
		double each = after->s[i].bytes / n;

		if (each < 1)
			break;
		printf(" %s %.0f", after->s[i].name, each);
		cn_emit(o, "slab", after->s[i].name, "both", lib, "bytes",
			each);
	}
	printf("%s\n", after->len ? "" : " /proc/slabinfo is not to be read");
}

/* ---- server ------------------------------------------------------------ */

/* What the server tells at each step */
struct report {
	double heap, rss;	/* bytes */
};

static double resident(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	double pages = 0;

	if (!f || fscanf(f, "%*s %lf", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return pages * (double)sysconf(_SC_PAGESIZE);
}

static bool is_step(int n, int max)
{
	int step = 1;

	while (step < n)
		step *= 10;
	return step == n || n == max;
}

static void report(const struct heap *h, int out)
{
	struct report r = {
		.heap = (double)(h->of[HEAP_OURS].live +
				 h->of[HEAP_CRYPTO].live),
		.rss = resident(),
	};

	if (write(out, &r, sizeof(r)) != sizeof(r))
		_exit(1);
}

/*
 * The first does not count: it finds what is there once for all.  Nor does what
 * the client's process, from which this one comes, has freed before.
 */
static void serve(const struct cn_impl *impl, void *shared, int listener,
		  int max, int out)
{
	struct cn_end *ends = malloc((size_t)(max + 1) * sizeof(*ends));
	struct heap h = { 0 };

	memset(ends, 1, (size_t)(max + 1) * sizeof(*ends));
	malloc_trim(0);
	for (int n = 0; n <= max; n++) {
		ends[n] = (struct cn_end){ .server = true };
		ends[n].fd = cn_accept(listener);
		heap_account(n ? &h : NULL);
		if (ends[n].fd < 0 || cn_connect(impl, shared, &ends[n]))
			_exit(1);
		heap_account(NULL);
		if (!n || is_step(n, max))
			report(&h, out);
	}
	pause();
	_exit(0);
}

/* ---- client ------------------------------------------------------------ */

struct step {
	int n;
	struct sample heap, rss, slab;
};

struct idle {
	const struct cn_impl *impl;
	void *shared;
	struct cn_end *ends;
	uint16_t port;
	pid_t pid;
	int in;
};

static int begin(struct idle *t, int max)
{
	int out[2], listener = cn_listen(&t->port);

	if (pipe(out))
		return -1;
	fflush(NULL);
	t->pid = fork();
	if (!t->pid) {
		close(out[0]);
		serve(t->impl, t->shared, listener, max, out[1]);
	}
	close(listener);
	close(out[1]);
	t->in = out[0];
	return t->pid < 0 ? -1 : 0;
}

static void end(struct idle *t, int n)
{
	if (t->pid > 0) {
		close(t->in);
		kill(t->pid, SIGKILL);
		waitpid(t->pid, NULL, 0);
		t->pid = 0;
	}
	for (int i = 0; i < n; i++) {
		t->impl->end(&t->ends[i]);
		/* no TIME_WAIT of so many */
		setsockopt(t->ends[i].fd, SOL_SOCKET, SO_LINGER,
			   &(struct linger){ .l_onoff = 1 },
			   sizeof(struct linger));
		close(t->ends[i].fd);
	}
}

static int dial(struct idle *t, int n)
{
	struct cn_end *end = &t->ends[n];

	*end = (struct cn_end){ .fd = cn_dial(t->port, n) };
	return end->fd < 0 ? -1 : cn_connect(t->impl, t->shared, end);
}

static int tell(struct idle *t, struct report *r)
{
	return read(t->in, r, sizeof(*r)) == sizeof(*r) ? 0 : -1;
}

static int grow(struct idle *t, struct step *steps, int max,
		struct slabs *before, struct slabs *after)
{
	struct report zero, now;
	double slab;
	int n = 0, k = 0, err = begin(t, max);

	if (!err)
		err = dial(t, n++);
	if (!err)
		err = tell(t, &zero);
	slab = slab_total();
	slabs_read(before);
	for (; n <= max && !err; n++) {
		err = dial(t, n);
		if (err || !is_step(n, max))
			continue;
		err = tell(t, &now);
		steps[k].n = n;
		sample_add(&steps[k].heap, (now.heap - zero.heap) / n);
		sample_add(&steps[k].rss, (now.rss - zero.rss) / n);
		sample_add(&steps[k++].slab, (slab_total() - slab) / n);
	}
	slabs_read(after);
	end(t, n);
	return err;
}

static void print(const struct cn_options *o, const char *lib,
		  struct step *steps)
{
	for (size_t k = 0; k < STEPS_MAX && steps[k].n; k++) {
		double heap = sample_part(&steps[k].heap, 0.5);
		double rss = sample_part(&steps[k].rss, 0.5);
		double slab = sample_part(&steps[k].slab, 0.5);
		char n[16];

		snprintf(n, sizeof(n), "%d", steps[k].n);
		printf("%-8s %8s %12.0f %12.0f %12.0f\n", lib, n, heap, rss,
		       slab);
		cn_emit(o, "idle", n, "server", lib, "heap bytes", heap);
		cn_emit(o, "idle", n, "server", lib, "resident bytes", rss);
		cn_emit(o, "idle", n, "both", lib, "slab bytes", slab);
	}
}

static int run(struct idle *t, const struct hs_case *c,
	       const struct hs_pki *pki, const struct cn_options *o)
{
	static struct slabs before, after;
	struct step steps[STEPS_MAX];
	int err = 0;

	memset(steps, 0, sizeof(steps));
	t->shared = t->impl->open(c, pki);
	if (!t->shared)
		return -1;
	for (int r = 0; r < o->rounds && !err; r++)
		err = grow(t, steps, o->idle_max, &before, &after);
	t->impl->close(t->shared);
	if (err)
		return err;
	print(o, t->impl->name, steps);
	slabs_print(o, t->impl->name, &before, &after, o->idle_max);
	fflush(stdout);
	return 0;
}

int cn_idle(const struct hs_case *c, const struct hs_pki *pki,
	    const struct cn_options *o)
{
	const struct cn_impl *const impls[] = { &cn_tcp, &cn_ktls, &cn_ssl };
	struct idle t = { 0 };
	int err = 0;

	t.ends = calloc((size_t)o->idle_max + 1, sizeof(*t.ends));
	for (size_t i = 0; i < sizeof(impls) / sizeof(*impls) && !err; i++) {
		t.impl = impls[i];
		err = run(&t, c, pki, o);
	}
	free(t.ends);
	return err;
}
