/* SPDX-License-Identifier: MIT */
/* What a request of the kernel's is negotiated with. */
#ifndef TOOLS_UPCALL_CONFIG_H
#define TOOLS_UPCALL_CONFIG_H

#include <ktls.h>

#include "keyring.h"
#include "upcall_nl.h"

struct upcall_configs;

/*
 * @path as of tlshd_conf_read(); @hooks are those of every config made, but
 * for pre-shared keys.  NULL after a complaint.
 */
struct upcall_configs *upcall_configs_new(const char *path,
					  const struct ktls_hooks *hooks);
void upcall_configs_free(struct upcall_configs *configs);	/* NULL is fine */

/*
 * The config for @r, with a reference: made of files once, and again when one
 * of them has changed; made of keys each time.  Of pre-shared keys, @psks are
 * those of the config, wiped, to be freed.  0, or a positive errno after a line
 * of the log.
 */
int upcall_configs_get(struct upcall_configs *configs,
		       const struct upcall_request *r,
		       struct ktls_config **config, struct keyring_psks *psks);

/*
 * The serial of the key that the peer turned out to have, by the subject of its
 * info; 0: it is not one of @psks, or cannot be told from another.
 */
int32_t upcall_psk_serial(const struct keyring_psks *psks,
			  const char *subject);

#endif
