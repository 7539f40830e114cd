/* SPDX-License-Identifier: GPL-2.0-only */
/* A handshake of static ECDH as it is on the wire, computed by libcrypto */
#ifndef SELFTESTS_ECDH_LIB_H
#define SELFTESTS_ECDH_LIB_H

#include "mitm_lib.h"

/* The body of a Certificate with the chain of a credential (RFC 5246 7.4.2) */
void ecdh_chain(struct wr *w, const char *cert);

struct ecdh_seen {
	bool ems;		/* the extended main secret */
	struct wr heard;	/* messages up to ClientKeyExchange */
	bool done;
	uint16_t suite;
	uint8_t random[2][32];	/* the client's, the server's */
	uint8_t point[133];
	size_t point_len;
};

/* A message or record, as it passes */
void ecdh_see(struct ecdh_seen *seen, const struct item *it);
/* 48 bytes, from that and the private key of @cert */
void ecdh_secret(const struct ecdh_seen *seen, const char *cert,
		 const char *digest, uint8_t out[48]);

#endif /* SELFTESTS_ECDH_LIB_H */
