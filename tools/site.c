// SPDX-License-Identifier: MIT
#include "site.h"

#include <string.h>

#include "options.h"

/* Of the cache: the descriptors of a server, and the memory of all, or of one */
#define CACHE_FDS	256
#define CACHE_BYTES	(64u << 20)
#define CACHE_BYTES_MIN	(2u << 20)

void site_init(struct site *site)
{
	*site = (struct site){ .root = -1, .cache.valid_ms = 1000 };
}

int site_option(struct site *site, int opt, const char *arg)
{
	switch (opt) {
	case OPT_PRECOMPRESSED:
		site->precompressed = true;
		return 1;
	case OPT_LIST:
		site->list = true;
		return 1;
	case OPT_FILE_CACHE:
		site->cache.valid_ms = 0;
		return !strcmp(arg, "0") ||
		       parse_seconds("--file-cache", arg,
				     &site->cache.valid_ms) ? 1 : -1;
	default:
		return 0;
	}
}

void site_share(struct site *site, unsigned int threads,
		unsigned long long fds)
{
	unsigned long long each = site->cache.valid_ms ? fds / threads : 0;
	size_t bytes = CACHE_BYTES / threads;

	site->cache.fds = each < CACHE_FDS ? (unsigned int)each : CACHE_FDS;
	site->cache.bytes = bytes < CACHE_BYTES_MIN ? CACHE_BYTES_MIN : bytes;
}
