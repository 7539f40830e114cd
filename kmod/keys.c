// SPDX-License-Identifier: GPL-2.0-only
#include <linux/err.h>

#include "keys.h"

int kc_key_get(struct key **key, key_serial_t serial)
{
	struct key *found;
	int err;

	/* negative ones mean a keyring of the caller: not the agent's */
	if (serial <= 0)
		return -EINVAL;
	found = key_lookup(serial);
	if (IS_ERR(found))
		return PTR_ERR(found);
	err = key_validate(found);
	if (err) {
		key_put(found);
		return err;
	}
	*key = found;
	return 0;
}

void kc_keys_put(struct kc_keys *keys)
{
	unsigned int i;

	key_put(keys->cert);
	key_put(keys->privkey);
	key_put(keys->keyring);
	for (i = 0; i < keys->num_psks; i++)
		key_put(keys->psk[i]);
}
