// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ktls.h>
#include <liburing.h>

#include "bulk.h"
#include "file.h"
#include "meter.h"
#include "sample.h"

static const char help[] =
"Usage: bulk [-r ROUNDS] [-m MIB] [-n CONNECTIONS]... [-w WAY] [-d DIR]\n"
"            [-o FILE]\n"
"\n"
"What a GiB costs who sends it and who receives it, over loopback TCP, in CPU\n"
"seconds of that process, and GiB a second of both: TCP alone, libktls and libssl\n"
"with the kernel's records and with their own. They take turns, ROUNDS (5) of\n"
"MIB (64) on each connection; medians. -n: so many connections in turn (1, then\n"
"16). -w: only ways with WAY in the name. -d: where the file is. -o: figures as\n"
"TSV.\n";

#define KIB		1024
#define FILE_SIZE	(2 * 1024 * 1024)

/* ---- ways -------------------------------------------------------------- */

static ssize_t move_send(const struct cn_impl *impl, struct cn_end *end,
			 int file, off_t at, void *buf, size_t len)
{
	(void)file;
	(void)at;
	return impl->send(end, buf, len);
}

static ssize_t move_recv(const struct cn_impl *impl, struct cn_end *end,
			 int file, off_t at, void *buf, size_t len)
{
	(void)file;
	(void)at;
	return impl->recv(end, buf, len);
}

static ssize_t move_file(const struct cn_impl *impl, struct cn_end *end,
			 int file, off_t at, void *buf, size_t len)
{
	(void)buf;
	return impl->sendfile(end, file, at, len);
}

static ssize_t splice_out(int from, int to, size_t len)
{
	struct pollfd p = { .fd = to, .events = POLLOUT };
	ssize_t n;

	for (;;) {
		n = splice(from, NULL, to, NULL, len, SPLICE_F_MOVE);
		if (n >= 0 || errno != EAGAIN)
			return n;
		poll(&p, 1, -1);
	}
}

/* All that went into the pipe has to come out of it */
static ssize_t move_splice(const struct cn_impl *impl, struct cn_end *end,
			   int file, off_t at, void *buf, size_t len)
{
	static int pipes[2] = { -1, -1 };
	ssize_t n, out, left;

	(void)impl;
	(void)buf;
	if (pipes[0] < 0 && pipe(pipes))
		return -1;
	n = splice(file, &at, pipes[1], NULL, len, SPLICE_F_MOVE);
	for (left = n; left > 0; left -= out) {
		out = splice_out(pipes[0], end->fd, (size_t)left);
		if (out <= 0)
			return -1;
	}
	return n;
}

static ssize_t move_ring(const struct cn_impl *impl, struct cn_end *end,
			 int file, off_t at, void *buf, size_t len)
{
	static struct io_uring ring;
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;
	int res;

	(void)impl;
	(void)file;
	(void)at;
	if (!ring.ring_fd && io_uring_queue_init(8, &ring, 0))
		return -1;
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_send(sqe, end->fd, buf, len, MSG_NOSIGNAL);
	if (io_uring_submit_and_wait(&ring, 1) < 0 ||
	    io_uring_peek_cqe(&ring, &cqe))
		return -1;
	res = cqe->res;
	io_uring_cqe_seen(&ring, cqe);
	errno = res < 0 ? -res : 0;
	return res < 0 ? -1 : res;
}

static const struct bulk_way ways[] = {
	{ "send 4 KiB", 4 * KIB, 0, false, move_send },
	{ "send 16 KiB", 16 * KIB, 0, false, move_send },
	{ "send 64 KiB", 64 * KIB, 0, false, move_send },
	{ "send 256 KiB", 256 * KIB, 0, false, move_send },
	{ "io_uring SEND 64 KiB", 64 * KIB, CN_TX, false, move_ring },
	{ "sendfile 64 KiB", 64 * KIB, 0, false, move_file },
	{ "sendfile 1 MiB", 1024 * KIB, 0, false, move_file },
	{ "splice 64 KiB", 64 * KIB, CN_TX, false, move_splice },
	{ "recv 16 KiB", 16 * KIB, 0, true, move_recv },
	{ "recv 64 KiB", 64 * KIB, 0, true, move_recv },
	{ "recv 256 KiB", 256 * KIB, 0, true, move_recv },
};

static const struct bulk_stack stacks[] = {
	{ "TCP", &cn_tcp, false },
	{ "libktls, kernel", &cn_ktls, false },
	{ "libssl, kernel", &cn_ssl, false },
	{ "libktls, user", &cn_ktls, true },
	{ "libssl, user", &cn_ssl, true },
};

#define STACKS	(sizeof(stacks) / sizeof(*stacks))

/* ---- tables ------------------------------------------------------------ */

struct options {
	int rounds, links[8], links_len, file;
	size_t total;
	const char *way;
	FILE *tsv;
};

struct result {
	struct sample us, rate;		/* a GiB; GiB a second */
};

