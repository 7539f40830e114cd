/* SPDX-License-Identifier: MIT */
/*
 * Keys into the kernel: how a traffic secret becomes a crypto_info (pure), and
 * the socket options that take it.
 */
#ifndef KTLS_OFFLOAD_H
#define KTLS_OFFLOAD_H

#include <linux/tls.h>

#include "include/ktls.h"
#include "sched13.h"
#include "suite.h"

/* newer than many headers, or in none but the kernel's own */
#ifndef SOL_TLS
#define SOL_TLS	282
#endif
#ifndef TCP_ULP
#define TCP_ULP	31
#endif
#ifndef TLS_RX_EXPECT_NO_PAD
#define TLS_RX_EXPECT_NO_PAD	4
#endif
#ifndef TLS_TX_MAX_PAYLOAD_LEN
#define TLS_TX_MAX_PAYLOAD_LEN	5
#endif

union crypto_info {
	struct tls_crypto_info info;
	struct tls12_crypto_info_aes_gcm_128 aes_gcm_128;
	struct tls12_crypto_info_aes_gcm_256 aes_gcm_256;
	struct tls12_crypto_info_aes_ccm_128 aes_ccm_128;
	struct tls12_crypto_info_chacha20_poly1305 chacha20_poly1305;
};

/*
 * The kernel's form of a direction's keys, @seq the number of the next record.
 * Returns its size.
 */
size_t offload_info(union crypto_info *out, const struct suite *suite,
		    const struct traffic_keys *keys, uint64_t seq);

/*
 * TCP_ULP "tls": 0 or -errno; a socket that has it already is fine, but not one
 * that has keys as well: -EBUSY
 */
int offload_attach(int fd);
/*
 * TLS_TX or TLS_RX (@direction: KTLS_TX, KTLS_RX), for the first time or as a
 * rekey; 0 or -errno.
 */
int offload_keys(int fd, unsigned int direction, const struct suite *suite,
		 const struct traffic_keys *keys, uint64_t seq);
/* Bytes of content in a record that is sent, once the keys are there (7.x) */
int offload_max_payload(int fd, uint16_t len);
/* The live number of the direction's next record; 0 or -errno */
int offload_seq(int fd, unsigned int direction, const struct suite *suite,
		uint64_t *seq);
/* Has the kernel keys of the direction, whatever they are? 1, 0 or -errno */
int offload_has_keys(int fd, unsigned int direction);
/* Are they these? 1, 0 or -errno */
int offload_is(int fd, unsigned int direction, const struct suite *suite,
	       const struct traffic_keys *keys);
/*
 * Undo a pause that the kernel fell into without cause: it takes a handshake
 * record that begins with 0x18 for a KeyUpdate, even in the middle of a longer
 * message.  Setting the same key again, at its live number, wakes it.
 */
int offload_resume(int fd, const struct suite *suite);

/* caps, for one suite and direction: 0, or the errno that refuses it */
int caps_error(const struct ktls_caps *caps, const struct suite *suite,
	       unsigned int direction);

#endif /* KTLS_OFFLOAD_H */
