/* SPDX-License-Identifier: MIT */
/* Who is at the other end of a Unix socket, and how often. */
#ifndef TOOLS_AGENT_USER_H
#define TOOLS_AGENT_USER_H

#include <stdatomic.h>

#include "agent_cred.h"
#include "list.h"

/* A user who has clients, which are counted: nobody is to have all places */
struct owner {
	struct list list;
	uid_t uid;
	unsigned int clients, jobs;
	/* descriptors of his that are not closed yet: see fd_close() */
	atomic_uint closing;
	/* in this second: lines of the log about what failed, configs made */
	int64_t second;
	unsigned int lines, made;
	unsigned int left_out;	/* lines, since the last one */
};

/* Who connected to @fd, as the kernel knows it: 0 or -errno */
int user_of(int fd, struct user *user);

/*
 * 0 and *@owner, with one client more; -EBUSY: there are @max, or so much is
 * left to close; or -ENOMEM
 */
int owner_enter(struct list *owners, int64_t now, uid_t uid, unsigned int max,
		struct owner **owner);
/* One less */
void owner_leave(struct owner *owner);
/* Those who have nothing here any more; @now is net_clock() */
void owners_sweep(struct list *owners, int64_t now);
/* May a failure be logged? Not more often than somebody would read it. */
bool owner_may_log(struct owner *owner, int64_t now);
/* ... another config be made, which may take as long as many handshakes? */
bool owner_may_make(struct owner *owner, int64_t now);

#endif
