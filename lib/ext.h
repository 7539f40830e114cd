/* SPDX-License-Identifier: MIT */
/*
 * Extensions (RFC 9846 4.3): one table of what may stand where, a parser into
 * a struct of borrowed slices, and a writer from the same struct.
 */
#ifndef KTLS_EXT_H
#define KTLS_EXT_H

#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

/* The messages that carry extensions, as bits: the columns of the table */
enum ext_where {
	IN_CH	= 1 << 0,
	IN_SH	= 1 << 1,
	IN_HRR	= 1 << 2,
	IN_EE	= 1 << 3,
	IN_CR	= 1 << 4,
	IN_CT	= 1 << 5,
	IN_NST	= 1 << 6,
	IN_SH12	= 1 << 7,	/* a ServerHello that is not 1.3's */
};

/* Where each answers something that was asked for: unasked is an error */
#define IN_RESPONSE	(IN_SH | IN_HRR | IN_EE | IN_CT | IN_SH12)

/* Indices of the table's rows; a set of extensions is a mask of these */
enum ext_id {
	EXT_SERVER_NAME,
	EXT_MAX_FRAGMENT_LENGTH,
	EXT_CLIENT_CERTIFICATE_URL,
	EXT_TRUSTED_CA_KEYS,
	EXT_TRUNCATED_HMAC,
	EXT_STATUS_REQUEST,
	EXT_USER_MAPPING,
	EXT_SUPPORTED_GROUPS,
	EXT_EC_POINT_FORMATS,
	EXT_SIGNATURE_ALGORITHMS,
	EXT_ALPN,
	EXT_CLIENT_CERTIFICATE_TYPE,
	EXT_SERVER_CERTIFICATE_TYPE,
	EXT_PADDING,
	EXT_EXTENDED_MAIN_SECRET,
	EXT_COMPRESS_CERTIFICATE,
	EXT_RECORD_SIZE_LIMIT,
	EXT_EARLY_DATA,
	EXT_SUPPORTED_VERSIONS,
	EXT_COOKIE,
	EXT_PSK_MODES,
	EXT_CERTIFICATE_AUTHORITIES,
	EXT_POST_HANDSHAKE_AUTH,
	EXT_SESSION_TICKET,
	EXT_SIGNATURE_ALGORITHMS_CERT,
	EXT_KEY_SHARE,
	EXT_RENEGOTIATION_INFO,
	EXT_OID_FILTERS,
	EXT_SCT,
	EXT_PRE_SHARED_KEY,	/* last: it must be the last in a ClientHello */
	EXT_COUNT,
	EXT_CUSTOM = EXT_COUNT,	/* no row: the application's */
};

#define EXT_BIT(id)	(1ull << (id))

/* What an extension block says.  Lists keep their wire form, checked. */
struct exts {
	uint64_t set;			/* EXT_BIT()s present */
	struct slice server_name;	/* host_name; empty in answers */
	uint8_t max_fragment;		/* MaxFragmentLength, as it stands */
	uint16_t record_limit;		/* RecordSizeLimit, as it stands */
	uint8_t status_type;		/* CH; other than ocsp: not read on */
	struct slice status;		/* OCSPResponse: CT */
	struct slice trusted_cas;	/* TrustedAuthoritys: CH */
	struct slice user_mapping;	/* UserMappingTypes, uint8s */
	struct slice groups;		/* uint16s */
	struct slice point_formats;	/* uint8s */
	struct slice renegotiated;	/* renegotiated_connection */
	struct slice sigalgs;		/* uint16s */
	struct slice session_ticket;	/* RFC 5077; empty: none yet */
	struct slice sigalgs_cert;	/* uint16s */
	struct slice alpn;		/* ProtocolNames */
	struct slice versions;		/* uint16s: CH */
	uint16_t version;		/* SH, HRR */
	struct slice cookie;
	struct slice authorities;	/* DistinguishedNames */
	struct slice oid_filters;	/* OIDFilters: CR */
	struct slice sct;		/* whole list: CT, SH12 */
	struct slice psk_modes;		/* uint8s */
	struct slice psk_identities;	/* PskIdentitys: CH */
	struct slice psk_binders;	/* PskBinderEntrys: CH */
	uint16_t psk_choice;		/* SH */
	uint32_t max_early_data;	/* NST */
	struct slice compress;		/* uint16s */
	struct slice client_types;	/* CertificateTypes; one but in CH */
	struct slice server_types;
	struct slice shares;		/* KeyShareEntrys: CH */
	uint16_t share_group;		/* SH, HRR */
	struct slice share;		/* SH */
	struct slice custom;		/* to write: whole extensions */
	/* what was read of lists that go on and on, as sets: see suite.h */
	uint32_t groups_known, sigalgs_known, sigalgs_cert_known;
};

static inline bool ext_has(const struct exts *e, enum ext_id id)
{
	return e->set & EXT_BIT(id);
}

/*
 * Parse the content of an extension block.  @asked: what we sent in the
 * message that this one answers; with EXT_CUSTOM in it, a ServerHello of 1.2
 * may have others than the table's, which are the caller's to check.  0 or
 * -KTLS_E_DECODE, _EXT_*.
 */
int exts_parse(struct rd *r, enum ext_where where, uint64_t asked,
	       struct exts *e);
/* Write those of @e->set, with the block's length, in the table's order */
void exts_write(struct wr *w, enum ext_where where, const struct exts *e);

/* Is it in the table? */
bool ext_known(uint16_t type);

#define EXT_TYPE_KEY_SHARE	51
/* May it differ in the ClientHello after a HelloRetryRequest? (4.2.2) */
bool ext_may_change(uint16_t type);

/* The selected_version of a ServerHello's block: 1, or 0 if it has none */
int ext_selected_version(struct slice block, uint16_t *version);

/* CertificateStatusType, IdentifierType: RFC 6066 8 and 6 */
enum { STATUS_OCSP = 1 };
enum { CA_PRE_AGREED, CA_KEY_SHA1, CA_NAME, CA_CERT_SHA1 };
#define SHA1_LEN	20

/* CertificateStatus, as message and as extension; no other type but OCSP */
void rd_status(struct rd *r, uint8_t *type, struct slice *response);
void wr_status(struct wr *w, struct slice response);

/* Is it a SignedCertificateTimestampList? */
bool scts_valid(struct slice list);

/* ---- lists in their wire form ------------------------------------------ */

bool u16s_have(struct slice list, uint16_t value);
/* Those of our tables that are in a list, as a set */
uint32_t groups_in(struct slice list);
uint32_t sigalgs_in(struct slice list);
/* The one entry of @group in a KeyShareEntry list; empty if there is none */
struct slice shares_find(struct slice shares, uint16_t group);

#endif /* KTLS_EXT_H */
