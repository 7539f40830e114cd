// SPDX-License-Identifier: MIT
#include "agent_user.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "agent_fd.h"
#include "log.h"

/* Of one user, in a second */
#define LINES_MAX	10
#define LEFT_OUT_MEMORY	60	/* s, for lines that nobody has been told of */
#define MADE_MAX	8

/* The further groups; where there are too many of them there is the first */
static void take_groups(int fd, struct user *user)
{
	socklen_t len = sizeof(user->gids) - sizeof(gid_t);

	if (!getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, user->gids + 1, &len))
		user->gids_len += len / sizeof(gid_t);
}

int user_of(int fd, struct user *user)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return -errno;
	user->uid = cred.uid;
	user->gids[0] = cred.gid;
	user->gids_len = 1;
	take_groups(fd, user);
	return 0;
}

static struct owner *find(struct list *owners, uid_t uid)
{
	for (struct list *l = owners->next; l != owners; l = l->next) {
		struct owner *o = list_entry(l, struct owner, list);

		if (o->uid == uid)
			return o;
	}
	return NULL;
}

int owner_enter(struct list *owners, int64_t now, uid_t uid, unsigned int max,
		struct owner **owner)
{
	struct owner *o;

	owners_sweep(owners, now);
	o = find(owners, uid);
	if (o && (o->clients >= max || fd_is_clogged(&o->closing)))
		return -EBUSY;
	if (!o) {
		o = calloc(1, sizeof(*o));
		if (!o)
			return -ENOMEM;
		o->uid = uid;
		list_init(&o->list);
		list_move_tail(&o->list, owners);
	}
	o->clients++;
	*owner = o;
	return 0;
}

void owner_leave(struct owner *owner)
{
	owner->clients--;
}

/* Seconds for which there is something to be remembered of who has gone */
static int64_t memory(const struct owner *o)
{
	if (o->left_out)
		return LEFT_OUT_MEMORY;
	return o->lines || o->made ? 1 : 0;
}

void owners_sweep(struct list *owners, int64_t now)
{
	struct list *l, *next;

	for (l = owners->next; l != owners; l = next) {
		struct owner *o = list_entry(l, struct owner, list);

		next = l->next;
		if (o->clients || atomic_load(&o->closing) ||
		    now / 1000 - o->second < memory(o))
			continue;
		if (o->left_out)
			log_line("uid=%u left_out=%u", o->uid, o->left_out);
		list_del(&o->list);
		free(o);
	}
}

static void tick(struct owner *owner, int64_t now)
{
	if (owner->second == now / 1000)
		return;
	owner->second = now / 1000;
	owner->lines = owner->made = 0;
}

bool owner_may_log(struct owner *owner, int64_t now)
{
	tick(owner, now);
	if (owner->lines == LINES_MAX) {
		owner->left_out++;
		return false;
	}
	owner->lines++;
	return true;
}

bool owner_may_make(struct owner *owner, int64_t now)
{
	tick(owner, now);
	if (owner->made == MADE_MAX)
		return false;
	owner->made++;
	return true;
}
