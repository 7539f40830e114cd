// SPDX-License-Identifier: MIT
/*
 * What it costs to get a file into a connection, by each way that a server on
 * io_uring has: see paths.h, and README.md for what came of it.
 *
 * The time is of the CPU (meter.h); who takes the data is another process, and
 * not counted. Ways take turns in each repetition, so that what
 * else happens on the machine happens to all of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "meter.h"
#include "paths.h"
#include "refusals.h"
#include "sample.h"

#define PATHS_MAX	32
#define ENTRIES		256	/* three for each of LINKS_MAX */

static const char help[] =
"usage: file_to_socket [OPTION]...\n"
"  -d DIR    where to make the files (.); not a tmpfs, for -c to tell much\n"
"  -s LIST   their sizes in KiB (1,16,256,1024,65536)\n"
"  -n N      connections at once (by size: 16, 4 or 1)\n"
"  -r N      repetitions (11)\n"
"  -m MIB    data in each repetition (16), 1024 files at most\n"
"  -b KIB    buffer of each connection (128)\n"
"  -C NAME   cipher suite (TLS_AES_128_GCM_SHA256)\n"
"  -c        with a cold page cache only;  -w  with a warm one only\n"
"  -p NAME   only the ways whose name contains NAME\n"
"  -o FILE   write tab-separated values there\n";

struct options {
	const char *dir, *sizes, *cipher, *only, *out;
	size_t links, repeat, mib, buf_kib;
	bool skip_warm, skip_cold;
};

struct row {
	struct sample cpu, calls, held;	/* us, number, us; for each file */
	bool refused;
};

struct round {
	const struct options *o;
	off_t size;
	size_t links_len, files;	/* files in a repetition */
	struct links links[3];		/* by carrier */
	int link_err[3];
	int file[LINKS_MAX];
	char *map[LINKS_MAX];
	struct row row[PATHS_MAX];
};

static double null_us;		/* of a system call that does nothing */

static void measure_null(void)
{
	struct sample s = { 0 };
	double t;

	for (int i = 0; i < 21; i++) {
		t = meter_us();
		for (int k = 0; k < 500; k++)
			getppid();
		sample_add(&s, (meter_us() - t) / 500);
	}
	null_us = sample_part(&s, 0.5);
}

/* ---- one answer on each connection ------------------------------------- */

static void start_job(struct job *j)
{
	j->pos = 0;
	j->head = HEAD;
	j->held = j->sent = 0;
	j->ready = j->done = false;
}

static int reap(struct bench *b, const struct path *p)
{
	struct io_uring_cqe *cqe;
	struct job *j;
	unsigned int tag;
	int res, err;

	while (!io_uring_peek_cqe(&b->ring, &cqe)) {
		j = (struct job *)(uintptr_t)(cqe->user_data & ~7ULL);
		tag = cqe->user_data & 7;
		res = cqe->res;
		io_uring_cqe_seen(&b->ring, cqe);
		err = p->step(b, j, tag, res);
		if (err)
			return err;
	}
	return 0;
}

/* In the cold, what is submitted is apart from what is waited for */
static int turn(struct bench *b)
{
	int err = 0;

	if (b->cold && io_uring_sq_ready(&b->ring))
		err = CALL(b, io_uring_submit(&b->ring));
	if (err < 0)
		return err;
	if (io_uring_cq_ready(&b->ring))
		return 0;
	b->calls++;
	err = io_uring_submit_and_wait(&b->ring, 1);
	return err == -EINTR || err > 0 ? 0 : err;
}

static int answer_all(struct bench *b, const struct path *p)
{
	int err = 0;

	b->left = b->jobs;
	for (size_t i = 0; !err && i < b->jobs; i++) {
		start_job(&b->job[i]);
		err = p->step(b, &b->job[i], 0, 0);
	}
	while (!err && b->left) {
		err = turn(b);
		if (!err)
			err = reap(b, p);
	}
	return err;
}

/* ---- a repetition ------------------------------------------------------ */

static int open_ring(struct bench *b)
{
	struct iovec iov[LINKS_MAX];
	const unsigned int best = IORING_SETUP_SINGLE_ISSUER |
				  IORING_SETUP_DEFER_TASKRUN;
	int err = io_uring_queue_init(ENTRIES, &b->ring, best);

	if (err == -EINVAL)
		err = io_uring_queue_init(ENTRIES, &b->ring, 0);
	if (err)
		return err;
	for (size_t i = 0; i < b->jobs; i++)
		iov[i] = (struct iovec){ b->job[i].buf, b->buf_len };
	err = io_uring_register_buffers(&b->ring, iov, (unsigned)b->jobs);
	if (err)
		io_uring_queue_exit(&b->ring);
	return err;
}

