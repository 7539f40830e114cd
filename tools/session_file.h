/* SPDX-License-Identifier: MIT */
/* A session in a file, to be resumed by another process */
#ifndef TOOLS_SESSION_FILE_H
#define TOOLS_SESSION_FILE_H

#include <ktls.h>

/*
 * Offer what is in @file, if that is there and of use, and remove it: what is
 * good for one use must not be found by another process.  -1 after a complaint
 */
int session_take(struct ktls_config *config, const char *file);
/*
 * Put the session that @server would be offered next into @file, which only its
 * owner may read and which is replaced as a whole; if there is none it stays as
 * it is.
 */
int session_save(struct ktls_config *config, const char *server,
		 const char *file);

#endif
