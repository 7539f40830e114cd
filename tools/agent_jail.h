/* SPDX-License-Identifier: MIT */
/* What the process that has the keys of 'ktls agent' gives up. */
#ifndef TOOLS_AGENT_JAIL_H
#define TOOLS_AGENT_JAIL_H

#include "agent.h"

/* No memory dumped, none read by a debugger: 0, or -1 after a complaint */
int jail_hide(void);
/*
 * Become whom @agent says, for good, and leave nothing but work on the
 * descriptors that are there: no file is opened, no program run, no process
 * looked into.  Who serves the kernel goes on to read files, and keys of the
 * kernel's, and of root's rights keeps CAP_NET_ADMIN.  0, or -1 after a
 * complaint.
 */
int jail_enter(const struct agent *agent);

#endif
