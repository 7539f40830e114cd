/* SPDX-License-Identifier: MIT */
/* The kernel's keyrings (keyrings(7)), as far as its handshakes need them. */
#ifndef TOOLS_KEYRING_H
#define TOOLS_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYRING_PSKS_MAX	1024
#define KEYRING_PSK_MAX		48	/* bytes, as struct ktls_psk has it */

struct keyring_psk {
	int32_t serial;
	char *identity;
	uint8_t key[KEYRING_PSK_MAX];
	size_t len;
};

struct keyring_psks {
	struct keyring_psk *psks;
	size_t len;
};

/*
 * A session keyring of this process' own, to which keyring_link() links, so
 * that nothing of a login's is used, nor left there.  0 or -errno.
 */
int keyring_start(void);

/*
 * Link the keyring @name to it: one of this user's, by its name or, in digits,
 * its serial.  0, -ENOKEY where there is none, -errno.
 */
int keyring_link(const char *name);

/*
 * Empty the process' keyring, to which the kernel links that of a request: what
 * one was given is not the next one's.
 */
void keyring_forget(void);

/* What the key holds, to be given back to keyring_free(), or -errno */
int keyring_read(int32_t serial, void **data, size_t *len);
void keyring_free(void *data, size_t len);	/* wipes; NULL is fine */

/*
 * Add to @list the pre-shared key @serial, or those in the keyring @serial and
 * in the keyrings that are in there: keys of the type "psk" that can be read
 * and are of a size that TLS 1.3 takes here.  False when memory ran out.
 */
bool keyring_psks(struct keyring_psks *list, int32_t serial);
/* ... in the process' keyring, and in the session's */
bool keyring_own_psks(struct keyring_psks *list);
void keyring_psks_free(struct keyring_psks *list);

/*
 * Keep a peer's certificate for a day, or as long as this process is there, as
 * a key "TLS x509 @name", whose serial tells who it is: that, or -errno.
 */
int32_t keyring_keep_peer(const char *name, const void *der, size_t len);

#endif
