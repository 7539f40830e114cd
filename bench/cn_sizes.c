// SPDX-License-Identifier: MIT
/* Memory of a handshake in flight, and of the connection that comes of it */
#include <fcntl.h>
#include <unistd.h>

#include "cn.h"

/* What one end holds: at the height of the handshake, and afterwards */
struct size {
	struct heap flight, conn;
	bool kernel, resumed;
};

static int both(const struct cn_impl *impl, struct cn_end end[2],
		struct heap h[2], int (*call)(struct cn_end *end))
{
	int err = 0;

	(void)impl;
	for (int i = 0; i < 2 && !err; i++) {
		heap_account(&h[i]);
		err = call(&end[i]);
		heap_account(NULL);
	}
	return err;
}

/* The sockets do not block: whoever cannot go on lets the other */
static int handshake(const struct cn_impl *impl, void *shared,
		     struct cn_end end[2], struct heap h[2])
{
	int done[2] = { 0, 0 }, err = 0;

	for (int i = 0; i < 2 && !err; i++) {
		heap_account(&h[i]);
		err = impl->begin(shared, &end[i]);
		heap_account(NULL);
	}
	while (!err && !(done[0] && done[1])) {
		for (int i = 0; i < 2 && !err; i++) {
			heap_account(&h[i]);
			if (!done[i])
				done[i] = impl->step(&end[i]);
			heap_account(NULL);
			err = done[i] < 0;
		}
	}
	return err ? -1 : 0;
}

static void set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

/* A byte each way, so that tickets are read, and what is lazy is there */
static int talk(const struct cn_impl *impl, struct cn_end end[2],
		struct heap h[2])
{
	int err = both(impl, end, h, impl->put);

	return err ? err : both(impl, end, h, impl->get);
}

static int measure(const struct cn_impl *impl, void *shared, int fd[2],
		   struct size size[2])
{
	struct cn_end end[2] = {
		{ .server = false, .fd = fd[0] },
		{ .server = true, .fd = fd[1] },
	};
	struct heap h[2] = { 0 };
	int err;

	set_nonblock(fd[0], true);
	set_nonblock(fd[1], true);
	err = handshake(impl, shared, end, h);
	for (int i = 0; i < 2; i++)
		size[i].flight = h[i];
	set_nonblock(fd[0], false);
	set_nonblock(fd[1], false);
	if (!err)
		err = both(impl, end, h, impl->establish);
	if (!err)
		err = talk(impl, end, h);
	for (int i = 0; i < 2; i++) {
		size[i].conn = h[i];
		if (!err) {
			size[i].kernel = impl->kernel(&end[i]) ==
					(CN_TX | CN_RX);
			size[i].resumed = impl->resumed(&end[i]);
		}
		impl->end(&end[i]);
	}
	return err;
}

static int run(const struct cn_impl *impl, void *shared, int listener,
	       uint16_t port, struct size size[2])
{
	int fd[2], err = -1;

	fd[0] = cn_dial(port, 0);
	fd[1] = fd[0] < 0 ? -1 : cn_accept(listener);
	if (fd[1] >= 0)
		err = measure(impl, shared, fd, size);
	close(fd[0]);
	close(fd[1]);
	return err;
}

static void emit(const struct cn_options *o, const char *name,
		 const char *side, const char *lib, const struct size *s)
{
	static const char *const owner[] = { "own", "libcrypto" };
	char what[32];

	for (int i = 0; i < HEAP_OWNERS; i++) {
		snprintf(what, sizeof(what), "%s bytes", owner[i]);
		cn_emit(o, "flight", name, side, lib, what,
			(double)s->flight.of[i].peak);
		cn_emit(o, "established", name, side, lib, what,
			(double)s->conn.of[i].live);
		snprintf(what, sizeof(what), "%s allocations", owner[i]);
		cn_emit(o, "flight", name, side, lib, what,
			(double)s->flight.of[i].calls);
		snprintf(what, sizeof(what), "%s blocks", owner[i]);
		cn_emit(o, "established", name, side, lib, what,
			(double)s->conn.of[i].blocks);
	}
}

static void print_sum(int64_t bytes, int64_t n)
{
	printf(" %7lld/%-4lld", (long long)bytes, (long long)n);
}

/* libssl's own are taken through libcrypto, so that they are one with its */
static void print(const char *name, const char *side, const struct size *k,
		  const struct size *s)
{
	printf("%-22s %-6s", name, side);
	for (int i = 0; i < HEAP_OWNERS; i++)
		print_sum(k->flight.of[i].peak,
			  (int64_t)k->flight.of[i].calls);
	print_sum(s->flight.of[HEAP_CRYPTO].peak,
		  (int64_t)s->flight.of[HEAP_CRYPTO].calls);
	for (int i = 0; i < HEAP_OWNERS; i++)
		print_sum(k->conn.of[i].live, k->conn.of[i].blocks);
	print_sum(s->conn.of[HEAP_CRYPTO].live,
		  s->conn.of[HEAP_CRYPTO].blocks);
	printf(" %s/%s\n", k->kernel ? "kernel" : "user",
	       s->kernel ? "kernel" : "user");
}

/* The second time, when what is there once for all has been made */
static int twice(const struct hs_case *c, const struct hs_pki *pki,
		 const struct cn_impl *impl, struct size size[2])
{
	void *shared = impl->open(c, pki);
	uint16_t port;
	int listener = cn_listen(&port), err = shared ? 0 : -1;

	for (int i = 0; i < 3 && !err; i++)
		err = run(impl, shared, listener, port, size);
	if (!err && size[1].resumed != (c->resume != HS_FULL)) {
		fprintf(stderr, "%s: %s: not resumed\n", impl->name, c->name);
		err = -1;
	}
	if (shared)
		impl->close(shared);
	close(listener);
	return err;
}

int cn_sizes(const struct hs_case *c, const struct hs_pki *pki,
	     const struct cn_options *o)
{
	static const char *const sides[] = { "client", "server" };
	struct size size[CN_IMPLS][2] = { 0 };
	int err = 0;

	for (int i = 0; i < CN_IMPLS && !err; i++)
		err = twice(c, pki, cn_impls[i], size[i]);
	for (int side = 1; side >= 0 && !err; side--) {
		print(side ? c->name : "", sides[side], &size[0][side],
		      &size[1][side]);
		for (int i = 0; i < CN_IMPLS; i++)
			emit(o, c->name, sides[side], cn_impls[i]->name,
			     &size[i][side]);
	}
	fflush(stdout);
	return err;
}
