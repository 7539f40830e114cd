/* SPDX-License-Identifier: MIT */
/* What 'ktls serve' serves: a directory, and in which ways. */
#ifndef TOOLS_SITE_H
#define TOOLS_SITE_H

#include <stdbool.h>

#include "filecache.h"

struct site {
	int root;		/* the directory */
	struct filecache_limits cache;	/* of each server */
	bool precompressed;	/* FILE.br for FILE, and so on */
	bool list;		/* a directory without an index.html */
};

/* Values of getopt_long(), apart from all others */
enum {
	OPT_PRECOMPRESSED = 512,
	OPT_LIST,
	OPT_FILE_CACHE,
};

#define SITE_LONG_OPTIONS						\
	{ "precompressed", no_argument, NULL, OPT_PRECOMPRESSED },	\
	{ "list", no_argument, NULL, OPT_LIST },			\
	{ "file-cache", required_argument, NULL, OPT_FILE_CACHE }

#define SITE_HELP							\
	"  --precompressed        send FILE.br, FILE.zst or FILE.gz in\n" \
	"                         place of FILE to whoever takes it, if it\n" \
	"                         is there and not older\n"		\
	"  --list                 list directories without an index.html\n" \
	"  --file-cache S         seconds for which what was found is good,\n" \
	"                         so that a changed file is seen after that\n" \
	"                         at the latest (1); 0: look each time\n"

/* As if none of them were given */
void site_init(struct site *site);
/* Take an option: 1 if it was one of the above, 0 if not, -1: a complaint */
int site_option(struct site *site, int opt, const char *arg);
/* Share what the process has, and @fds of it, among @threads servers */
void site_share(struct site *site, unsigned int threads,
		unsigned long long fds);

#endif
