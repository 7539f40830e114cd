// SPDX-License-Identifier: MIT
#include "reload.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

static int read_keys(const char *file, uint8_t keys[KTLS_TICKET_KEYS_SIZE])
{
	uint8_t more[KTLS_TICKET_KEYS_SIZE + 1];
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t n = fd >= 0 ? read(fd, more, sizeof(more)) : -1;
	int err = n < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	if (!err && n != KTLS_TICKET_KEYS_SIZE)
		err = -KTLS_E_TICKET_KEYS;
	if (!err)
		memcpy(keys, more, KTLS_TICKET_KEYS_SIZE);
	explicit_bzero(more, sizeof(more));
	return err;
}

static int take_keys(struct ktls_config *config, struct ktls_config *old,
		     const char *file)
{
	uint8_t keys[KTLS_TICKET_KEYS_SIZE];
	int err;

	if (!file && !old)
		return 0;
	err = file ? read_keys(file, keys) : ktls_ticket_keys_export(old, keys);
	if (err == -KTLS_E_STATE)
		return 0;	/* there are none */
	if (!err)
		err = ktls_ticket_keys_import(config, keys);
	explicit_bzero(keys, sizeof(keys));
	if (err)
		complain("ticket keys%s%s: %s", file ? " of " : "",
			 file ? file : "", ktls_strerror(err));
	return err;
}

int reload(struct ktls_config **config, struct ktls_config *old,
	   const struct tls_options *tls, const char *ticket_keys)
{
	struct ktls_config *fresh;

	if (tls_config(&fresh, KTLS_SERVER, tls))
		return -1;
	if (take_keys(fresh, old, ticket_keys)) {
		ktls_config_put(fresh);
		return -1;
	}
	*config = fresh;
	return 0;
}
