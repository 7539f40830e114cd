/* SPDX-License-Identifier: MIT */
/* A directory as a page of HTML. */
#ifndef TOOLS_LISTING_H
#define TOOLS_LISTING_H

#include <stddef.h>

#include "text.h"

/* Nothing is fetched, run, embedded or sent by such a page */
#define LISTING_POLICY	"default-src 'none'; base-uri 'none'; " \
			"form-action 'none'; frame-ancestors 'none'"

/*
 * Write the page for the directory @name below @root to @page: what a client
 * may get of it, but for names that begin with a dot.  The first thousands of
 * entries, if there are more.  0, or a status of HTTP; 503 also when the
 * pages that are being sent take too much memory, where this one counts until
 * listing_release(@page's length).
 */
int listing_write(struct text *page, int root, const char *name);
void listing_release(size_t len);

#endif
