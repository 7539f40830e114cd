/* SPDX-License-Identifier: MIT */
/* What a peer is called */
#ifndef KTLS_NAME_H
#define KTLS_NAME_H

#include <stdbool.h>

#include "wire.h"

#define NAME_MAX_LEN	255	/* and a zero: char[256] */

/*
 * A host name in its one form: ASCII letters in lower case, digits, '-', '_'
 * and single dots; no dot at the end (RFC 6066 3).  False, and @out empty, for
 * anything else.
 */
bool host_name(struct slice name, char out[NAME_MAX_LEN + 1]);

/* What a program calls a server; @out as host_name(), or the address as is */
enum name_kind { NAME_BAD, NAME_HOST, NAME_ADDRESS };
enum name_kind name_take(const char *name, char out[NAME_MAX_LEN + 1]);

/* The bytes of an IP address in text: 4, 16, or 0 if it is none */
size_t name_address(const char *name, uint8_t ip[16]);

#endif /* KTLS_NAME_H */
