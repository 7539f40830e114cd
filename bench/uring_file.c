// SPDX-License-Identifier: MIT
/*
 * Files through libktls-uring: a header and a file on each connection at once,
 * as CPU time, the time that passed, how long one call held the loop at most,
 * and how often calls waited for something (which a busy machine does not add
 * to), all in all.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <ktls_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "links.h"
#include "meter.h"
#include "sample.h"

#define HEAD	256

static const char help[] =
"usage: uring_file [OPTION]...\n"
"  -d DIR    where to make the files (.)\n"
"  -s LIST   their sizes in KiB (16,1024,65536)\n"
"  -n N      connections at once (4)\n"
"  -r N      repetitions (11)\n";

static struct bench {
	struct io_uring ring;
	struct ktls_uring *u;
	size_t len, left;
	struct ktls_stream *stream[LINKS_MAX];
	struct ktls_job head[LINKS_MAX], body[LINKS_MAX];
	int file[LINKS_MAX];
	int err;
	double held_us;
	long waits;
} b;

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* ---- the streams --------------------------------------------------------- */

static void on_data(struct ktls_stream *s, const void *buf, size_t len)
{
	(void)s;
	(void)buf;
	(void)len;
}

static void on_end(struct ktls_stream *s, int err)
{
	(void)s;
	(void)err;
}

static void on_freed(void *arg)
{
	(void)arg;
	b.left--;
}

static const struct ktls_stream_ops ops = {
	.data = on_data, .end = on_end, .freed = on_freed,
};

static void done_head(struct ktls_stream *s, struct ktls_job *job, int err)
{
	(void)s;
	(void)job;
	if (err)
		b.err = err;
}

static void done_body(struct ktls_stream *s, struct ktls_job *job, int err)
{
	done_head(s, job, err);
	b.left--;
}

/* ---- the loop ------------------------------------------------------------ */

static long waits(void)
{
	struct rusage r;

	getrusage(RUSAGE_THREAD, &r);
	return r.ru_nvcsw;
}

#define HOLD(call) do {							\
	long waited = waits();						\
	double since = now_us();					\
	call;								\
	since = now_us() - since;					\
	b.waits += waits() - waited;					\
	if (since > b.held_us)						\
		b.held_us = since;					\
} while (0)

static void reap(void)
{
	struct io_uring_cqe *cqe;

	while (!io_uring_peek_cqe(&b.ring, &cqe)) {
		HOLD(ktls_uring_complete(b.u, cqe));
		io_uring_cqe_seen(&b.ring, cqe);
	}
}

static void loop(void)
{
	struct io_uring_cqe *cqe;
	bool more;

	while (b.left && !b.err) {
		HOLD(more = ktls_uring_turn(b.u));
		HOLD(io_uring_submit(&b.ring));
		if (!more && b.left && !b.err)
			io_uring_wait_cqe(&b.ring, &cqe);
		reap();
	}
}

static void send_all(off_t size)
{
	static char head[HEAD];

	b.left = b.len;
	for (size_t i = 0; i < b.len; i++) {
		b.head[i] = (struct ktls_job){ .buf = head, .len = HEAD,
			.file = -1, .more = true, .done = done_head };
		b.body[i] = (struct ktls_job){ .file = b.file[i],
			.len = (uint64_t)size, .done = done_body };
		ktls_stream_send(b.stream[i], &b.head[i]);
		ktls_stream_send(b.stream[i], &b.body[i]);
	}
	loop();
}

/* ---- one size by one carrier --------------------------------------------- */

struct row {
	struct sample cpu, rate, held, waits;	/* us, MiB/s, us, number */
};

static void repeat(struct row *row, const struct links *l, off_t size,
		   bool cold)
{
	double cpu, t, mib = (double)size * (double)b.len / (1 << 20);

	for (size_t i = 0; i < b.len; i++)
		if (cold)
			posix_fadvise(b.file[i], 0, 0, POSIX_FADV_DONTNEED);
	b.held_us = 0;
	b.waits = 0;
	cpu = meter_us();
	t = now_us();
	send_all(size);
	sample_add(&row->cpu, (meter_us() - cpu) / (double)b.len);
	sample_add(&row->rate, mib / (now_us() - t) * 1e6);
	sample_add(&row->held, b.held_us);
	sample_add(&row->waits, (double)b.waits);
	links_drain(l);
}

