/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_UPCALL_MAIN_H
#define TOOLS_UPCALL_MAIN_H

#include "agent.h"

/*
 * 'ktls agent --kernel': serve the kernel alone, in a process of its own, as it
 * needs a right that whoever serves users must not have.  The exit status.
 */
int upcall_main(const struct agent *agent);

#endif
