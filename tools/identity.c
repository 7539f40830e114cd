// SPDX-License-Identifier: MIT
#include "identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "log.h"

int identity_find(struct identity *id, const char *name)
{
	const struct passwd *pw = getpwnam(name);

	if (!pw) {
		complain("--user %s: there is none", name);
		return -1;
	}
	if (geteuid()) {
		complain("--user %s: only root can become somebody else", name);
		return -1;
	}
	*id = (struct identity){ name, pw->pw_uid, pw->pw_gid };
	return 0;
}

int identity_hide(bool hide)
{
	if (!prctl(PR_SET_DUMPABLE, !hide))
		return 0;
	complain("cannot hide keys: %s", strerror(errno));
	return -1;
}

int identity_take(const struct identity *id)
{
	if (!id->name)
		return 0;
	if (!initgroups(id->name, id->gid) &&
	    !setresgid(id->gid, id->gid, id->gid) &&
	    !setresuid(id->uid, id->uid, id->uid))
		/* a change of user may have undone it */
		return identity_hide(true);
	complain("--user %s: %s", id->name, strerror(errno));
	return -1;
}