static int measure(struct links *l, const char *name, off_t size,
		   size_t repeats)
{
	for (int cold = 0; cold < 2 && !b.err; cold++) {
		struct row row = { 0 };

		for (size_t i = 0; i <= repeats && !b.err; i++) {
			repeat(&row, l, size, cold);
			if (!i)	/* to warm up */
				row = (struct row){ 0 };
		}
		printf("%-8s %6jd KiB %s: %9.0f us CPU, %6.0f MiB/s, held "
		       "%6.0f us (p90 %6.0f), %4.0f waits\n",
		       name, (intmax_t)size >> 10,
		       cold ? "cold" : "warm", sample_part(&row.cpu, 0.5),
		       sample_part(&row.rate, 0.5), sample_part(&row.held, 0.5),
		       sample_part(&row.held, 0.9),
		       sample_part(&row.waits, 0.5));
		fflush(stdout);
	}
	if (b.err)
		fprintf(stderr, "%s: %s\n", name, ktls_strerror(b.err));
	return b.err;
}

/* Adopted connections are the streams' */
static int adopt_all(struct links *l)
{
	int err = io_uring_queue_init(256, &b.ring, 0);

	if (!err)
		err = ktls_uring_new(&b.u, &b.ring, NULL);
	for (size_t i = 0; !err && i < l->len; i++) {
		err = ktls_stream_adopt(&b.stream[i], b.u, l->conn[i], -1,
					&ops, NULL);
		l->conn[i] = NULL;
	}
	return err;
}

static void free_all(void)
{
	b.left = b.len;
	b.err = 0;
	for (size_t i = 0; i < b.len; i++)
		ktls_stream_free(b.stream[i]);
	loop();
	ktls_uring_free(b.u);
	io_uring_queue_exit(&b.ring);
}

static int carry(enum carrier carrier, const char *name, off_t size,
		 size_t repeats)
{
	struct links l;
	int err = links_open(&l, b.len, carrier);

	if (err == -EOPNOTSUPP)
		return 0;
	if (!err)
		err = adopt_all(&l);
	if (!err) {
		err = measure(&l, name, size, repeats);
		free_all();
	}
	links_close(&l);
	return err;
}

static int run_size(const char *dir, off_t size, size_t repeats)
{
	int err = 0;

	for (size_t i = 0; i < b.len; i++)
		if ((b.file[i] = bench_file(dir, size)) < 0)
			return -1;
	err = carry(CARRIER_KERNEL, "kTLS", size, repeats);
	if (!err)
		err = carry(CARRIER_USER, "user", size, repeats);
	for (size_t i = 0; i < b.len; i++)
		close(b.file[i]);
	return err;
}

int main(int argc, char **argv)
{
	const char *dir = ".", *s = "16,1024,65536";
	size_t repeats = 11;
	int opt, err = 0;
	char *end;

	b.len = 4;
	while ((opt = getopt(argc, argv, "d:s:n:r:h")) != -1) {
		switch (opt) {
		case 'd': dir = optarg; break;
		case 's': s = optarg; break;
		case 'n': b.len = strtoul(optarg, NULL, 10); break;
		case 'r': repeats = strtoul(optarg, NULL, 10); break;
		default: fputs(help, stderr); return 2;
		}
	}
	if (optind < argc || !b.len || b.len > LINKS_MAX || !repeats ||
	    repeats >= SAMPLES_MAX) {
		fputs(help, stderr);
		return 2;
	}
	if (meter_init() || links_init("TLS_AES_128_GCM_SHA256"))
		return 1;
	for (; !err && *s; s = *end ? end + 1 : end) {
		err = run_size(dir, (off_t)strtoul(s, &end, 10) << 10, repeats);
		if (end == s)
			break;
	}
	links_exit();
	return err ? 1 : 0;
}
