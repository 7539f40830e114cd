/* SPDX-License-Identifier: MIT */
/*
 * SSLKEYLOGFILE: secrets of each connection for Wireshark, appended to the
 * file that the environment names.
 */
#ifndef TOOLS_KEYLOG_H
#define TOOLS_KEYLOG_H

#include <ktls.h>

/*
 * The hooks to configure with; NULL when nothing is to be logged.  -errno and
 * a complaint when the file cannot be had.
 */
int keylog_open(const struct ktls_hooks **hooks);

#endif
