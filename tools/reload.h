/* SPDX-License-Identifier: MIT */
/* The config of a server, made again from files that may have changed. */
#ifndef TOOLS_RELOAD_H
#define TOOLS_RELOAD_H

#include "options.h"
#include "ticket_file.h"

/*
 * Make *@config from @tls, and take up the keys of tickets: those in the file
 * @keys, if it has a name, else those of @old, so that sessions of before go on.
 * Both may be NULL.  0, or -1 after a complaint, and *@config is as it was.
 */
int reload(struct ktls_config **config, struct ktls_config *old,
	   struct tls_options *tls, struct ticket_file *keys);

#endif
