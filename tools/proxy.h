/* SPDX-License-Identifier: MIT */
/* The PROXY protocol, version 2: what a server behind us is told of a client. */
#ifndef TOOLS_PROXY_H
#define TOOLS_PROXY_H

#include <ktls.h>

/*
 * The first thing to send to it, on a socket that nothing has been sent on;
 * 0, or -errno
 */
int proxy_announce(int fd, struct ktls_conn *conn);

#endif
