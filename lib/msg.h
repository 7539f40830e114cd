/* SPDX-License-Identifier: MIT */
/*
 * Handshake messages (RFC 9846 4): parsed into structs of borrowed slices,
 * written from the same structs.  Syntax only; what a value means is for the
 * handlers.  Parsers return 0, -KTLS_E_DECODE or -KTLS_E_EXT_*.
 */
#ifndef KTLS_MSG_H
#define KTLS_MSG_H

#include <stdint.h>

#include "ext.h"
#include "wire.h"

enum msg_type {
	HT_HELLO_REQUEST	= 0,
	HT_CLIENT_HELLO		= 1,
	HT_SERVER_HELLO		= 2,
	HT_NEW_SESSION_TICKET	= 4,
	HT_END_OF_EARLY_DATA	= 5,
	HT_ENCRYPTED_EXTENSIONS	= 8,
	HT_CERTIFICATE		= 11,
	HT_SERVER_KEY_EXCHANGE	= 12,
	HT_CERTIFICATE_REQUEST	= 13,
	HT_SERVER_HELLO_DONE	= 14,
	HT_CERTIFICATE_VERIFY	= 15,
	HT_CLIENT_KEY_EXCHANGE	= 16,
	HT_FINISHED		= 20,
	HT_CERTIFICATE_URL	= 21,
	HT_CERTIFICATE_STATUS	= 22,
	HT_SUPPLEMENTAL_DATA	= 23,
	HT_KEY_UPDATE		= 24,
	HT_COMPRESSED_CERTIFICATE = 25,
	HT_MESSAGE_HASH		= 254,
	HT_CCS			= 256,	/* ChangeCipherSpec of 1.2: no message,
					   no byte on the wire can name it */
};

/* Suites that are none: RFC 5746 3.3, 7507 2 */
#define SCSV_RENEGOTIATION	0x00ff
#define SCSV_FALLBACK		0x5600

#define MSG_HEADER	4	/* type, uint24 length */
#define RANDOM_LEN	32
#define SESSION_ID_MAX	32

struct client_hello {
	uint16_t version;	/* legacy_version */
	struct slice random;
	struct slice session_id;
	struct slice suites;	/* uint16s */
	struct slice compression;
	struct slice ext_block;	/* as it stands */
	struct exts exts;
};

struct server_hello {
	uint16_t version;
	struct slice random;
	enum ext_where where;	/* which of its kinds: IN_SH, _HRR, _SH12 */
	uint16_t selected;	/* supported_versions; 0 if it has none */
	struct slice session_id;
	uint16_t suite;
	uint8_t compression;
	struct slice ext_block;	/* as it stands */
	struct exts exts;
};

struct certificate_request {
	struct slice context;
	struct exts exts;
};

struct certificate {
	struct slice context;
	struct slice list;	/* CertificateEntrys */
};

struct compressed_certificate {
	uint16_t algorithm;
	uint32_t length;	/* of the Certificate's body */
	struct slice data;
};

struct certificate_verify {
	uint16_t scheme;
	struct slice signature;
};

struct new_session_ticket {
	uint32_t lifetime;	/* seconds */
	uint32_t age_add;
	struct slice nonce;
	struct slice ticket;
	struct exts exts;
};

enum { UPDATE_NOT_REQUESTED, UPDATE_REQUESTED };

/* The random that makes a ServerHello a HelloRetryRequest (4.2.4) */
extern const uint8_t retry_random[RANDOM_LEN];

/* The end of every parser: all of it was there, and nothing more */
int msg_end(struct rd *r);

int parse_client_hello(struct slice body, struct client_hello *m);
/*
 * In two steps, because what the block may hold depends on the version, which
 * is in the block: first all but m->exts, then these.  @asked: of our hello.
 */
int parse_server_hello(struct slice body, struct server_hello *m);
int parse_server_hello_exts(struct server_hello *m, uint64_t asked);
int parse_encrypted_extensions(struct slice body, uint64_t asked,
			       struct exts *e);
int parse_certificate_request(struct slice body,
			      struct certificate_request *m);
int parse_certificate(struct slice body, struct certificate *m);
/* The next entry of @list: 1, or 0 at its end; @asked of the request */
int parse_certificate_entry(struct slice *list, uint64_t asked,
			    struct slice *der, struct exts *e);
int parse_compressed_certificate(struct slice body,
				 struct compressed_certificate *m);
int parse_certificate_verify(struct slice body,
			     struct certificate_verify *m);
int parse_new_session_ticket(struct slice body,
			     struct new_session_ticket *m);
int parse_key_update(struct slice body, uint8_t *request);

/* Bodies only; the header is written around them by who sends */
void write_client_hello(struct wr *w, const struct client_hello *m);
void write_server_hello(struct wr *w, const struct server_hello *m);
void write_certificate_request(struct wr *w,
			       const struct certificate_request *m);
void write_new_session_ticket(struct wr *w,
			      const struct new_session_ticket *m);

#endif /* KTLS_MSG_H */
