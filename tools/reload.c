// SPDX-License-Identifier: MIT
#include "reload.h"

#include <string.h>

#include "log.h"

static int keep_keys(struct ktls_config *config, struct ktls_config *old)
{
	uint8_t keys[KTLS_TICKET_KEYS_SIZE];
	int err = ktls_ticket_keys_export(old, keys);

	if (err == -KTLS_E_STATE)
		return 0;	/* there are none */
	if (!err)
		err = ktls_ticket_keys_import(config, keys);
	explicit_bzero(keys, sizeof(keys));
	if (err)
		complain("ticket keys: %s", ktls_strerror(err));
	return err;
}

int reload(struct ktls_config **config, struct ktls_config *old,
	   struct tls_options *tls, struct ticket_file *keys)
{
	struct ktls_config *fresh;
	int err = 0;

	if (keys && !keys->name)
		keys = NULL;
	if (keys && ticket_file_look(keys, &tls->ticket_period))
		return -1;
	if (tls_config(&fresh, KTLS_SERVER, tls))
		return -1;
	if (keys)
		err = ticket_file_take(keys, fresh);
	else if (old)
		err = keep_keys(fresh, old);
	if (err) {
		ktls_config_put(fresh);
		return -1;
	}
	*config = fresh;
	return 0;
}
