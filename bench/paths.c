// SPDX-License-Identifier: MIT
#include "paths.h"

#include <time.h>

char header[HEAD];

const struct path paths[] = {
	{ "plain-sendfile", CARRIER_NONE, true, false, false, step_sendfile },
	{ "plain-splice", CARRIER_NONE, false, false, false, step_splice },
	{ "plain-send-map", CARRIER_NONE, false, false, false, step_map },
	{ "plain-linked", CARRIER_NONE, false, false, false, step_linked },
	{ "plain-sendfile-read", CARRIER_NONE, true, false, false,
		step_sendfile_read },
	{ "plain-sendfile-probe", CARRIER_NONE, true, false, false,
		step_sendfile_probe },
	{ "plain-sendfile-ahead", CARRIER_NONE, true, false, false,
		step_sendfile_ahead },
	{ "sendfile", CARRIER_KERNEL, true, false, false, step_sendfile },
	{ "sendfile-slice", CARRIER_KERNEL, true, false, false,
		step_sendfile_slice },
	{ "sendfile-read", CARRIER_KERNEL, true, false, false,
		step_sendfile_read },
	{ "sendfile-probe", CARRIER_KERNEL, true, false, false,
		step_sendfile_probe },
	{ "sendfile-ahead", CARRIER_KERNEL, true, false, false,
		step_sendfile_ahead },
	{ "pread-send", CARRIER_KERNEL, true, false, false, step_pread },
	{ "splice", CARRIER_KERNEL, false, false, false, step_splice },
	{ "send-map", CARRIER_KERNEL, false, false, false, step_map },
	{ "send-map-kept", CARRIER_KERNEL, false, true, true, step_map_kept },
	{ "read,send", CARRIER_KERNEL, false, false, false, step_read },
	{ "read->send", CARRIER_KERNEL, false, false, false, step_linked },
	{ "fixed read->write", CARRIER_KERNEL, false, false, false,
		step_fixed },
	{ "user", CARRIER_USER, false, false, false, step_user },
	{ 0 },
};

struct io_uring_sqe *job_sqe(struct bench *b)
{
	return io_uring_get_sqe(&b->ring);	/* there is room for all jobs */
}

void job_tag(struct io_uring_sqe *sqe, struct job *j, unsigned int tag)
{
	io_uring_sqe_set_data64(sqe, (uintptr_t)j | tag);
}

int job_done(struct bench *b, struct job *j)
{
	j->done = true;
	b->left--;
	return 0;
}

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The clock may cost more than the call: only where waiting is in question */
uint64_t hold_begin(struct bench *b)
{
	b->calls++;
	return b->cold ? clock_ns() : 0;
}

void hold_end(struct bench *b, uint64_t since)
{
	if (b->cold && clock_ns() - since > b->held_ns)
		b->held_ns = clock_ns() - since;
}
