/* SPDX-License-Identifier: MIT */
/* The messages that TLS 1.2 alone has, or has in a form of its own */
#ifndef KTLS_MSG12_H
#define KTLS_MSG12_H

#include "msg.h"
#include "suite.h"

/* RFC 8422 5.4, 5246 7.4.3: ephemeral parameters and their signature */
struct server_key_exchange {
	uint16_t group;		/* ECDHE: by name */
	struct slice p, g;	/* DHE: as numbers */
	struct slice share;
	struct slice params;	/* all of it that is signed */
	uint16_t scheme;
	struct slice signature;
};

struct certificate_request12 {
	struct slice types;		/* uint8s */
	struct slice sigalgs;		/* uint16s */
	struct slice authorities;	/* DistinguishedNames */
};

/* ClientCertificateType */
enum { CERT_TYPE_RSA_SIGN = 1, CERT_TYPE_ECDSA_SIGN = 64 };

int parse_server_key_exchange(struct slice body, enum suite_kex kex,
			      struct server_key_exchange *m);
/* What is signed of it, in its wire form */
void write_server_params(struct wr *w, enum suite_kex kex,
			 const struct server_key_exchange *m);
int parse_certificate_request12(struct slice body,
				struct certificate_request12 *m);
void write_certificate_request12(struct wr *w,
				 const struct certificate_request12 *m);
int parse_client_key_exchange(struct slice body, enum suite_kex kex,
			      struct slice *share);
void write_client_key_exchange(struct wr *w, enum suite_kex kex,
			       struct slice share);
int parse_certificate12(struct slice body, struct slice *list);
/* The next certificate of @list: 1, 0 at its end, -KTLS_E_DECODE */
int parse_certificate12_entry(struct slice *list, struct slice *der);

/* RFC 6066 8 */
int parse_certificate_status(struct slice body, struct slice *response);

/* RFC 6066 5 */
#define CERT_URL_PADDING	1

struct certificate_url {
	uint8_t type;		/* CertChainType */
	struct slice list;	/* URLAndHashs */
};

struct url_and_hash {
	struct slice url;
	uint8_t padding;
	struct slice sha1;
};

int parse_certificate_url(struct slice body, struct certificate_url *m);
/* The next entry of m->list: 1, 0 at its end, -KTLS_E_DECODE */
int parse_url_and_hash(struct slice *list, struct url_and_hash *e);

/* RFC 4680 2: at least one entry, each of them whole */
int parse_supplemental_data(struct slice body, struct slice *list);

struct supp_entry {
	uint16_t type;		/* SupplementalDataType */
	struct slice data;
};

/* The next entry of @list: 1, 0 at its end, -KTLS_E_DECODE */
int parse_supp_entry(struct slice *list, struct supp_entry *e);

/* RFC 5077 3.3 */
struct new_session_ticket12 {
	uint32_t lifetime;	/* seconds; 0: not said */
	struct slice ticket;	/* empty: none after all */
};

int parse_new_session_ticket12(struct slice body,
			       struct new_session_ticket12 *m);

#endif /* KTLS_MSG12_H */
