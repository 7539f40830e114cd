/* SPDX-License-Identifier: MIT */
/* The door of 'ktls agent' for processes: the Unix socket of ktls_agent.h. */
#ifndef TOOLS_AGENT_DOOR_H
#define TOOLS_AGENT_DOOR_H

#include <stdatomic.h>

#include "agent.h"
#include "agent_conf.h"
#include "agent_loop.h"
#include "agent_tls.h"

struct door {
	struct watch watch;		/* who comes */
	struct alarm alarm;		/* the end of patience with those left */
	struct alarm pause;		/* of accepting */
	struct loop *loop;
	const struct agent *agent;
	const struct agent_conf *conf;
	struct tls_cache cache;
	struct list clients;		/* who spoke last at the end */
	struct list owners;		/* users who have clients */
	unsigned int clients_len, jobs_len;
	atomic_uint closing;		/* of those who were turned away */
	bool open, ending;
};

/* 0 or -errno */
int door_open(struct door *door, struct loop *loop, const struct agent *agent,
	      const struct agent_conf *conf);
/* Nobody comes any more; those that have may stay for a handshake's time */
void door_shut(struct door *door);
/* ... and only those stay whose handshake is going on */
void door_end(struct door *door);
bool door_empty(const struct door *door);
void door_free(struct door *door);

#endif
