/* SPDX-License-Identifier: MIT */
/* The Unix socket on which 'ktls agent' listens. */
#ifndef TOOLS_AGENT_LISTEN_H
#define TOOLS_AGENT_LISTEN_H

#include <stdbool.h>

/*
 * That which was passed to this process (sd_listen_fds(3)), or else at *@path,
 * in place of one on which nobody listens: then it is *@ours to remove.  -1
 * after a complaint.
 */
int agent_listen(const char **path, bool *ours);

#endif
