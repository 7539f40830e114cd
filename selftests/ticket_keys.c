// SPDX-License-Identifier: GPL-2.0-only
/* ticket_keys: the keys of a server's tickets, new ones, to stdout */
#include <stdio.h>

#include "../lib/include/ktls.h"

int main(void)
{
	const struct ktls_cred cred = {
		.cert_file = TEST_PKI "/p256.pem",
		.key_file = TEST_PKI "/p256.key",
	};
	uint8_t keys[KTLS_TICKET_KEYS_SIZE];
	struct ktls_config *config;
	int err = ktls_config_new(&config, KTLS_OPTS(
		.role = KTLS_SERVER,
		.creds = &cred,
		.creds_len = 1));

	if (!err)
		err = ktls_ticket_keys_export(config, keys);
	if (err) {
		fprintf(stderr, "ticket_keys: %s\n", ktls_strerror(err));
		return 1;
	}
	ktls_config_put(config);
	return fwrite(keys, sizeof(keys), 1, stdout) == 1 ? 0 : 1;
}
