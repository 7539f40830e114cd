/* SPDX-License-Identifier: MIT */
/* One request and its answer, over a connection of its own. */
#ifndef TOOLS_FETCH_H
#define TOOLS_FETCH_H

#include <ktls.h>

#include "output.h"
#include "url.h"

struct fetch {
	struct ktls_config *config;
	const struct net_host *connect_to;	/* NULL: where the URL says */
	const char *range;			/* "0-99", or NULL */
	int timeout;				/* ms */
	bool verbose;
	struct output *output;
	/* the answer */
	int status;
	char location[URL_MAX];			/* "" if it has none */
};

/*
 * Get @url, and write its body to the output if the answer is a 2xx.  Returns
 * a STATUS_*, after a complaint unless it is STATUS_OK; whatever @f->status
 * says is STATUS_OK here.
 */
int fetch(struct fetch *f, const struct url *url);

#endif
