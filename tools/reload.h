/* SPDX-License-Identifier: MIT */
/* The config of 'ktls serve', made again from files that may have changed. */
#ifndef TOOLS_RELOAD_H
#define TOOLS_RELOAD_H

#include "options.h"

/*
 * Make *@config from @tls, and take up the keys of tickets: those in the file
 * @ticket_keys, if it is not NULL, else those of @old, if that is not, so that
 * sessions of before go on.  0, or -1 after a complaint, and *@config is as it
 * was.
 */
int reload(struct ktls_config **config, struct ktls_config *old,
	   const struct tls_options *tls, const char *ticket_keys);

#endif