static int run_rounds(struct bulk_links *l, const bool *open,
		      const struct options *o, struct result *r)
{
	double gib, us, seconds;

	for (int n = -1; n < o->rounds; n++)
		for (size_t i = 0; i < STACKS; i++) {
			if (!open[i])
				continue;
			if (bulk_run(&l[i], o->file, &us, &seconds))
				return -1;
			gib = (double)l[i].total / (1024.0 * KIB * KIB);
			if (n < 0)
				continue;	/* the first is to warm up */
			sample_add(&r[i].us, us / gib);
			sample_add(&r[i].rate, gib / seconds);
		}
	return 0;
}

static void print_row(const struct bulk_way *w, int links,
		      const struct options *o, struct result *r)
{
	printf("%-20s %3d", w->name, links);
	for (size_t i = 0; i < STACKS; i++) {
		double us = sample_part(&r[i].us, 0.5);
		double rate = sample_part(&r[i].rate, 0.5);

		if (!r[i].us.len) {
			printf("  %15s", "-");
			continue;
		}
		printf("  %7.3f %7.2f", us / 1e6, rate);
		if (o->tsv)
			fprintf(o->tsv,
				"%s\t%d\t%s\t%.4f\t%.4f\t%.4f\t%.3f\n", w->name,
				links, stacks[i].name, us / 1e6,
				sample_part(&r[i].us, 0) / 1e6,
				sample_part(&r[i].us, 1) / 1e6, rate);
	}
	printf("\n");
	fflush(NULL);
}

static int run_row(const struct bulk_way *w, int links,
		   const struct options *o, const struct hs_pki *pki)
{
	static struct bulk_links l[STACKS];
	static struct result r[STACKS];
	bool open[STACKS] = { false };
	int err = 0;

	memset(r, 0, sizeof(r));
	for (size_t i = 0; i < STACKS && err >= 0; i++) {
		if (stacks[i].user && w->needs)
			continue;
		err = bulk_open(&l[i], &stacks[i], w, links,
				o->total * (size_t)links, pki);
		open[i] = !err;
	}
	if (err >= 0)
		err = run_rounds(l, open, o, r);
	if (!err)
		print_row(w, links, o, r);
	for (size_t i = 0; i < STACKS; i++)
		if (open[i])
			bulk_close(&l[i]);
	return err;
}

static int run_ways(const struct options *o, const struct hs_pki *pki)
{
	int err = 0;

	printf("\n%-20s %3s", "CPU s a GiB, GiB/s", "n");
	for (size_t i = 0; i < STACKS; i++)
		printf("  %15s", stacks[i].name);
	printf("\n");
	for (int n = 0; n < o->links_len; n++)
		for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
			if (!o->way || strstr(ways[i].name, o->way))
				err |= run_row(&ways[i], o->links[n], o, pki);
	return err;
}

static void run_roofs(const struct options *o)
{
	for (size_t i = 0; i < bulk_roofs_len; i++) {
		double gib = bulk_roofs[i].mib() / 1024;

		printf("%-30s %6.2f GiB/s, %.3f CPU s a GiB\n",
		       bulk_roofs[i].name, gib, gib > 0 ? 1 / gib : 0);
		if (o->tsv && gib > 0)
			fprintf(o->tsv, "roof\t1\t%s\t%.4f\t\t\t%.3f\n",
				bulk_roofs[i].name, 1 / gib, gib);
	}
}

static int parse(struct options *o, const char **dir, int argc, char **argv)
{
	int opt, n;

	while ((opt = getopt(argc, argv, "r:m:n:w:d:o:h")) != -1) {
		switch (opt) {
		case 'r':
			o->rounds = atoi(optarg);
			break;
		case 'm':
			o->total = (size_t)atoi(optarg) * KIB * KIB;
			break;
		case 'n':
			n = atoi(optarg);
			if (n < 1 || n > BULK_LINKS_MAX || o->links_len == 8)
				return -1;
			o->links[o->links_len++] = n;
			break;
		case 'w':
			o->way = optarg;
			break;
		case 'd':
			*dir = optarg;
			break;
		case 'o':
			o->tsv = fopen(optarg, "w");
			if (!o->tsv) {
				perror(optarg);
				return -1;
			}
			break;
		default:
			return -1;
		}
	}
	if (!o->links_len) {
		o->links[o->links_len++] = 1;
		o->links[o->links_len++] = 16;
	}
	return o->rounds < 1 || o->rounds > SAMPLES_MAX || !o->total ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct options o = { .rounds = 5, .total = 64 * KIB * KIB };
	const char *dir = getenv("BENCH_DISK");
	struct hs_pki pki;
	int err;

	if (parse(&o, &dir, argc, argv)) {
		fputs(help, stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	o.file = bench_file(dir ? dir : "/tmp", FILE_SIZE);
	if (o.file < 0 || meter_init() || hs_pki_new(&pki, "p256"))
		return 1;
	printf("%s; %s\n", OpenSSL_version(OPENSSL_VERSION), meter_name());
	run_roofs(&o);
	err = run_ways(&o, &pki);
	hs_pki_free(&pki);
	if (o.tsv)
		fclose(o.tsv);
	return err ? 1 : 0;
}
