/* SPDX-License-Identifier: MIT */
/* What a connection has negotiated and what ended it, in words. */
#ifndef TOOLS_NEGOTIATED_H
#define TOOLS_NEGOTIATED_H

#include <stddef.h>

#include <ktls.h>

struct text;

/* "TLSv1.3", as programs are used to read it */
const char *protocol_name(uint16_t version);

/* For a line of a log: " version=... suite=... tx=kernel rx=\"user: ...\"" */
void text_negotiated(struct text *t, const struct ktls_info *info);

/* For the person at the terminal, on stderr: lines that begin with "* " */
void tell_negotiated(struct ktls_conn *conn);

/* @err, -errno or -KTLS_E_*, with the alert's name if it was one; @buf */
const char *failure_text(const struct ktls_conn *conn, int err, char *buf,
			 size_t size);
/* ... on stderr, after @what failed */
void complain_tls(const struct ktls_conn *conn, const char *what, int err);

#endif
