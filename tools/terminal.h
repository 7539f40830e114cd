/* SPDX-License-Identifier: MIT */
/* This process' own stdin and stdout as what is behind a connection. */
#ifndef TOOLS_TERMINAL_H
#define TOOLS_TERMINAL_H

#include "inside.h"
#include "plumb.h"

struct terminal {
	struct inside inside;
	struct plumb in, out;
};

/*
 * Of static storage: a thread goes on with it.  @keep_open: the end of stdin is
 * not passed on.  0, or -1 after a complaint.
 */
int terminal_start(struct terminal *t, bool keep_open);
/*
 * When nothing more comes: 0 once all is written, or -1 after a complaint, also
 * of stdin if that was @broken (see struct relay)
 */
int terminal_finish(struct terminal *t, bool broken);

#endif