static int set_up(struct bench *b, struct round *r, const struct path *p,
		  bool cold)
{
	struct links *l = &r->links[p->carrier];
	struct job *j;
	int flags;

	b->jobs = l->len;
	b->size = r->size;
	b->cold = cold;
	b->buf_len = r->o->buf_kib << 10;
	b->arena = mmap(NULL, b->jobs * b->buf_len, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (b->arena == MAP_FAILED)
		return -errno;
	for (size_t i = 0; i < b->jobs; i++) {
		j = &b->job[i];
		*j = (struct job){ .fd = l->fd[i], .conn = l->conn[i],
				   .file = r->file[i], .index = (int)i,
				   .buf = b->arena + i * b->buf_len,
				   .map = p->maps ? r->map[i] : NULL };
		flags = fcntl(j->fd, F_GETFL);
		fcntl(j->fd, F_SETFL, p->nonblock ? flags | O_NONBLOCK :
						    flags & ~O_NONBLOCK);
		if (pipe2(j->pipe, O_CLOEXEC))
			return -errno;
		fcntl(j->pipe[1], F_SETPIPE_SZ, PIPE_LEN);
		/* where the header is in front of the file */
		memcpy(j->buf, header, HEAD);
	}
	return open_ring(b);
}

static void tear_down(struct bench *b)
{
	io_uring_queue_exit(&b->ring);
	for (size_t i = 0; i < b->jobs; i++) {
		close(b->job[i].pipe[0]);
		close(b->job[i].pipe[1]);
	}
	munmap(b->arena, b->jobs * b->buf_len);
}

static void chill(const struct round *r)
{
	for (size_t i = 0; i < r->links_len; i++)
		posix_fadvise(r->file[i], 0, 0, POSIX_FADV_DONTNEED);
}

static int repeat(struct round *r, size_t i, bool cold)
{
	static struct bench b;
	const struct path *p = &paths[i];
	size_t turns = r->files / r->links_len;
	double t, sum = 0;
	int err = set_up(&b, r, p, cold);

	if (cold)	/* the files are different ones, but few */
		turns = 1;
	b.calls = b.held_ns = 0;
	while (!err && turns--) {
		if (cold)
			chill(r);
		t = meter_us();
		err = answer_all(&b, p);
		sum += meter_us() - t;
	}
	turns = cold ? 1 : r->files / r->links_len;
	tear_down(&b);
	links_drain(&r->links[p->carrier]);
	if (err) {
		fprintf(stderr, "%s: %s\n", p->name, ktls_strerror(err));
		return -1;
	}
	turns *= r->links_len;
	sample_add(&r->row[i].cpu, sum / (double)turns);
	sample_add(&r->row[i].calls, (double)b.calls / (double)turns);
	sample_add(&r->row[i].held, (double)b.held_ns / 1e3);
	return 0;
}

/* ---- the files --------------------------------------------------------- */

static int make_file(const char *dir, off_t size, char **map)
{
	int fd = bench_file(dir, size);

	if (fd >= 0)
		*map = mmap(NULL, (size_t)size, PROT_READ,
			    MAP_SHARED | MAP_POPULATE, fd, 0);
	return fd;
}

static int open_round(struct round *r)
{
	for (size_t i = 0; i < r->links_len; i++) {
		r->file[i] = make_file(r->o->dir, r->size, &r->map[i]);
		if (r->file[i] < 0)
			return -1;
	}
	for (int c = 0; c < 3; c++) {
		r->link_err[c] = links_open(&r->links[c], r->links_len,
					    (enum carrier)c);
		if (r->link_err[c] == -1)
			return -1;
	}
	return 0;
}

static void close_round(struct round *r)
{
	for (int c = 0; c < 3; c++)
		links_close(&r->links[c]);
	for (size_t i = 0; i < r->links_len; i++) {
		if (r->map[i])
			munmap(r->map[i], (size_t)r->size);
		close(r->file[i]);
	}
}

/* A page that is mapped does not leave the cache */
static void unmap(struct round *r)
{
	for (size_t i = 0; i < r->links_len; i++) {
		munmap(r->map[i], (size_t)r->size);
		r->map[i] = NULL;
	}
}

/* ---- what comes of it -------------------------------------------------- */

static void print_row(struct round *r, size_t i, bool cold, FILE *out)
{
	struct row *row = &r->row[i];
	double mib = (double)(r->size + HEAD) / (1 << 20);
	double cpu = sample_part(&row->cpu, 0.5);
	double calls = sample_part(&row->calls, 0.5);
	double net = cpu - calls * null_us;
	double floor = sample_part(&r->row[0].cpu, 0.5);
	double floor_net = floor - sample_part(&r->row[0].calls, 0.5) * null_us;
	double held = sample_part(&row->held, 0.5);

	printf("  %-22s %9.1f %9.1f %6.2f", paths[i].name, cpu, cpu / mib,
	       cpu / floor);
	if (paths[i].carrier == CARRIER_USER)
		net = NAN;	/* the library's calls are not known */
	printf(" %9.1f %6.2f %8.2f", net / mib, net / floor_net, calls);
	if (cold)
		printf(" %9.0f", held);
	putchar('\n');
	if (!out)
		return;
	fprintf(out, "%jd\t%s\t%s\t%zu\t%zu", (intmax_t)r->size,
		cold ? "cold" : "warm", paths[i].name, r->links_len,
		row->cpu.len);
	fprintf(out, "\t%.2f\t%.2f\t%.2f\t%.3f\t%.2f\t%.3f\t%.2f\t%.2f\t%.0f\n",
		cpu, sample_part(&row->cpu, 0.1), sample_part(&row->cpu, 0.9),
		cpu / floor, cpu / mib, net / floor_net, net / mib, calls,
		held);
}

static void print_round(struct round *r, bool cold, FILE *out)
{
	printf("\n%jd KiB, %s page cache, %zu connections: us\n",
	       (intmax_t)r->size >> 10, cold ? "cold" : "warm", r->links_len);
	printf("  %-22s %9s %9s %6s %9s %6s %8s%s\n", "", "per file",
	       "per MiB", "ratio", "less calls", "ratio", "calls",
	       cold ? "   held us" : "");
	for (size_t i = 0; paths[i].name; i++)
		if (r->row[i].cpu.len)
			print_row(r, i, cold, out);
	fflush(stdout);
}

static bool wanted(const struct round *r, size_t i, bool cold)
{
	const char *only = r->o->only;

	return !r->row[i].refused && !r->link_err[paths[i].carrier] &&
	       !(cold && paths[i].hot_only) &&
	       (!i || !only || strstr(paths[i].name, only));
}

static int run_round(struct round *r, bool cold, FILE *out)
{
	memset(r->row, 0, sizeof(r->row));
	for (size_t k = 0; k <= r->o->repeat; k++) {
		for (size_t i = 0; paths[i].name; i++)
			if (wanted(r, i, cold) && repeat(r, i, cold))
				return -1;
		if (!k)		/* the first is to warm up */
			for (size_t i = 0; i < PATHS_MAX; i++)
				r->row[i] = (struct row){ 0 };
	}
	print_round(r, cold, out);
	return 0;
}

static int run_size(const struct options *o, off_t size, FILE *out)
{
	static struct round r;
	int err;

	r = (struct round){ .o = o, .size = size };
	r.links_len = o->links ? o->links : size <= 65536 ? 16 :
		      size <= 1 << 20 ? 4 : 1;
	r.files = (o->mib << 20) / (size_t)size;
	if (r.files > 1024)
		r.files = 1024;
	if (r.files < r.links_len)
		r.files = r.links_len;
	err = open_round(&r);
	if (!err && !o->skip_warm)
		err = run_round(&r, false, out);
	if (!err && !o->skip_cold) {
		unmap(&r);
		err = run_round(&r, true, out);
	}
	close_round(&r);
	return err;
}

/* ---- the command line -------------------------------------------------- */

static int parse(struct options *o, int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "d:s:n:r:m:b:C:cwp:o:h")) != -1) {
		switch (opt) {
		case 'd': o->dir = optarg; break;
		case 's': o->sizes = optarg; break;
		case 'n': o->links = strtoul(optarg, NULL, 10); break;
		case 'r': o->repeat = strtoul(optarg, NULL, 10); break;
		case 'm': o->mib = strtoul(optarg, NULL, 10); break;
		case 'b': o->buf_kib = strtoul(optarg, NULL, 10); break;
		case 'C': o->cipher = optarg; break;
		case 'c': o->skip_warm = true; break;
		case 'w': o->skip_cold = true; break;
		case 'p': o->only = optarg; break;
		case 'o': o->out = optarg; break;
		default: return -1;
		}
	}
	return optind == argc && o->repeat && o->repeat < SAMPLES_MAX &&
	       o->links <= LINKS_MAX && o->mib && o->buf_kib ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct options o = {
		.dir = ".", .sizes = "1,16,256,1024,65536", .repeat = 11,
		.mib = 16, .buf_kib = 128, .cipher = "TLS_AES_128_GCM_SHA256",
	};
	const char *s;
	FILE *out = NULL;
	char *end;
	int err;

	if (parse(&o, argc, argv)) {
		fputs(help, stderr);
		return 2;
	}
	if (meter_init() || links_init(o.cipher))
		return 1;
	if (o.out && !(out = fopen(o.out, "w"))) {
		perror(o.out);
		return 1;
	}
	if (out)
		fprintf(out, "size\tcache\tway\tconnections\trepetitions\t"
			"cpu_us\tcpu_us_p10\tcpu_us_p90\tratio\t"
			"cpu_us_per_mib\tratio_less_calls\t"
			"cpu_us_per_mib_less_calls\tcalls\theld_us\n");
	memset(header, 'h', sizeof(header));
	measure_null();
	printf("%s; %s; a system call costs %.2f us\n", o.cipher,
	       meter_name(), null_us);
	err = print_refusals();
	for (s = o.sizes; !err && *s; s = *end ? end + 1 : end) {
		err = run_size(&o, (off_t)strtoul(s, &end, 10) << 10, out);
		if (end == s)
			break;
	}
	if (out)
		fclose(out);
	links_exit();
	return err ? 1 : 0;
}
