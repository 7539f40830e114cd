// SPDX-License-Identifier: MIT
#include "keylog.h"

#include <stdio.h>

#include "msg.h"

void keylog_write(const struct ktls_config *cfg, const char *label,
		  const uint8_t *client_random, const struct secret *secret)
{
	char line[64 + 1 + 2 * RANDOM_LEN + 1 + 2 * HASH_MAX + 1];
	int n;

	if (!cfg->hooks.keylog)
		return;
	n = snprintf(line, sizeof(line), "%s ", label);
	for (size_t i = 0; i < RANDOM_LEN; i++, n += 2)
		snprintf(line + n, 3, "%02x", client_random[i]);
	line[n++] = ' ';
	for (size_t i = 0; i < secret->len; i++, n += 2)
		snprintf(line + n, 3, "%02x", secret->b[i]);
	cfg->hooks.keylog(cfg->arg, line);
	wipe(line, sizeof(line));
}

void keylog_write_traffic(const struct ktls_config *cfg, enum ktls_role sender,
			  uint32_t n, const uint8_t *client_random,
			  const struct secret *secret)
{
	char label[64];

	snprintf(label, sizeof(label), "%s_TRAFFIC_SECRET_%u",
		 sender == KTLS_SERVER ? "SERVER" : "CLIENT", n);
	keylog_write(cfg, label, client_random, secret);
}
