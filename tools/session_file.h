/* SPDX-License-Identifier: MIT */
/* A session in a file, to be resumed by another process */
#ifndef TOOLS_SESSION_FILE_H
#define TOOLS_SESSION_FILE_H

#include <ktls.h>

/* Offer what is in @file, if that is there and of use.  -1 after a complaint */
int session_load(struct ktls_config *config, const char *file);
/*
 * Keep the session of @server in @file, which only its owner may read and
 * which is replaced as a whole; without a session it stays as it is.
 */
int session_save(struct ktls_config *config, const char *server,
		 const char *file);

#endif
