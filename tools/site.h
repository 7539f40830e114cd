/* SPDX-License-Identifier: MIT */
/* What 'ktls serve' serves: a directory, and in which ways. */
#ifndef TOOLS_SITE_H
#define TOOLS_SITE_H

#include <stdbool.h>

struct site {
	int root;		/* the directory */
	bool precompressed;	/* FILE.br for FILE, and so on */
	bool list;		/* a directory without an index.html */
};

/* Values of getopt_long(), apart from all others */
enum {
	OPT_PRECOMPRESSED = 512,
	OPT_LIST,
};

#define SITE_LONG_OPTIONS						\
	{ "precompressed", no_argument, NULL, OPT_PRECOMPRESSED },	\
	{ "list", no_argument, NULL, OPT_LIST }

#define SITE_HELP							\
	"  --precompressed        send FILE.br, FILE.zst or FILE.gz in\n" \
	"                         place of FILE to whoever takes it, if it\n" \
	"                         is there and not older\n"		\
	"  --list                 list directories without an index.html\n"

/* Take an option: was it one of the above? */
static inline bool site_option(struct site *site, int opt)
{
	site->precompressed |= opt == OPT_PRECOMPRESSED;
	site->list |= opt == OPT_LIST;
	return opt == OPT_PRECOMPRESSED || opt == OPT_LIST;
}

#endif
