/* SPDX-License-Identifier: MIT */
/* The SSLKEYLOGFILE format (RFC 9850), where the hook for it is set */
#ifndef KTLS_KEYLOG_H
#define KTLS_KEYLOG_H

#include "config.h"
#include "sched13.h"

/* A line: @label, the connection's client_random, @secret */
void keylog_write(const struct ktls_config *cfg, const char *label,
		  const uint8_t *client_random, const struct secret *secret);
/* That of traffic keys after @n KeyUpdates of @sender's */
void keylog_write_traffic(const struct ktls_config *cfg, enum ktls_role sender,
			  uint32_t n, const uint8_t *client_random,
			  const struct secret *secret);

#endif /* KTLS_KEYLOG_H */
