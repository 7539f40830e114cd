/* SPDX-License-Identifier: MIT */
/*
 * The kernel's door of 'ktls agent': handshakes for those who do TLS in the
 * kernel (NFS, NVMe), as tlshd(8) does them.
 */
#ifndef TOOLS_UPCALL_H
#define TOOLS_UPCALL_H

#include <stdbool.h>

#include "agent.h"
#include "agent_loop.h"

struct upcall;

/*
 * Begin to serve, as @agent says, which has to last: NULL after a complaint.
 * Needs CAP_NET_ADMIN, then and later.
 */
struct upcall *upcall_start(struct loop *loop, const struct agent *agent);
/* Read the configuration again; false after a complaint, and all is as before */
bool upcall_reload(struct upcall *u);
/* Tell the kernel that those handshakes which go on have failed; NULL is fine */
void upcall_stop(struct upcall *u);

#endif
