/* SPDX-License-Identifier: MIT */
/* Who is at the other end of a Unix socket, and how often. */
#ifndef TOOLS_AGENT_USER_H
#define TOOLS_AGENT_USER_H

#include "agent_cred.h"
#include "list.h"

/* A user who has clients, which are counted: nobody is to have all places */
struct owner {
	struct list list;
	uid_t uid;
	unsigned int clients, jobs;
};

/* Who connected to @fd, as the kernel knows it: 0 or -errno */
int user_of(int fd, struct user *user);

/* 0 and *@owner, with one client more; -EBUSY: @max there are; or -ENOMEM */
int owner_enter(struct list *owners, uid_t uid, unsigned int max,
		struct owner **owner);
/* One less; frees it after the last */
void owner_leave(struct owner *owner);

#endif
