/* SPDX-License-Identifier: MIT */
/*
 * libktls: TLS whose records the Linux kernel encrypts.
 *
 * A connection lives through three types:
 *
 *   struct ktls_config  what to negotiate; immutable, reference counted,
 *                       shared by threads and connections
 *   struct ktls_hs      one handshake: bytes in, bytes out, no I/O of its own
 *   struct ktls_conn    one established connection: what alerts, KeyUpdate,
 *                       exporters and the close need, and nothing else
 *
 * The handshake runs in user space on libcrypto; ktls_offload() then installs
 * the traffic keys in the kernel (SOL_TLS), and from there the socket *is* the
 * TLS connection: send(2), recv(2), sendfile(2), splice(2), io_uring and other
 * processes move plaintext through it.  Where the kernel cannot carry a
 * direction, the user-space record layer does, behind ktls_send(), ktls_recv()
 * and ktls_sendfile(); ktls_conn_kernel() says which is the case and
 * ktls_conn_info() says why.
 *
 * Conventions
 *   Return values  0 or a count on success, -errno or -KTLS_E_* on failure.
 *                  KTLS_E_* start at 2048 and never collide with an errno.
 *                  There is no error variable and no error queue.
 *   Ownership      strings and buffers passed in are copied, unless a comment
 *                  says otherwise; pointers returned stay the library's.
 *   Threads        a config may be used by any number of threads at once; a
 *                  ktls_hs or ktls_conn by one thread at a time: see there.
 *   Growth         options carry their size, and what the library fills in is
 *                  cut to the caller's: a program keeps working with a newer
 *                  library, whose structs are longer.
 *   Secrets        a config's (PSKs, the keys and sessions it keeps), a
 *                  ktls_hs' and a ktls_conn's are wiped when they are freed,
 *                  and lie in pages that the kernel leaves out of core dumps.
 *                  Others are in them: libcrypto's private keys, its ciphers
 *                  while a direction is the library's, what records and
 *                  messages carry while it is in a buffer, and what the
 *                  application has been given.  RLIMIT_CORE or
 *                  PR_SET_DUMPABLE keeps these.  Nothing is locked against
 *                  being paged out, and a child of fork(2) has all of it.
 *   Descriptors    the library never opens, closes or changes the mode of the
 *                  caller's socket; blocking and non-blocking both work.
 */
#ifndef KTLS_H
#define KTLS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct ktls_config;
struct ktls_hs;
struct ktls_conn;

#define KTLS_MUST_CHECK	__attribute__((warn_unused_result))

#define KTLS_VERSION_MAJOR	0
#define KTLS_VERSION_MINOR	1

/* ---- errors and alerts ------------------------------------------------- */

/* AlertDescription of RFC 9846 section 6; NONE where no alert is sent */
enum ktls_alert {
	KTLS_ALERT_CLOSE_NOTIFY			= 0,
	KTLS_ALERT_UNEXPECTED_MESSAGE		= 10,
	KTLS_ALERT_BAD_RECORD_MAC		= 20,
	KTLS_ALERT_RECORD_OVERFLOW		= 22,
	KTLS_ALERT_HANDSHAKE_FAILURE		= 40,
	KTLS_ALERT_BAD_CERTIFICATE		= 42,
	KTLS_ALERT_UNSUPPORTED_CERTIFICATE	= 43,
	KTLS_ALERT_CERTIFICATE_REVOKED		= 44,
	KTLS_ALERT_CERTIFICATE_EXPIRED		= 45,
	KTLS_ALERT_CERTIFICATE_UNKNOWN		= 46,
	KTLS_ALERT_ILLEGAL_PARAMETER		= 47,
	KTLS_ALERT_UNKNOWN_CA			= 48,
	KTLS_ALERT_ACCESS_DENIED		= 49,
	KTLS_ALERT_DECODE_ERROR			= 50,
	KTLS_ALERT_DECRYPT_ERROR		= 51,
	KTLS_ALERT_PROTOCOL_VERSION		= 70,
	KTLS_ALERT_INSUFFICIENT_SECURITY	= 71,
	KTLS_ALERT_INTERNAL_ERROR		= 80,
	KTLS_ALERT_INAPPROPRIATE_FALLBACK	= 86,
	KTLS_ALERT_USER_CANCELED		= 90,
	KTLS_ALERT_NO_RENEGOTIATION		= 100,
	KTLS_ALERT_MISSING_EXTENSION		= 109,
	KTLS_ALERT_UNSUPPORTED_EXTENSION	= 110,
	KTLS_ALERT_CERTIFICATE_UNOBTAINABLE	= 111,
	KTLS_ALERT_UNRECOGNIZED_NAME		= 112,
	KTLS_ALERT_BAD_CERTIFICATE_STATUS	= 113,
	KTLS_ALERT_BAD_CERTIFICATE_HASH		= 114,
	KTLS_ALERT_UNKNOWN_PSK_IDENTITY		= 115,
	KTLS_ALERT_CERTIFICATE_REQUIRED		= 116,
	KTLS_ALERT_GENERAL_ERROR		= 117,
	KTLS_ALERT_NO_APPLICATION_PROTOCOL	= 120,
	KTLS_ALERT_NONE				= 255,
};

/*
 * Every reason for which libktls gives up, the alert that the peer gets for
 * it, and its text.  X(number, reason, alert, text); numbers are ABI.
 */
#define KTLS_ERRORS(X)							\
	/* the wire */							\
	X(2048, DECODE, DECODE_ERROR, "malformed message")		\
	X(2049, UNEXPECTED, UNEXPECTED_MESSAGE,				\
	  "message not allowed now")					\
	X(2050, UNALIGNED, UNEXPECTED_MESSAGE,				\
	  "handshake message spans a key change")			\
	X(2051, MESSAGE_SIZE, ILLEGAL_PARAMETER,			\
	  "handshake message larger than the limit")			\
	X(2052, RECORD_TYPE, UNEXPECTED_MESSAGE,			\
	  "record of a type not allowed now")				\
	X(2053, RECORD_OVERFLOW, RECORD_OVERFLOW,			\
	  "record longer than the protocol allows")			\
	X(2054, RECORD_EMPTY, UNEXPECTED_MESSAGE,			\
	  "record without content")					\
	X(2055, RECORD_MAC, BAD_RECORD_MAC, "record does not decrypt")	\
	X(2056, RECORD_FLOOD, UNEXPECTED_MESSAGE,			\
	  "too many records without effect")				\
	/* extensions */						\
	X(2060, EXT_DUPLICATE, ILLEGAL_PARAMETER,			\
	  "extension sent twice")					\
	X(2061, EXT_FORBIDDEN, ILLEGAL_PARAMETER,			\
	  "extension not allowed in this message")			\
	X(2062, EXT_UNSOLICITED, UNSUPPORTED_EXTENSION,			\
	  "extension was not asked for")				\
	X(2063, EXT_MISSING, MISSING_EXTENSION,				\
	  "required extension is missing")				\
	X(2064, EXT_ORDER, ILLEGAL_PARAMETER,				\
	  "pre_shared_key is not the last extension")			\
	/* negotiation */						\
	X(2070, VERSION, PROTOCOL_VERSION,				\
	  "no common protocol version")					\
	X(2071, VERSION_CHOICE, ILLEGAL_PARAMETER,			\
	  "peer chose a version that was not offered")			\
	X(2072, DOWNGRADE, ILLEGAL_PARAMETER,				\
	  "downgrade sentinel in the server's random")			\
	X(2073, SESSION_ID, ILLEGAL_PARAMETER,				\
	  "session id is not the one sent")				\
	X(2074, COMPRESSION, ILLEGAL_PARAMETER,				\
	  "compression offered or chosen")				\
	X(2075, NO_SUITE, HANDSHAKE_FAILURE, "no common cipher suite")	\
	X(2076, SUITE_CHOICE, ILLEGAL_PARAMETER,			\
	  "peer chose a cipher suite that was not offered")		\
	X(2077, NO_GROUP, HANDSHAKE_FAILURE, "no common group")		\
	X(2193, NO_FFDHE, INSUFFICIENT_SECURITY,			\
	  "no common group, of finite fields either")			\
	X(2078, GROUP_CHOICE, ILLEGAL_PARAMETER,			\
	  "peer chose a group that was not offered")			\
	X(2079, KEY_SHARE, ILLEGAL_PARAMETER, "key share is not valid")	\
	X(2080, RETRY_USELESS, ILLEGAL_PARAMETER,			\
	  "HelloRetryRequest changes nothing")				\
	X(2081, RETRY_CHANGED, ILLEGAL_PARAMETER,			\
	  "second hello is not the first one as asked to change")	\
	X(2082, COOKIE, ILLEGAL_PARAMETER, "cookie is not the one sent")\
	X(2083, NO_ALPN, NO_APPLICATION_PROTOCOL,			\
	  "no common application protocol")				\
	X(2084, ALPN_CHOICE, ILLEGAL_PARAMETER,				\
	  "peer chose an application protocol that was not offered")	\
	X(2085, UNKNOWN_NAME, UNRECOGNIZED_NAME,			\
	  "no certificate for the name that the peer asked for")	\
	X(2086, NO_SIGALG, HANDSHAKE_FAILURE,				\
	  "no certificate fits the peer's signature algorithms")	\
	X(2087, SIGALG_CHOICE, ILLEGAL_PARAMETER,			\
	  "peer signed with an algorithm that was not offered or "	\
	  "does not fit its key")					\
	X(2088, CERT_CONTEXT, ILLEGAL_PARAMETER,			\
	  "certificate answers another request")			\
	X(2089, RENEGOTIATION, HANDSHAKE_FAILURE,			\
	  "renegotiation_info does not fit the connection")		\
	X(2145, LEGACY_PEER, HANDSHAKE_FAILURE,				\
	  "peer does not indicate secure renegotiation")		\
	X(2146, NO_RENEGOTIATION, HANDSHAKE_FAILURE,			\
	  "connection cannot be renegotiated")				\
	X(2147, PEER_CHANGED, ILLEGAL_PARAMETER,			\
	  "renegotiation with another certificate")			\
	X(2148, SUPP_REFUSED, ACCESS_DENIED,				\
	  "supplemental data not acceptable to the application")	\
	X(2149, USER_MAPPING, ILLEGAL_PARAMETER,			\
	  "user mapping hint is not valid")				\
	X(2150, SUPP_TYPE, UNEXPECTED_MESSAGE,				\
	  "supplemental data of a type not agreed on, or twice")		\
	X(2129, NO_EMS, HANDSHAKE_FAILURE,				\
	  "peer does not do the extended main secret")			\
	X(2128, FALLBACK, INAPPROPRIATE_FALLBACK,			\
	  "peer fell back although it need not have")			\
	/* authentication */						\
	X(2090, SIGNATURE, DECRYPT_ERROR,				\
	  "handshake signature does not verify")			\
	X(2091, FINISHED, DECRYPT_ERROR, "Finished does not verify")	\
	X(2092, CERT_EMPTY, DECODE_ERROR,				\
	  "server sent no certificate")					\
	X(2093, CERT_REQUIRED, CERTIFICATE_REQUIRED,			\
	  "client sent no certificate")					\
	X(2094, CERT_PARSE, BAD_CERTIFICATE,				\
	  "certificate does not parse")					\
	X(2095, CERT_CHAIN, BAD_CERTIFICATE,				\
	  "certificate chain longer than the limit")			\
	X(2096, CERT_BAD, BAD_CERTIFICATE,				\
	  "certificate chain does not verify")				\
	X(2097, CERT_WEAK, BAD_CERTIFICATE,				\
	  "certificate uses a key or hash that is too weak")		\
	X(2098, CERT_EXPIRED, CERTIFICATE_EXPIRED,			\
	  "certificate is not valid at this time")			\
	X(2099, CERT_REVOKED, CERTIFICATE_REVOKED,			\
	  "certificate is revoked")					\
	X(2100, CERT_ISSUER, UNKNOWN_CA,				\
	  "certificate's issuer is not trusted")			\
	X(2101, CERT_NAME, BAD_CERTIFICATE,				\
	  "certificate is for another name")				\
	X(2102, CERT_USAGE, UNSUPPORTED_CERTIFICATE,			\
	  "certificate may not be used for this")			\
	X(2103, CERT_OTHER, CERTIFICATE_UNKNOWN,			\
	  "certificate is not acceptable")				\
	X(2142, CERT_SUITE, UNSUPPORTED_CERTIFICATE,			\
	  "certificate is not of the kind that the suite is for")	\
	X(2173, CERT_TYPE, UNSUPPORTED_CERTIFICATE,			\
	  "no common type of certificate")				\
	X(2174, CERT_TYPE_CHOICE, ILLEGAL_PARAMETER,			\
	  "peer chose a type of certificate that was not offered")	\
	X(2175, RAW_KEY, CERTIFICATE_UNKNOWN,				\
	  "raw public key is not trusted")				\
	X(2171, COMPRESS_CHOICE, ILLEGAL_PARAMETER,			\
	  "certificate is compressed in a way that was not offered")	\
	X(2172, COMPRESS_BAD, BAD_CERTIFICATE,				\
	  "compressed certificate does not decompress")			\
	/* extensions of the hello */					\
	X(2130, RECORD_LIMIT, ILLEGAL_PARAMETER,			\
	  "record size asked for or chosen is not valid")		\
	X(2131, STATUS_BAD, BAD_CERTIFICATE_STATUS,			\
	  "certificate status response is not acceptable")		\
	X(2132, STATUS_MISSING, BAD_CERTIFICATE_STATUS,			\
	  "certificate status is required and was not sent")		\
	X(2182, CERT_SIGALG, UNSUPPORTED_CERTIFICATE,			\
	  "certificate is signed with an algorithm that is not allowed")\
	X(2183, CERT_FILTER, UNSUPPORTED_CERTIFICATE,			\
	  "certificate lacks an extension that was asked for")		\
	X(2184, SCT_REFUSED, ACCESS_DENIED,				\
	  "timestamps of the certificate are refused")			\
	X(2137, CRED_CHOICE, INTERNAL_ERROR,				\
	  "credential that was chosen does not fit the request")	\
	X(2133, CERT_URL, ILLEGAL_PARAMETER,				\
	  "certificate URL is not valid")				\
	X(2134, CERT_UNOBTAINABLE, CERTIFICATE_UNOBTAINABLE,		\
	  "certificate cannot be obtained from its URL")		\
	X(2135, CERT_HASH, BAD_CERTIFICATE_HASH,			\
	  "what is at a certificate URL has another hash")		\
	/* answers of the application */				\
	X(2161, SIGN_REFUSED, INTERNAL_ERROR,				\
	  "who keeps the private key does not sign")			\
	X(2162, SIGN_BAD, INTERNAL_ERROR,				\
	  "signature made elsewhere does not verify")			\
	X(2163, CERT_REFUSED, ACCESS_DENIED,				\
	  "certificate is refused by the application")			\
	/* after the handshake */					\
	X(2110, TRUNCATED, NONE,					\
	  "end of stream without close_notify")				\
	X(2111, PEER_ALERT, NONE, "peer sent an alert")			\
	X(2112, KEYUPDATE, ILLEGAL_PARAMETER,				\
	  "KeyUpdate with an unknown request")				\
	X(2113, KEYUPDATE_FLOOD, UNEXPECTED_MESSAGE,			\
	  "KeyUpdates without data between them")			\
	X(2114, NO_REKEY, INTERNAL_ERROR,				\
	  "this kernel cannot change the keys of a connection")		\
	X(2115, KEY_LIMIT, NONE,					\
	  "limit of the key is reached and it cannot be changed")	\
	X(2166, NO_POST_AUTH, NONE,					\
	  "client does not authenticate after the handshake")		\
	X(2167, REQUEST_CONTEXT, ILLEGAL_PARAMETER,			\
	  "certificate request without a context of its own")		\
	X(2168, REQUEST_FLOOD, UNEXPECTED_MESSAGE,			\
	  "too many certificate requests that wait")			\
	X(2169, LATE_ANSWER, INTERNAL_ERROR,				\
	  "application answers later, and the connection cannot wait")	\
	/* here */							\
	X(2120, CRYPTO, INTERNAL_ERROR, "libcrypto failed")		\
	X(2121, NO_KERNEL, INTERNAL_ERROR,				\
	  "the kernel is required and does not carry this connection")	\
	X(2122, STATE, INTERNAL_ERROR, "call not possible now")		\
	X(2123, OPTION, NONE, "option is not valid")			\
	X(2124, CERT_FILE, NONE, "certificate cannot be loaded")	\
	X(2125, KEY_FILE, NONE, "private key cannot be loaded")		\
	X(2126, KEY_MISMATCH, NONE,					\
	  "private key does not belong to the certificate")		\
	X(2127, CA_FILE, NONE, "trusted certificates cannot be loaded")	\
	X(2140, SESSION, NONE,						\
	  "session is damaged, expired, or of another configuration")	\
	X(2151, PSK_BINDER, DECRYPT_ERROR,				\
	  "binder of a pre-shared key does not verify")			\
	X(2152, PSK_CHOICE, ILLEGAL_PARAMETER,				\
	  "peer chose a pre-shared key that was not offered or "	\
	  "does not fit its choices")					\
	X(2153, EARLY_DATA, UNEXPECTED_MESSAGE,				\
	  "more early data than the ticket allows")			\
	X(2154, EARLY_CHOICE, ILLEGAL_PARAMETER,			\
	  "early data accepted with other choices than the ticket's")	\
	X(2141, TICKET_KEYS, NONE,					\
	  "ticket keys are damaged, too old, or of another period")	\
	X(2181, NO_BINDING, NONE,					\
	  "another connection may have the same channel binding")	\
	X(2191, CONN_SAVED, NONE,					\
	  "saved connection is damaged, or of another configuration")	\
	X(2192, CONN_SOCKET, NONE,					\
	  "socket is not in the state of the saved connection")		\
	/* of ktls_agent.h */						\
	X(2200, AGENT_CREDENTIAL, NONE,					\
	  "agent has no such credential for this user")			\
	X(2201, AGENT_RULES, NONE,					\
	  "agent does not let this credential be used so")		\
	X(2202, AGENT_BUSY, NONE, "agent has too much to do")		\
	X(2203, AGENT_REQUEST, NONE,					\
	  "agent does not understand the request")			\
	X(2204, AGENT_SOCKET, NONE,					\
	  "agent was not sent one connected TCP socket")		\
	X(2205, AGENT_GONE, NONE, "agent ended before it answered")	\
	X(2206, AGENT_ANSWER, NONE, "agent's answer makes no sense")

enum ktls_error {
#define KTLS_E_(nr, name, alert, text) KTLS_E_##name = (nr),
	KTLS_ERRORS(KTLS_E_)
#undef KTLS_E_
};

/*
 * The text of an error: @err is -errno or -KTLS_E_* (the sign does not
 * matter).  Never NULL; static storage, but for an unknown errno, where it is
 * the C library's.
 */
const char *ktls_strerror(int err);

/* The alert that a failure @err (either sign) puts on the wire. */
enum ktls_alert ktls_error_alert(int err);

/* "unexpected_message", ...; "alert(N)" is not distinguished: "unknown". */
const char *ktls_alert_name(uint8_t alert);

/* ---- configuration ----------------------------------------------------- */

enum ktls_role {
	KTLS_SERVER	= 1,
	KTLS_CLIENT	= 2,
};

#define KTLS_TLS12	0x0303
#define KTLS_TLS13	0x0304

/* Who carries the records of one direction */
enum ktls_path {
	KTLS_PATH_PREFER_KERNEL	= 0,	/* user space where the kernel cannot */
	KTLS_PATH_KERNEL	= 1,	/* or fail: only what it can is offered */
	KTLS_PATH_USER		= 2,	/* never the kernel */
};

/* What is asked of the peer's certificate */
enum ktls_verify {
	KTLS_VERIFY_DEFAULT	= 0,	/* client: REQUIRE, server: NONE */
	KTLS_VERIFY_NONE	= 1,	/* client: accept any; server: ask for none */
	KTLS_VERIFY_OPTIONAL	= 2,	/* server: none is fine, a bad one is not */
	KTLS_VERIFY_REQUIRE	= 3,
};

/*
 * A certificate chain and its key, PEM: each either a file's name or text in
 * memory (@*_pem, NUL-terminated).  The chain begins with the certificate of
 * the key; the root may be left out.  Without a key, it is looked for in the
 * certificate's source.
 *
 * A key without a certificate is a raw public key (RFC 7250, TLS 1.3): what is
 * sent is its SubjectPublicKeyInfo, and only to a peer that takes it; others
 * get another of the credentials, or there is none.
 */
struct ktls_cred {
	const char *cert_file;
	const char *key_file;
	const char *cert_pem;
	const char *key_pem;
	/*
	 * An OCSP response (DER) about the certificate, to be sent along when
	 * the peer asks (RFC 6066 8), until it is outdated.  NULL: none.
	 */
	const char *ocsp_file;
	/*
	 * client, TLS 1.2: where the chain is published, for servers that fetch
	 * it there (client_certificate_url, RFC 6066 5); others get the chain
	 * itself, as in TLS 1.3.  @url: one place for all of it, as a PkiPath:
	 * a DER SEQUENCE of the certificates, in the reverse of the chain's
	 * order.  Or @cert_urls: one for each certificate (DER), separated by
	 * spaces, in the chain's order.  Absolute, at most 1024 characters
	 * each, not one that redirects.  What is there must be, to the byte,
	 * what is in this credential: the server gets its SHA-1 hash.
	 */
	const char *url;
	const char *cert_urls;
	/*
	 * Not 0: the private key is in another process, an HSM, a thread pool;
	 * see hooks.sign.  No key is loaded (@key_file and @key_pem must be
	 * NULL, one beside the certificate is left alone), what it can sign
	 * follows from the certificate, and it does no static ECDH.
	 */
	int key_elsewhere;
	/*
	 * A SignedCertificateTimestampList (RFC 6962 3.3, with its length in
	 * front), to be sent along when the peer asks.  NULL: none.
	 */
	const char *sct_file;
};

/*
 * A type of SupplementalData (RFC 4680, TLS 1.2): data of the application that
 * travels in a full handshake, before the certificates.  @extension agrees on
 * it: a client sends it in its hello, a server that has the type too answers
 * it, and then either end may send the type; several types may share one.
 * Without an answer the handshake goes on without the data.
 *
 * It is sent in the open unless KTLS_F_DOUBLE_HANDSHAKE is set, is not part of
 * a resumed handshake (ktls_info.resumed), and is never TLS 1.3's.  Config
 * and hooks are shared by threads.  Hooks must not re-enter; ktls_hs_info(),
 * ktls_hs_data() and ktls_hs_set_data() may be called.
 */
struct ktls_supp {
	uint16_t type;		/* SupplementalDataType; not 0, user mapping */
	uint16_t extension;	/* ExtensionType that libktls does not know */
	const void *extension_data;	/* of both hellos; copied */
	size_t extension_len;		/* of all types at most 32768 */

	/* what is sent if there is no @send; copied; NULL: nothing is */
	const void *data;
	size_t data_len;		/* at most 65535 */
	/*
	 * Called when it is time to send: 1 with *@data, which has to last
	 * until this handshake's next hook or end, and *@len; 0 to send none;
	 * negative to fail the handshake with -KTLS_E_SUPP_REFUSED.  A client
	 * knows the server's certificate by then (ktls_info.peer_subject).
	 */
	int (*send)(void *arg, struct ktls_hs *hs, uint16_t type,
		    const void **data, size_t *len);
	/*
	 * Called with what came, once the peer's Finished has vouched for it,
	 * once at most (a type that comes twice is -KTLS_E_SUPP_TYPE), and
	 * never in a handshake that fails before: 0, or else the handshake
	 * fails with -KTLS_E_SUPP_REFUSED.  May be NULL: then it is dropped.
	 */
	int (*recv)(void *arg, struct ktls_hs *hs, uint16_t type,
		    const void *data, size_t len);
	void *arg;
};

/*
 * What a hook returns to say that it has no answer yet: the handshake waits for
 * it (KTLS_WANT_SIGN, _CRED, _VERIFY), receives nothing, and goes on when it is
 * given: ktls_hs_sign_answer(), ktls_hs_cred_answer(), ktls_hs_verify_answer().
 * It is neither a length nor an index, -errno or -KTLS_E_*.
 */
#define KTLS_LATER	(-65536)

/*
 * What a server that asks a client for a certificate wants, or a client of a
 * server.  All of it is the library's, and gone when the hook returns, unless
 * that is with KTLS_LATER: see ktls_hs_cred_request().
 */
struct ktls_cred_request {
	size_t size;		/* of this struct, as the library has it */
	uint16_t version;	/* KTLS_TLS12, KTLS_TLS13 */
	/*
	 * Indices into opts.creds, rising: those that can sign as the peer
	 * wants, in TLS 1.2 are of a type that it takes, or for a suite, and
	 * match a server's oid_filters.
	 * @named[i]: for a client's, 1 if one of the chain of @fits[i] is
	 * issued by an authority that the server names; for a server's, if it
	 * is for @server_name.
	 */
	const size_t *fits;
	const uint8_t *named;
	size_t fits_len;	/* may be 0 */
	/*
	 * The names, as on the wire: each a length of 2 bytes, big-endian, and
	 * that many bytes of DER (X.501 Name).  None: any authority will do.
	 */
	const void *authorities;
	size_t authorities_len;
	const uint16_t *sigalgs;	/* IANA schemes, the peer's order */
	size_t sigalgs_len;
	/* what would be chosen without the hook, one of @fits; -1: none */
	int preferred;
	/* whom the client wants, or ""; on both ends */
	const char *server_name;
};

/* What is to be signed, where the key is elsewhere */
struct ktls_sign_request {
	size_t size;		/* of this struct, as the library has it */
	size_t cred;		/* index into opts.creds */
	uint16_t version;	/* KTLS_TLS12, KTLS_TLS13 */
	/*
	 * IANA SignatureScheme.  RSA-PSS has a salt as long as the digest.  Of
	 * ECDSA in TLS 1.2 it says the hash, the curve is the key's.
	 */
	uint16_t scheme;
	/*
	 * The message itself, not its digest: CertificateVerify's content, or
	 * in TLS 1.2 the randoms and parameters of ServerKeyExchange, or all
	 * handshake messages so far (up to some 100 KiB).
	 */
	const void *content;
	size_t content_len;
	size_t max_len;		/* no signature of this key is longer */
};

struct ktls_der {
	const void *der;
	size_t len;
};

/* A peer's certificates, of which the application is to say yes or no */
struct ktls_verify_request {
	size_t size;		/* of this struct, as the library has it */
	uint16_t version;	/* KTLS_TLS12, KTLS_TLS13 */
	uint8_t verified;	/* 1: the library has, and found nothing wrong */
	uint8_t status;		/* what was sent with it: enum ktls_status */
	/*
	 * As the peer sent them, its own first; at least one.  A raw public key
	 * (ktls_info.peer_raw_key): its SubjectPublicKeyInfo alone.
	 */
	const struct ktls_der *chain;
	size_t chain_len;
	/* client: whom it wants, name or address; server: whom the client does */
	const char *name;
};

/*
 * What a client says of where its certificate is (RFC 6066 5); the library's,
 * gone when the hook returns.
 */
struct ktls_cert_url {
	/*
	 * An absolute URI: a scheme, and characters that RFC 3986 knows, at
	 * most 1024.  Nothing else about it has been checked.
	 */
	const char *url;
	/* 1: application/pkix-pkipath; 0: one application/pkix-cert */
	int pkipath;
	uint8_t sha1[20];	/* of what is there: the library compares */
};

/*
 * What came with the peer's certificate, which has been verified; the
 * library's, gone when the hook returns.
 */
struct ktls_sct {
	size_t size;		/* of this struct, as the library has it */
	/*
	 * SignedCertificateTimestampList, its length in front, of right
	 * syntax, as o2i_SCT_LIST() of libcrypto takes it; 0: none was sent
	 */
	const void *list;
	size_t list_len;
	/* DER: what the timestamps are for, and its issuer (or itself) */
	const void *cert, *issuer;
	size_t cert_len, issuer_len;
};

/*
 * Called from within the calls that drive a handshake, by whichever thread
 * does so, several at once if it does; must not re-enter.
 */
struct ktls_hooks {
	/*
	 * A line of the SSLKEYLOGFILE format (RFC 9850), without a newline.
	 * Who has it can decrypt the connection.  In TLS 1.3 also later, for
	 * each change of keys, from within whatever call makes it.
	 */
	void (*keylog)(void *arg, const char *line);
	/*
	 * An OCSP response (DER) for opts.creds[@cred], fresher than its
	 * ocsp_file, in place of which this is asked: put it into @buf and
	 * return its length, at most @size (16384); 0: none is to be had.
	 */
	ssize_t (*ocsp)(void *arg, size_t cred, void *buf, size_t size);
	/*
	 * client: a server asks for a certificate.  Returns the index of the
	 * credential to send, one of @request->fits, or -1 to send none; the
	 * server decides what comes of that.  KTLS_LATER: it is answered with
	 * ktls_hs_cred_answer().  Anything else fails the handshake with
	 * -KTLS_E_CRED_CHOICE.  Without the hook, the first that fits is sent,
	 * one issued by a named authority before others.  The server has been
	 * verified by then (in TLS 1.2 but for its Finished).
	 *
	 * server: with which it authenticates, in a full handshake, when one
	 * fits at all; -1: there is none for that name, which is
	 * -KTLS_E_UNKNOWN_NAME.
	 *
	 * ktls_hs_info(), ktls_hs_data() and ktls_hs_set_data() may be called.
	 * Also called by ktls_conn_authenticate(): @hs is then for these alone
	 * and gone when the hook returns; what it says is of the connection.
	 * There KTLS_LATER fails the connection with -KTLS_E_LATE_ANSWER, as it
	 * does in @sign there, and in @verify of an answer to
	 * ktls_conn_request_auth().
	 */
	int (*choose_cred)(void *arg, struct ktls_hs *hs,
			   const struct ktls_cred_request *request);
	/*
	 * server, TLS 1.2: get what is at @at->url, put it into @buf, which is
	 * the library's, and return its length, at most @size (what is left of
	 * max_message); 0 or less: it cannot be had.  With KTLS_VERIFY_REQUIRE
	 * that fails the handshake with -KTLS_E_CERT_UNOBTAINABLE, with
	 * KTLS_VERIFY_OPTIONAL the client goes without a certificate.  NULL,
	 * the default: no client is told that it may send a URL.  The library
	 * fetches nothing by itself.
	 *
	 * Called in a full handshake, once for each URL, at most max_chain
	 * times; the thread that drives the handshake waits for it, and a
	 * deadline of ktls_accept() does not interrupt it: have one of your
	 * own, or answer from what was fetched before (@at->sha1 is the key to
	 * look it up by) and fetch elsewhere.  ktls_hs_info(), ktls_hs_data()
	 * and ktls_hs_set_data() may be called.
	 *
	 * WHO ASKS IS NOBODY YET: anyone who can connect has this server
	 * connect to a host, port and path of his choice, from inside your
	 * network, and learns by the alert whether it answered (RFC 6066 11.3).
	 * Take http (and little else), from hosts and ports on a list, after
	 * resolving their names, with no address of your own network among
	 * them; follow no redirect (5); send no credentials, cookies or client
	 * certificate; bound the time, the bytes and how often a client may
	 * ask; beware of an https that leads back to this server.
	 */
	ssize_t (*cert_url)(void *arg, struct ktls_hs *hs,
			    const struct ktls_cert_url *at, void *buf,
			    size_t size);
	/*
	 * Sign with a key that is elsewhere (ktls_cred.key_elsewhere): put the
	 * signature into @sig (@size is @request->max_len) and return its
	 * length; KTLS_LATER: it comes with ktls_hs_sign_answer(); negative:
	 * refused, -KTLS_E_SIGN_REFUSED.  NULL: as one that always says
	 * KTLS_LATER.  A signature that the certificate's key does not verify
	 * is -KTLS_E_SIGN_BAD and does not go out: a faulty one may tell the
	 * key.  Once in a full handshake at most.  ktls_hs_info(),
	 * ktls_hs_data() and ktls_hs_set_data() may be called.
	 */
	ssize_t (*sign)(void *arg, struct ktls_hs *hs,
			const struct ktls_sign_request *request, void *sig,
			size_t size);
	/*
	 * Is the peer's certificate acceptable?  Asked in a full handshake, if
	 * there is one, after the library has verified it, or in place of that
	 * with KTLS_VERIFY_NONE (a client) or KTLS_F_VERIFY_ELSEWHERE; when the
	 * peer has proved that it has the key, and before our Finished is sent.
	 * (Of a TLS 1.2 server with static ECDH the proof is its Finished.)
	 * Never in a resumption: who may no longer be let in has to be refused
	 * by other means, or sessions turned off.
	 *
	 * 0: yes, and ktls_info.peer_verified is set; KTLS_LATER: it comes with
	 * ktls_hs_verify_answer(); from -KTLS_E_CERT_PARSE to _CERT_OTHER:
	 * refused for this reason, with its alert; all else:
	 * -KTLS_E_CERT_REFUSED.
	 * ktls_hs_info(), ktls_hs_data() and ktls_hs_set_data() may be called.
	 */
	int (*verify)(void *arg, struct ktls_hs *hs,
		      const struct ktls_verify_request *request);
	/*
	 * Timestamps of the peer's certificate (signed_certificate_timestamp,
	 * RFC 6962 3.3): with this hook a client asks for them, and a server
	 * of TLS 1.3 that verifies.  Called once in a full handshake, when the
	 * chain has been verified, also if none were sent: 0, or else the
	 * handshake fails with -KTLS_E_SCT_REFUSED.  The library looks at their
	 * syntax alone: which logs are to be believed, and whether timestamps
	 * in the certificate or its OCSP response count, is the application's
	 * to say.  Not where the library verifies nothing.  ktls_hs_info(),
	 * ktls_hs_data() and ktls_hs_set_data() may be called.
	 */
	int (*sct)(void *arg, struct ktls_hs *hs, const struct ktls_sct *sct);
	/*
	 * server: a client that proved to have a ticket sends early data.  Has
	 * nobody of all who accept it with such tickets seen @id before?  1:
	 * right, and nobody else is told so until @until (seconds since the
	 * epoch); anything else: it is rejected.  In one step, as with "set if
	 * it is not there" of a store.
	 */
	int (*early_first)(void *arg, const void *id, size_t id_len,
			   uint64_t until);
};

/*
 * A server's sessions by id (TLS 1.2; TLS 1.3 with KTLS_F_SINGLE_USE), kept by
 * the application in place of the library's own cache: in a store that several
 * processes or machines share.
 * There is no cache of ours in front of it, so that a session which another
 * process has to forget (RFC 5246 7.2.2) is gone here as well.
 *
 * What is stored is opaque, at most KTLS_SESSION_SIZE bytes, and sealed under
 * the ticket keys of the config (AES-256-GCM, bound to its id): the store
 * learns no secret and cannot make up a session, and who reads it later, when
 * the keys are gone, has nothing.  Processes that are to resume each other's
 * sessions need the same keys: ktls_ticket_keys_import().
 *
 * The functions get the @arg of the options.  They run in whichever thread
 * drives a handshake or a connection of the config, several at once, and that
 * thread waits for them.  They must not call the library for the same
 * handshake or connection.  A failure costs a full handshake, no more.
 */
#define KTLS_SESSION_SIZE	1024

struct ktls_session_store {
	/* Keep until @expires (seconds since the epoch) or less: 0, -errno */
	int (*store)(void *arg, const void *id, size_t id_len,
		     const void *session, size_t len, uint64_t expires);
	/* Copy into @buf, @size bytes: its length; 0: there is none; -errno */
	ssize_t (*fetch)(void *arg, const void *id, size_t id_len,
			 void *buf, size_t size);
	/* It may not be there */
	void (*forget)(void *arg, const void *id, size_t id_len);
	/*
	 * As fetch and forget in one: of several that ask at one time, one gets
	 * it.  NULL: they are called one after the other, and what is good for
	 * one use may be used twice by who is quick.
	 */
	ssize_t (*take)(void *arg, const void *id, size_t id_len,
			void *buf, size_t size);
};

/*
 * What an extension of a client's certificate has to say (oid_filters, RFC 9846
 * 4.3.5): that of @oid ("2.5.29.37") all of @value, the DER of the extension's
 * own value.  Key usage (2.5.29.15) and extended key usage (2.5.29.37, never
 * anyExtendedKeyUsage) have rules for it; clients are told of others, and only
 * those that know them heed them: the server does not look.
 */
struct ktls_oid_filter {
	const char *oid;
	const void *value;
	size_t value_len;
};

/*
 * A key that both ends have beforehand (RFC 9846 4.3.11): random bytes, of as
 * much entropy as they are to give security; never a password.  With @import
 * it is used through RFC 9258, which both ends have to do, and which ties it to
 * TLS 1.3, to the hash of the suite, and to @context.
 */
struct ktls_psk {
	const void *identity;	/* sent in the open; 1 to 1024 bytes */
	size_t identity_len;
	const void *key;	/* 16 to 48 bytes; with @import to 1024 */
	size_t key_len;
	const char *hash;	/* "SHA256" (NULL), "SHA384": the key's */
	int import;
	const void *context;	/* with @import; may be empty */
	size_t context_len;
};

/*
 * Fill it with KTLS_OPTS(.role = ..., ...): what is not named has its default,
 * and a program keeps its meaning when the struct grows.
 */
struct ktls_opts {
	size_t size;			/* set by KTLS_OPTS() */
	enum ktls_role role;		/* required */
	unsigned int flags;		/* KTLS_F_* */
	uint16_t min_version;		/* KTLS_TLS12; 0: the oldest supported */
	/*
	 * 0: the newest supported; of a server the newest in which one of its
	 * credentials can sign, as @sigalgs says, or a PSK is used
	 */
	uint16_t max_version;

	/*
	 * Colon-separated names in order of preference, as IANA writes them
	 * ("TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384",
	 * "x25519:secp256r1", "ecdsa_secp256r1_sha256:ed25519").  NULL: all
	 * that are supported, in an order that suits the kernel.  A name that
	 * the loaded libcrypto lacks is left out; an unknown one is an error.
	 *
	 * x25519 is done by lib25519 where lib25519.so.1 is found when the
	 * config is made, its keys being random bytes of libcrypto's, unless
	 * libcrypto's default properties ask for FIPS.
	 *
	 * Never without being named: static ECDH of TLS 1.2 (RFC 4492 2.1 and
	 * 2.3, "TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256", "..._256_GCM_SHA384",
	 * and the same of TLS_ECDH_RSA), which has NO FORWARD SECRECY: who gets
	 * the certificate's key, at any time, decrypts what was recorded.
	 */
	const char *ciphers;
	const char *groups;
	const char *sigalgs;

	/*
	 * server: required, chosen by name, algorithms, and what the client
	 * trusts if it says so; client: optional, see hooks.choose_cred
	 */
	const struct ktls_cred *creds;
	size_t creds_len;

	/*
	 * Trust for verifying the peer: a PEM file, a directory of hashed
	 * names, or PEM text; when none is named, the system's store: the file
	 * that SSL_CERT_FILE names in the environment, or libcrypto's own, and
	 * the directories of SSL_CERT_DIR, or libcrypto's if there is no file
	 * (in a set-user-ID program the environment does not count).  All of
	 * it is read now.  CRLs beside the certificates are heeded.
	 */
	const char *ca_file;
	const char *ca_dir;
	const char *ca_pem;
	enum ktls_verify verify;

	/* "h2,http/1.1", most preferred first; NULL: no ALPN */
	const char *alpn;

	enum ktls_path tx;
	enum ktls_path rx;

	const struct ktls_hooks *hooks;	/* copied */
	void *arg;			/* handed to each hook */

	/* limits; 0 is the default in parentheses */
	size_t max_message;		/* bytes of a handshake message (65536) */
	unsigned int max_chain;		/* certificates from the peer (10) */

	/*
	 * Records (8 or more) under one sending key before it is changed; 0 and
	 * anything above it: the limit of RFC 9846 5.5 (AES: 2^24.5).
	 */
	uint64_t max_records;

	/*
	 * Sessions that may be resumed: how many are kept at most (server: by
	 * session id, in TLS 1.3 only with KTLS_F_SINGLE_USE, 10000; client: by
	 * server name, 1000; KTLS_NO_SESSIONS: none, and a client then takes no
	 * tickets), and for how many seconds after the full
	 * handshake (7200, at most 86400; no longer than the certificates
	 * that the peer was verified by, and resumption does not extend it).
	 * A server's tickets need no room.  @session_store (copied), if not
	 * NULL, is where a server keeps sessions instead.
	 */
	size_t sessions;
	unsigned int session_lifetime;
	const struct ktls_session_store *session_store;

	/*
	 * server: for how many seconds a key seals tickets (43200, at most
	 * 604800).  For as many again it opens them, and the client gets the
	 * same session in a new ticket.
	 */
	unsigned int ticket_period;

	/* SupplementalData: at most 32 types */
	const struct ktls_supp *supp;
	size_t supp_len;

	/*
	 * client: a hint as to who its user is (RFC 4681, TLS 1.2), sent to a
	 * server that asks for it: "user@domain" in UTF-8, at most 511 bytes,
	 * and a domain name, at most 255; either may be NULL.  It is sent as
	 * SupplementalData is, see struct ktls_supp.
	 */
	const char *user_principal;
	const char *user_domain;

	/*
	 * Where to put the reason, in words, when ktls_config_new() fails:
	 * which file, which name, what is wrong with it.  NULL: nowhere.
	 */
	char *error;
	size_t error_size;

	/*
	 * ---- extensions of the hello ----
	 *
	 * Smaller records than TLS's 16384 bytes.  @max_fragment (client; 512,
	 * 1024, 2048 or 4096; RFC 6066 4) asks for records with at most so much
	 * content in both directions.  @record_size_limit (64 to 16385; RFC
	 * 8449) is the longest record that this end takes, by content and in
	 * TLS 1.3 one more for its type; the peer says its own.  Where both are
	 * asked for, the latter counts.  0: not asked for; a server agrees to
	 * either all the same.  Early data is sent before the server has said
	 * its own, and is not held to that.
	 *
	 * A record that is longer than agreed ends the connection with
	 * record_overflow where user space receives; the kernel does not look.
	 * Where the kernel cannot keep to the limit of what we send (struct
	 * ktls_caps, max_payload_error), user space carries that direction
	 * (KTLS_STEP_RECORD_SIZE); with @tx KTLS_PATH_KERNEL a server does not
	 * agree to a limit there, and to ask for one is -KTLS_E_NO_KERNEL.
	 */
	unsigned int max_fragment;
	unsigned int record_size_limit;

	/*
	 * ---- certificates ----
	 *
	 * Compression of certificates (RFC 8879, TLS 1.3): names separated by
	 * colons, best first: "zlib:brotli:zstd".  The peer's certificate is
	 * taken in any of these forms; ours is sent in the first that the peer
	 * takes, if that is shorter.  Each needs a library of its own (libz,
	 * libbrotlienc and libbrotlidec, libzstd), which is loaded now: where
	 * it is not there, that form is not offered.  An unknown name is
	 * -KTLS_E_OPTION.
	 *
	 * NULL, the default: none, so that no such library sees what a stranger
	 * sends, and none is loaded, until somebody says that the bytes are
	 * worth it.
	 *
	 * Our certificates are compressed now, once, and not in handshakes: a
	 * chain that goes with a response of hooks.ocsp goes uncompressed.  What
	 * the peer's certificate takes is bounded by max_message, whatever it
	 * was compressed to.
	 */
	const char *cert_compression;

	/*
	 * ---- padding ----
	 *
	 * TLS 1.3 (RFC 9846 5.4): the content of every record that we send,
	 * handshake and alerts too, is padded to a multiple of @padding bytes,
	 * or to as much as the peer takes: 16384 makes all records alike, 468
	 * is RFC 8467's for answers of DNS, 0 pads nothing.  It hides the length
	 * of what is sent in one call, not how many calls there are, nor when.
	 *
	 * The kernel cannot pad: user space carries what is sent
	 * (KTLS_STEP_PADDING), and with @tx KTLS_PATH_KERNEL it is
	 * -KTLS_E_OPTION, as it is with TLS 1.2 alone.  Where TLS 1.2 is
	 * negotiated, nothing is padded.  A connection that ktls_conn_load()
	 * makes pads as its new config says.
	 */
	unsigned int padding;

	/*
	 * ---- what certificates must be ----
	 *
	 * The signature schemes that the peer's certificates may be signed
	 * with, named as in @sigalgs (signature_algorithms_cert, RFC 9846
	 * 4.3.3): sent in the ClientHello and in CertificateRequest, and a
	 * chain with another is -KTLS_E_CERT_SIGALG, its anchor aside.  In TLS
	 * 1.2 an ECDSA scheme stands for its hash, whatever the curve, and a
	 * server's request cannot say it.  NULL: not sent; what is signed with
	 * at least 112 bits of security is taken.  Not with KTLS_VERIFY_NONE;
	 * with KTLS_F_VERIFY_ELSEWHERE it is said, and left to the hook.
	 */
	const char *sigalgs_cert;

	/*
	 * server that verifies: filters for clients' certificates, at most
	 * 16384 bytes of them, no @oid twice.  A client of TLS 1.3 sends a
	 * certificate only if it matches those that it knows; of either
	 * version, one that does not is -KTLS_E_CERT_FILTER.
	 */
	const struct ktls_oid_filter *oid_filters;
	size_t oid_filters_len;

	/*
	 * Peers that may prove who they are by a raw public key, without a
	 * certificate (RFC 7250, TLS 1.3): the keys ("BEGIN PUBLIC KEY") in a
	 * PEM file, or one in DER (SubjectPublicKeyInfo), as PEM text, and
	 * SHA-256 hashes of SubjectPublicKeyInfos, 64 hex digits each,
	 * separated by colons.  A key that is not among them is
	 * -KTLS_E_RAW_KEY; without any, none is ever taken, nor asked for.  Not
	 * with KTLS_VERIFY_NONE.
	 *
	 * A key has no name: any of them is right for any server_name.  A
	 * client of several servers that must not pose as each other has a
	 * config for each.  It has no end of validity either, and no status:
	 * with KTLS_F_NEED_STATUS it does not do.
	 *
	 * Certificates are taken as well, unless KTLS_F_RAW_KEYS_ONLY.
	 */
	const char *raw_keys_file;
	const char *raw_keys_pem;
	const char *raw_key_hashes;

	/*
	 * ---- resumption of TLS 1.3 ----
	 *
	 * server: tickets to send after a full handshake (2; at most 16), as a
	 * part of the hand-off; after a resumed one it is one.  Further ones
	 * are sent by ktls_conn_send_tickets().  A client keeps the 4 newest of
	 * each server, offers one, and uses none twice; an alert that ends a
	 * connection, or a handshake in which one was offered, ends them all.
	 * What @sessions, @session_lifetime and @ticket_period say above is
	 * true of these, too.
	 */
	unsigned int tickets;

	/*
	 * ---- 0-RTT ----
	 *
	 * Bytes of early data at most (at most 16777216; 0: none), which a
	 * client sends together with its hello when it has a ticket that
	 * allows it: see ktls_hs_early_write().  ANYONE WHO HAS RECORDED IT CAN
	 * SEND IT AGAIN, and it has no forward secrecy: only for what does no
	 * harm if it happens twice, such as a GET without effect.
	 *
	 * A server keeps them in memory until ktls_hs_early_read() or
	 * ktls_conn_early_read() has them, gives tickets that allow so many,
	 * and accepts early data at most once:
	 *  - a hello more than 10 s older or newer than it says is not taken
	 *    for it (RFC 9846 8.3);
	 *  - with KTLS_F_SINGLE_USE, once for each ticket (8.1), for all that
	 *    share the session_store, which needs @take then;
	 *  - with hooks.early_first, as that says, for all that share what it
	 *    asks: also of tickets for one use, which a store that loses what
	 *    it did last would give out again;
	 *  - with neither, only with tickets that this very config has made,
	 *    by memory of those it has accepted (8.2), 24,576 in 21 s: other
	 *    servers with the same ticket keys, and this one when it has
	 *    started again, resume the session and reject the early data.
	 * What one process remembers is no memory of its children: where it
	 * is this config's own, of sessions without a session_store or of
	 * early data, they reject it after fork(2), as does a process after
	 * daemon(3), and any where a child cannot be told (MADV_WIPEONFORK).
	 */
	size_t early_data;

	/*
	 * External pre-shared keys of TLS 1.3, at most 1024; copied, and wiped
	 * with the config.  A client offers the first of them, behind a ticket
	 * (4 in all; an imported key is two); a server knows all of them, needs
	 * no certificate then, and prefers a suite that fits.  Who has the key
	 * is authenticated by it: no certificate is asked for or shown.  A key
	 * is for two parties alone: a third that has it can pose as either.
	 */
	const struct ktls_psk *psks;
	size_t psks_len;

	/*
	 * ---- chains that are known ----
	 *
	 * Seconds for which a peer's chain that has been verified is taken as
	 * verified when it comes again, byte for byte, and for the same name
	 * (60; at most 86400; KTLS_NO_KNOWN_CHAINS: each is parsed and verified
	 * anew, which is most of what a certificate costs).  No longer than the
	 * certificates are good that it was verified by, but a revocation list
	 * that ends meanwhile is heeded so much later.  Of 64 chains, of peers
	 * that have shown that they have the key, of 16 KiB each at most.  The
	 * peer's signature, its OCSP response and hooks.verify are not spared.
	 * Who sends the certificate of another may see by the time it takes
	 * whether that was here.
	 */
	uint32_t known_chains;
};

/*
 * How long the structs are that it points to, as the program knows them, which
 * may be built with another version of this header than the library: each may
 * grow at its end.
 */
struct ktls_sizes {
	size_t size;			/* of this struct */
	size_t cred;			/* of struct ktls_cred; and so on */
	size_t supp;
	size_t oid_filter;
	size_t psk;
	size_t hooks;
	size_t session_store;
};

#define KTLS_NO_KNOWN_CHAINS	UINT32_MAX

#define KTLS_NO_SESSIONS	((size_t)-1)

#define KTLS_OPTS(...) \
	(&(const struct ktls_opts){ .size = sizeof(struct ktls_opts), \
				    __VA_ARGS__ })

/*
 * server: refuse an unknown name with unrecognized_name, not another cert; also
 * to who resumes or has a PSK, unless there is no credential at all
 */
#define KTLS_F_STRICT_NAME	(1u << 0)
/* client: no middlebox compatibility (no session id, no ChangeCipherSpec) */
#define KTLS_F_NO_COMPAT	(1u << 1)
/*
 * TLS 1.3 directions go to the kernel only if it can change their keys (6.14
 * and later); else user space carries them.  Without this flag, an older
 * kernel is used, and a KeyUpdate from the peer ends the connection with
 * -KTLS_E_NO_REKEY.
 */
#define KTLS_F_NEED_REKEY	(1u << 2)
/*
 * server, TLS 1.3: answer a first hello with HelloRetryRequest and a cookie,
 * always.  The cookie holds the state, sealed under the ticket keys: once it is
 * sent, the ktls_hs may be freed, and another, of this config or of one with
 * the same ticket keys (ktls_ticket_keys_import()), suites and groups, goes on
 * when it is given the second hello first.  It opens for 60 seconds, and for
 * the hello that it was made for, which may be sent again meanwhile.
 */
#define KTLS_F_COOKIE		(1u << 3)
/*
 * TLS 1.2: refuse peers without the extended main secret (RFC 7627).  Without
 * the flag they are served, but what they agree on is never resumed.
 */
#define KTLS_F_NEED_EMS		(1u << 5)
/* neither give nor take session tickets (RFC 5077, RFC 9846 4.7.1) */
#define KTLS_F_NO_TICKETS	(1u << 6)
/*
 * SupplementalData and user mapping only under protection (RFC 4680 4): after
 * a first handshake without them, a second one is made under its keys, and
 * only then is the handshake done.  Both ends need the flag.  Limits the
 * config to TLS 1.2; what ktls_hs_renegotiate() needs, it needs.
 */
#define KTLS_F_DOUBLE_HANDSHAKE	(1u << 7)
/* server: ask clients that offer one for a user mapping hint (RFC 4681) */
#define KTLS_F_USER_MAPPING	(1u << 8)
/* TLS 1.2: refuse peers that do not indicate secure renegotiation (RFC 5746) */
#define KTLS_F_NEED_RENEGOTIATION_INFO	(1u << 9)
/* server: pick suites and groups in the client's order, not in ours */
#define KTLS_F_CLIENT_ORDER	(1u << 4)
/*
 * Ask the peer for the status of its certificate (OCSP; RFC 6066 8): a client,
 * and in TLS 1.3 a server that verifies too.  A response must be right, and if
 * it says "revoked" or is missing although the certificate demands it (RFC
 * 7633), the connection fails.  Not with KTLS_VERIFY_NONE.
 */
#define KTLS_F_STATUS		(1u << 10)
/* client: ask for it, and fail without a response that says "good" */
#define KTLS_F_NEED_STATUS	(1u << 11)
/*
 * server: tell clients that are asked for a certificate whose will do: the
 * subjects of the CAs that are trusted, and the issuers of certificates that
 * are and are no CA's (RFC 9846 4.3.4, 5246 7.4.4).  Not with
 * KTLS_VERIFY_NONE.  More than 32768 bytes of them are -KTLS_E_OPTION.
 */
#define KTLS_F_CA_NAMES		(1u << 12)
/*
 * This process ignores SIGPIPE: ktls_sendfile() need not keep it from coming,
 * which takes four more system calls each time.  A peer that has reset the
 * connection is then seen after 4 MiB at the latest.
 */
#define KTLS_F_SIGPIPE_IGNORED	(1u << 13)
/*
 * client: tell servers of TLS 1.2 which CAs are trusted here (RFC 6066 6), in
 * the open: a CA by its name, another certificate by its hash.  Only trust that
 * is named in the options, at most 4096 bytes of it, else -KTLS_E_OPTION.  A
 * server prefers a credential issued by one of them, and has others.
 */
#define KTLS_F_TRUSTED_CA_KEYS	(1u << 15)
/*
 * The library itself verifies no chain and no name: hooks.verify, which has to
 * be there, does so alone.  No trust is read.  Not with KTLS_F_STATUS,
 * _NEED_STATUS, _CA_NAMES or _TRUSTED_CA_KEYS, nor with KTLS_VERIFY_NONE.
 */
#define KTLS_F_VERIFY_ELSEWHERE	(1u << 20)
/*
 * Authentication of the client after the handshake of TLS 1.3 (RFC 9846 4.7.2).
 * client: offer it, and see ktls_conn_authenticate(); a request that comes
 * without the flag ends the connection.  server: keep what
 * ktls_conn_request_auth() needs of a connection whose client offers it, some
 * hundred bytes; not with KTLS_VERIFY_NONE.
 */
#define KTLS_F_POST_HANDSHAKE_AUTH	(1u << 21)
/*
 * server, with KTLS_F_POST_HANDSHAKE_AUTH: no handshake asks for a certificate,
 * of TLS 1.2 neither: @verify is for the answers to ktls_conn_request_auth(),
 * and who resumes is the one who was authenticated before, or nobody
 */
#define KTLS_F_AUTH_LATER	(1u << 22)
/*
 * For established connections alone, see ktls_conn_load(): a process that has
 * their data to serve and nobody to authenticate.  A server needs no
 * credential then, and KTLS_VERIFY_DEFAULT is KTLS_VERIFY_NONE; a handshake
 * with this config is -KTLS_E_STATE.
 */
#define KTLS_F_ESTABLISHED	(1u << 28)
/*
 * Offer, among what is meant, values that mean nothing (GREASE, RFC 8701), so
 * that peers which do not ignore what they do not know are found out early: a
 * client in its hello, a server of TLS 1.3 where it asks for a certificate.
 */
#define KTLS_F_GREASE		(1u << 25)

/*
 * The peer has to have one of the raw keys of the options, and no certificate
 * is taken; TLS 1.3 alone.  A peer that does no raw keys is
 * -KTLS_E_CERT_TYPE.
 */
#define KTLS_F_RAW_KEYS_ONLY	(1u << 23)
/*
 * TLS 1.3: resume without a key exchange, too (psk_ke, RFC 9846 4.3.10), which
 * saves its time and has NO FORWARD SECRECY: who gets the ticket's key decrypts
 * what was recorded.  With a peer that can do both, psk_dhe_ke is chosen.
 */
#define KTLS_F_PSK_KE		(1u << 16)
/*
 * server, TLS 1.3: tickets are the names of sessions that are kept here, or in
 * session_store, and each is good for one use (RFC 9846 8.1).  Of those that a
 * client offers, the first two are looked for.
 */
#define KTLS_F_SINGLE_USE	(1u << 17)
/*
 * server, TLS 1.3: data may be sent before the client's Finished is there
 * (0.5-RTT), by ktls_hs_answer() or, once ktls_hs_offload_tx() has succeeded,
 * by the kernel: to somebody who has shown nothing yet, not even that the hello
 * is not a replay.
 */
#define KTLS_F_EARLY_ANSWER	(1u << 18)

/*
 * Check @opts, read its files, fetch the algorithms from libcrypto, ask the
 * kernel what it carries (once a process), and build a config from it.
 *
 * Returns 0, or -EINVAL / -KTLS_E_OPTION for an option that makes no sense,
 * -KTLS_E_CERT_FILE, _KEY_FILE, _KEY_MISMATCH, _CA_FILE, -KTLS_E_NO_KERNEL
 * (KTLS_PATH_KERNEL and nothing can be offered), -ENOMEM; -E2BIG: an option is
 * set that this version of the library does not know yet.
 */
int ktls_config_new_size(struct ktls_config **config,
			 const struct ktls_opts *opts,
			 const struct ktls_sizes *sizes) KTLS_MUST_CHECK;
KTLS_MUST_CHECK
static inline int ktls_config_new(struct ktls_config **config,
				  const struct ktls_opts *opts)
{
	const struct ktls_sizes sizes = {
		sizeof(struct ktls_sizes), sizeof(struct ktls_cred),
		sizeof(struct ktls_supp), sizeof(struct ktls_oid_filter),
		sizeof(struct ktls_psk), sizeof(struct ktls_hooks),
		sizeof(struct ktls_session_store)
	};

	return ktls_config_new_size(config, opts, &sizes);
}
struct ktls_config *ktls_config_get(struct ktls_config *config);
void ktls_config_put(struct ktls_config *config);	/* NULL is fine */

/* ---- sessions and ticket keys that go elsewhere ------------------------ */

/*
 * Client: the session that would be offered to @server_name, for a program
 * that is to resume it when it runs again; in TLS 1.3 the newest ticket, which
 * is still offered here as well.  Returns the bytes that it takes,
 * which are in @buf if @size was enough; 0: there is none; -EINVAL: no name;
 * -KTLS_E_STATE: no client; -ENOMEM.
 *
 * WHO READS THEM CAN DECRYPT the connections of the session, and who writes
 * them can pose as the server: keep them as a private key is kept (mode 0600),
 * and read them from nowhere else.
 */
ssize_t ktls_session_export(struct ktls_config *config,
			    const char *server_name, void *buf,
			    size_t size) KTLS_MUST_CHECK;
/*
 * ... and back, under the name that it was made for.  -KTLS_E_SESSION: it is
 * damaged, has expired, or was made by a config with other trust, another
 * @verify or KTLS_F_STATUS or KTLS_F_NEED_STATUS, other credentials, or suites
 * (in TLS 1.2 groups, too) that this one does not offer;
 * -KTLS_E_STATE: no client, or one that keeps no sessions; -ENOMEM.
 */
int ktls_session_import(struct ktls_config *config, const void *buf,
			size_t len) KTLS_MUST_CHECK;

/*
 * Server: the keys that seal tickets, the sessions in a session_store, and the
 * cookies of KTLS_F_COOKIE, so that several servers open what any of them has
 * sealed.  One exports them, the others import them, once in each ticket_period
 * at least: the key of the next period is among them, and all change to it at
 * one time.  A server that missed it goes on with keys of its own until it
 * imports again.
 *
 * WHO HAS THEM CAN DECRYPT every connection whose ticket he has recorded, as
 * long as it was sealed under them.  They are never written anywhere by the
 * library.
 *
 * The bytes, for who makes or looks at them elsewhere (integers big-endian):
 *
 *	u8	1
 *	u32	ticket_period
 *	three keys, which seal from a period before now, now, in the next one:
 *		u64	when it begins to seal, seconds since the epoch; the
 *			first: 0, and 48 zeros, if there is none
 *		u8[16]	its name, random, which a ticket begins with
 *		u8[32]	AES-256-GCM
 *
 * The third begins one ticket_period after the second.
 *
 * Returns 0; -KTLS_E_STATE: no server; -KTLS_E_TICKET_KEYS: damaged, too old,
 * or of servers with another ticket_period.  What was imported before, or made
 * here, is replaced, but the key that sealed until now opens on.
 */
#define KTLS_TICKET_KEYS_SIZE	173
int ktls_ticket_keys_export(struct ktls_config *config,
	uint8_t keys[KTLS_TICKET_KEYS_SIZE]) KTLS_MUST_CHECK;
int ktls_ticket_keys_import(struct ktls_config *config,
	const uint8_t keys[KTLS_TICKET_KEYS_SIZE]) KTLS_MUST_CHECK;

/* ---- what the kernel offers -------------------------------------------- */

struct ktls_cap {
	uint16_t version;		/* KTLS_TLS12, KTLS_TLS13 */
	uint16_t cipher;		/* TLS_CIPHER_* of <linux/tls.h> */
	int tx_error;			/* 0: carried; else the errno */
	int rx_error;
};

#define KTLS_CAPS_MAX	16

struct ktls_caps {
	int ulp_error;			/* 0, or why TCP_ULP "tls" failed */
	unsigned int caps_len;
	struct ktls_cap caps[KTLS_CAPS_MAX];
	int rekey_tx_error;		/* 0: keys can be changed (TLS 1.3) */
	int rekey_rx_error;
	int max_payload_error;		/* TLS_TX_MAX_PAYLOAD_LEN, RFC 8449 */
	int no_pad_error;		/* TLS_RX_EXPECT_NO_PAD */
};

/*
 * Learn what this kernel does, by trying it on a loopback connection; the
 * result is kept for the life of the process.  Returns 0 (also when there is
 * no kTLS: see @ulp_error), or -errno when no loopback connection can be had,
 * or memory lacked: that is tried again by the next call.
 */
int ktls_probe_size(struct ktls_caps *caps, size_t size) KTLS_MUST_CHECK;
KTLS_MUST_CHECK
static inline int ktls_probe(struct ktls_caps *caps)
{
	return ktls_probe_size(caps, sizeof(*caps));
}

/* IANA's cipher name, e.g. "AES_128_GCM", for a TLS_CIPHER_*; or NULL */
const char *ktls_cipher_name(uint16_t cipher);

/* ---- what was negotiated ----------------------------------------------- */

/* The step at which a direction did not go to the kernel */
enum ktls_step {
	KTLS_STEP_NONE,		/* the kernel carries it */
	KTLS_STEP_PENDING,	/* not handed off yet */
	KTLS_STEP_OPTION,	/* KTLS_PATH_USER was asked for */
	KTLS_STEP_SOCKET,	/* socket is not a connected TCP socket */
	KTLS_STEP_ULP,		/* no kTLS: tls module missing or not allowed */
	KTLS_STEP_CIPHER,	/* this kernel lacks the cipher */
	KTLS_STEP_REKEY,	/* cannot change keys, and KTLS_F_NEED_REKEY */
	KTLS_STEP_KEYS,		/* TLS_TX, TLS_RX refused, or it has others */
	KTLS_STEP_RECORD_SIZE,	/* cannot limit records as was agreed */
	KTLS_STEP_PADDING,	/* cannot pad records */
};

struct ktls_why {
	enum ktls_step step;
	int error;		/* the errno of that step, 0 if it has none */
};

/*
 * "carried by the kernel", "TCP_ULP refused: No such file or directory (is
 * the tls module loaded?)", ... into @buf; returns @buf.
 */
char *ktls_why_text(const struct ktls_why *why, char *buf, size_t size);

/* What the status sent with the peer's certificate said */
enum ktls_status {
	KTLS_STATUS_NONE,	/* nothing was sent, as in a resumption */
	KTLS_STATUS_GOOD,
	KTLS_STATUS_UNKNOWN,	/* the responder does not know it */
};

/* What became of early data (0-RTT) */
enum ktls_early {
	KTLS_EARLY_NONE,	/* not offered, or not decided yet */
	KTLS_EARLY_REJECTED,	/* nobody has read it: send it anew, or not */
	KTLS_EARLY_ACCEPTED,
};

struct ktls_info {
	uint16_t version;		/* KTLS_TLS13; 0: not chosen yet */
	uint16_t suite;			/* IANA cipher suite */
	uint16_t group;			/* IANA named group */
	uint16_t peer_sigalg;		/* IANA scheme the peer signed with; 0 */
	uint16_t sigalg;		/* ... and we; 0: we did not */
	uint8_t retried;		/* a HelloRetryRequest was needed */
	uint8_t peer_verified;		/* chain (and name), or hooks.verify */
	uint8_t resumed;		/* an earlier session was resumed */
	uint8_t ems;			/* TLS 1.2: extended main secret */
	uint8_t secure_renegotiation;	/* TLS 1.2: peer does RFC 5746 */
	uint8_t renegotiated;		/* handshakes before this one */
	uint8_t alert_sent;		/* KTLS_ALERT_NONE: none */
	uint8_t alert_received;
	struct ktls_why tx, rx;
	char alpn[256];			/* "" : none */
	char server_name[256];		/* the name the client asked for, or "" */
	char peer_subject[256];		/* of the peer's certificate, or "" */
	/* content bytes of a record, at most: of ours, of the peer's (16384) */
	uint16_t tx_record, rx_record;
	uint8_t peer_status;		/* enum ktls_status */
	/*
	 * server: the client's user mapping hint (RFC 4681), or "".  Nobody
	 * vouches for it: it may help to find an account, whose certificate is
	 * then compared with the client's.
	 */
	char user_principal[512];	/* user@domain, UTF-8; no controls */
	char user_domain[256];
	/* IANA algorithm of our certificate's compression, of the peer's; 0 */
	uint16_t cert_compression, peer_cert_compression;
	/*
	 * The peer had a raw public key; @peer_subject is "sha256:" and 64 hex
	 * digits, the hash of its SubjectPublicKeyInfo
	 */
	uint8_t peer_raw_key;
	uint8_t early_data;		/* enum ktls_early */
	/*
	 * The peer has an external PSK, or had it in the handshake that is
	 * resumed, which counts as verified; @peer_subject is "psk:" and its
	 * identity, with %xx for bytes that do not print, as much as fits
	 */
	uint8_t external_psk;
	/* TLS 1.3: keys after the first (KeyUpdate), of ours, of the peer's */
	uint32_t tx_updates, rx_updates;
};

const char *ktls_version_name(uint16_t version);	/* "TLS 1.3" */
const char *ktls_suite_name(uint16_t suite);		/* IANA, or "unknown" */
const char *ktls_group_name(uint16_t group);
const char *ktls_sigalg_name(uint16_t sigalg);
const char *ktls_cert_compression_name(uint16_t algorithm);	/* "zlib" */

/*
 * The names, in our order of preference, that this library knows and the
 * loaded libcrypto has, suites that must be named (see @ciphers) left out: @i
 * counts from 0, NULL is the end.
 */
const char *ktls_suite_list(size_t i);
const char *ktls_group_list(size_t i);
const char *ktls_sigalg_list(size_t i);

/* ---- the handshake, without I/O ---------------------------------------- */

/*
 * Begin a handshake.  @server_name: the client's peer, a host name (sent as
 * server_name and checked) or an IP address (checked only); may be NULL with
 * KTLS_VERIFY_NONE; a server passes NULL.  Takes a reference on @config.
 * Returns 0, -EINVAL (no or malformed name), -ENOMEM, -KTLS_E_CRYPTO.
 * After fork(2) it goes on in one of the two processes, at most: both have the
 * same keys.
 */
int ktls_hs_new(struct ktls_hs **hs, struct ktls_config *config,
		const char *server_name) KTLS_MUST_CHECK;
void ktls_hs_free(struct ktls_hs *hs);	/* wipes; NULL is fine */

#define KTLS_WANT_SEND	(1 << 0)	/* ktls_hs_out() has bytes */
#define KTLS_WANT_RECV	(1 << 1)	/* ktls_hs_in() wants bytes */
#define KTLS_WANT_DONE	(1 << 2)	/* finished, nothing left to send */
#define KTLS_WANT_FAIL	(1 << 3)	/* failed; SEND may be set: the alert */
/* suspended until an answer: one at a time, without RECV; SEND may be set */
#define KTLS_WANT_SIGN	(1 << 4)	/* ktls_hs_sign_answer() */
#define KTLS_WANT_CRED	(1 << 5)	/* ktls_hs_cred_answer() */
#define KTLS_WANT_VERIFY (1 << 6)	/* ktls_hs_verify_answer() */
#define KTLS_WANT_ANSWER (KTLS_WANT_SIGN | KTLS_WANT_CRED | KTLS_WANT_VERIFY)

/* What the handshake waits for: a combination of KTLS_WANT_* */
unsigned int ktls_hs_wants(const struct ktls_hs *hs);

/*
 * Where received bytes go, and how many it may be given (at least 1): never
 * past the end of the current record, because bytes read from the socket can
 * no longer be the kernel's to decrypt.  NULL when none are wanted, or when
 * memory ran out (the handshake has failed then).
 */
void *ktls_hs_in(struct ktls_hs *hs, size_t *len);
/* @len bytes have been put there; 0, or the reason for which it failed. */
int ktls_hs_received(struct ktls_hs *hs, size_t len) KTLS_MUST_CHECK;

/* Bytes for the peer; NULL when there are none.  Valid until the next call. */
const void *ktls_hs_out(const struct ktls_hs *hs, size_t *len);
/* The first @len of them have been sent. */
void ktls_hs_sent(struct ktls_hs *hs, size_t len);

/* ---- answers from elsewhere -------------------------------------------- */

/*
 * What a suspended handshake waits for: 0, or -KTLS_E_STATE when it does not
 * wait for that.  What @request points to is valid until the answer or the end
 * of @hs; a thread that may outlive @hs needs a copy.
 */
int ktls_hs_sign_request_size(const struct ktls_hs *hs,
			      struct ktls_sign_request *request,
			      size_t size) KTLS_MUST_CHECK;
int ktls_hs_cred_request_size(const struct ktls_hs *hs,
			      struct ktls_cred_request *request,
			      size_t size) KTLS_MUST_CHECK;
int ktls_hs_verify_request_size(const struct ktls_hs *hs,
				struct ktls_verify_request *request,
				size_t size) KTLS_MUST_CHECK;
#define ktls_hs_sign_request(hs, request) \
	ktls_hs_sign_request_size(hs, request, sizeof(*(request)))
#define ktls_hs_cred_request(hs, request) \
	ktls_hs_cred_request_size(hs, request, sizeof(*(request)))
#define ktls_hs_verify_request(hs, request) \
	ktls_hs_verify_request_size(hs, request, sizeof(*(request)))

/*
 * The answer: what the hook of that name would have returned, KTLS_LATER apart,
 * with the signature at @sig.  The handshake goes on from within, as far as it
 * can without receiving: the same thread rules as for all else of @hs.  Returns
 * 0, or the reason for which it has failed; -KTLS_E_STATE when it does not wait
 * for that answer (nothing changes), as in a hook.
 */
int ktls_hs_sign_answer(struct ktls_hs *hs, const void *sig,
			ssize_t len) KTLS_MUST_CHECK;
int ktls_hs_cred_answer(struct ktls_hs *hs, int cred) KTLS_MUST_CHECK;
int ktls_hs_verify_answer(struct ktls_hs *hs, int answer) KTLS_MUST_CHECK;

/*
 * For the process that has the key, where that is one of a program's own: load
 * it, and sign what a request asks for; of that version, scheme and content
 * count.  It signs nothing that is not of the form that the version has, and
 * needs no config.  Several threads may use one signer at once.
 *
 * ktls_signer_new() returns 0 or as ktls_config_new(), with the reason in words
 * in @error (may be NULL), and -EINVAL for a key that is elsewhere;
 * ktls_signer_sign() the length of the signature, at most @size, -EINVAL (not
 * with this key, or not TLS's), -EMSGSIZE, -ENOMEM or -KTLS_E_CRYPTO.
 */
struct ktls_signer;
int ktls_signer_new_size(struct ktls_signer **signer, char *error,
			 size_t error_size, const struct ktls_cred *cred,
			 size_t size) KTLS_MUST_CHECK;
KTLS_MUST_CHECK
static inline int ktls_signer_new(struct ktls_signer **signer,
				  const struct ktls_cred *cred, char *error,
				  size_t error_size)
{
	return ktls_signer_new_size(signer, error, error_size, cred,
				    sizeof(*cred));
}
void ktls_signer_free(struct ktls_signer *signer);	/* NULL is fine */
ssize_t ktls_signer_sign(const struct ktls_signer *signer,
			 const struct ktls_sign_request *request, void *sig,
			 size_t size) KTLS_MUST_CHECK;

/* ---- another handshake on the connection ------------------------------- */

/*
 * Begin another handshake under the keys of this one, which is done and not
 * yet handed off: a server asks for it with a HelloRequest and waits for the
 * client's hello, a client sends its own.  TLS 1.2 only, and only where both
 * ends indicate it (RFC 5746) and use the extended main secret (RFC 7627).
 * @config: NULL, or one of the same role, which takes the other's place, for
 * instance to ask for a certificate now.  It is always a full handshake; its
 * peer's certificate must be that of the last one, if that had one (a resumed
 * one has none), and so must the server_name.  The session of the last one is
 * forgotten, the info begins anew.  Then drive @hs as before.
 *
 * Returns 0; -KTLS_E_STATE (not done), -EINVAL (@config does not fit: another
 * role, TLS 1.3 alone, or it verifies a server whose name was not given) or
 * -KTLS_E_NO_RENEGOTIATION (not with this peer), after which it is still done
 * and may be handed off; or a failure.  A peer that refuses fails it, and so
 * does one that has begun to send data: it must know that this is to come.
 */
int ktls_hs_renegotiate(struct ktls_hs *hs,
			struct ktls_config *config) KTLS_MUST_CHECK;

/* ---- what a handshake tells -------------------------------------------- */

/* A pointer of the caller's, NULL at first, for use in hooks */
void ktls_hs_set_data(struct ktls_hs *hs, void *data);
void *ktls_hs_data(const struct ktls_hs *hs);

/* The first reason for failure, or 0. */
int ktls_hs_error(const struct ktls_hs *hs);
/* ... in words, with the certificate or value that it is about. */
const char *ktls_hs_error_text(const struct ktls_hs *hs);
/* What is known by now of what is negotiated, and with whom */
void ktls_hs_info_size(const struct ktls_hs *hs, struct ktls_info *info,
		       size_t size);
static inline void ktls_hs_info(const struct ktls_hs *hs,
				struct ktls_info *info)
{
	ktls_hs_info_size(hs, info, sizeof(*info));
}

/* ---- early data -------------------------------------------------------- */

/*
 * client: send early data (opts.early_data), from ktls_hs_new() until the
 * handshake is done or the server is known to reject it.  Returns the bytes
 * taken, fewer than @len where the ticket, or the key (@max_records), allows no
 * more; -KTLS_E_STATE: none can be sent (no ticket that allows it, rejected,
 * done); or the failure.  It is data of the protocol that the ticket's
 * connection had: ktls_info.alpn says it until the server's choice is known.
 * ktls_info.early_data says what became of it: who rejects it has not read it,
 * and the library does not send it again.
 */
ssize_t ktls_hs_early_write(struct ktls_hs *hs, const void *buf,
			    size_t len) KTLS_MUST_CHECK;
/*
 * server: read it.  What is read before the handshake is done may be a replay,
 * and so it may later: the Finished proves only that somebody has the ticket's
 * key.  Returns a count; 0: there is no more; -EAGAIN: there may be, later; or
 * the failure.  What is left at ktls_offload() is for ktls_conn_early_read().
 */
ssize_t ktls_hs_early_read(struct ktls_hs *hs, void *buf,
			   size_t len) KTLS_MUST_CHECK;

/*
 * server with KTLS_F_EARLY_ANSWER: send data as soon as our own Finished is on
 * its way.  Returns the bytes taken, which ktls_hs_out() has for the client;
 * -EAGAIN while 65536 bytes or more wait there; -KTLS_E_STATE: too early, too
 * late, as much as the key allows (@max_records), or ktls_hs_offload_tx() has
 * succeeded; or the failure.
 */
ssize_t ktls_hs_answer(struct ktls_hs *hs, const void *buf,
		       size_t len) KTLS_MUST_CHECK;

/* ---- a handshake on a socket ------------------------------------------- */

/*
 * Attach the kernel's TLS to @fd (TCP_ULP): before the handshake, so that a
 * peer which closes early cannot make the hand-off fail.  ktls_hs_run() does
 * it itself; a caller with I/O of its own calls it first.  Returns 0 or the
 * reason; a failure is remembered in @hs and reported by ktls_*_info().  -EBUSY:
 * the kernel has keys of @fd, for a connection that this one is to be within,
 * and user space carries this one.
 */
int ktls_hs_attach(struct ktls_hs *hs, int fd);

/*
 * Run the handshake as far as @fd lets it.  Returns 0 when it is done,
 * KTLS_WANT_SEND or KTLS_WANT_RECV when a non-blocking socket is not ready
 * (poll for it, call again), KTLS_WANT_SIGN, _CRED or _VERIFY when it waits for
 * an answer (give it, call again; with KTLS_WANT_SEND when there is more to
 * send meanwhile), or the reason for failure, once the alert has been sent.
 * After a failure, shut the socket down for writing and read what
 * is left of it before closing, or a reset may overtake the alert.
 */
int ktls_hs_run(struct ktls_hs *hs, int fd) KTLS_MUST_CHECK;

/*
 * For a caller with I/O of its own, who calls ktls_hs_attach() first: it could
 * not send what ktls_hs_out() gave (@err: an -errno), or not receive
 * (@err: 0: the stream has ended).  Returns 0: go on, or the failure, which may
 * be an earlier one.  No alert is due for it, and one that waited is not sent.
 */
int ktls_hs_send_failed(struct ktls_hs *hs, int err);
int ktls_hs_recv_failed(struct ktls_hs *hs, int err);

/*
 * Hand @fd over: install the keys of a finished handshake in the kernel, or
 * where it cannot carry a direction, in the user-space record layer.  On
 * success *@conn is the connection and @hs is gone; on failure
 * (-KTLS_E_NO_KERNEL: KTLS_PATH_KERNEL and it refused; -ENOMEM) @hs is still
 * the caller's, fails from now on, and says why in its info.  -KTLS_E_STATE:
 * not finished, and nothing has changed.
 */
int ktls_offload(struct ktls_conn **conn, struct ktls_hs *hs,
		 int fd) KTLS_MUST_CHECK;

/*
 * server with KTLS_F_EARLY_ANSWER: hand over the sending direction of @fd
 * alone, when nothing waits in ktls_hs_out() and the client's Finished is still
 * to come.  From then on, write(2), sendfile(2) and their kin may be used on
 * it, while ktls_hs_run() goes on (of a failure, too, whoever moves the bytes:
 * the alert is the kernel's to send); ktls_offload() does the rest, and sends
 * the tickets, as ktls_conn_send_tickets() does, but waits for nobody: a full
 * socket gets the first, or none.  Raw writes count towards the limit of the
 * key: not more than a few GiB before ktls_offload().
 *
 * Returns 0; -KTLS_E_STATE: not now; -KTLS_E_NO_KERNEL: the kernel does not
 * carry it, info.tx says why, and the handshake goes on with ktls_hs_answer();
 * or the failure of the handshake.
 */
int ktls_hs_offload_tx(struct ktls_hs *hs, int fd) KTLS_MUST_CHECK;

/* ---- handshake and hand-off in one call -------------------------------- */

/*
 * Handshake and hand-off in one call, on a blocking or non-blocking @fd, in at
 * most @ms milliseconds (-1: no limit) -- -ETIMEDOUT then.  On failure the
 * reason in words goes to @error (may be NULL).  There is nobody here to answer
 * later: hooks have to answer at once (they may take their time, which @ms does
 * not cut short), and KTLS_LATER fails with -KTLS_E_STATE.
 */
int ktls_connect(struct ktls_conn **conn, int fd, struct ktls_config *config,
		 const char *server_name, int ms,
		 char *error, size_t error_size) KTLS_MUST_CHECK;
int ktls_accept(struct ktls_conn **conn, int fd, struct ktls_config *config,
		int ms, char *error, size_t error_size) KTLS_MUST_CHECK;

/* ---- an established connection ----------------------------------------- */

/*
 * Threads that share a connection, say one that sends and one that receives,
 * hold a lock of theirs around each call, of either direction: what is received
 * may end the connection, or ask for a new key to send with.  For nobody to
 * wait with the lock held, the socket is to be non-blocking, and poll(2) is
 * called without it, for what a call was refused with -EAGAIN.
 *
 * What goes past us where the kernel carries a direction needs no lock: any
 * number of threads, or processes, may write(2) at once, and what is taken of a
 * write stays in one piece.  But nobody may write while the sending key is
 * changed, by ktls_conn_rekey(), ktls_send() or ktls_sendfile(), nor read while
 * ktls_recv(), ktls_conn_control() or ktls_conn_record() runs: a read-write
 * lock does it, which those who write or read share.
 */

#define KTLS_TX	(1 << 0)
#define KTLS_RX	(1 << 1)

/*
 * The directions that the kernel carries.  Where KTLS_TX is set, write(2),
 * send(2), sendfile(2), splice(2) and io_uring may be used on the socket;
 * where KTLS_RX is set, read(2) and its kin, and on -EIO or -EKEYEXPIRED
 * ktls_conn_control().
 */
unsigned int ktls_conn_kernel(const struct ktls_conn *conn);
int ktls_conn_fd(const struct ktls_conn *conn);
void ktls_conn_info_size(const struct ktls_conn *conn, struct ktls_info *info,
			 size_t size);
static inline void ktls_conn_info(const struct ktls_conn *conn,
				  struct ktls_info *info)
{
	ktls_conn_info_size(conn, info, sizeof(*info));
}

/* Wipes and frees; does not touch the socket.  NULL is fine. */
void ktls_conn_free(struct ktls_conn *conn);

/* ---- data on a connection ---------------------------------------------- */

/*
 * Send @len bytes.  @flags: MSG_DONTWAIT, MSG_MORE (the record may stay open);
 * MSG_NOSIGNAL is implied.  Returns the bytes taken (perhaps fewer than @len
 * on a non-blocking socket), -EAGAIN, -EPIPE, another -errno, or
 * -KTLS_E_KEY_LIMIT (the key is used up and the kernel cannot change it; our
 * side has been closed with close_notify).  Performs a key change that is due
 * first.  In user space a non-blocking socket may leave a part of what was
 * taken to ktls_flush(): see KTLS_EV_FLUSH; and an errno but -EAGAIN and -EINTR
 * is the end of this direction, for what the socket refuses is sealed by then.
 */
ssize_t ktls_send(struct ktls_conn *conn, const void *buf, size_t len,
		  int flags) KTLS_MUST_CHECK;

/*
 * Send @count bytes of the file @in_fd from *@offset, which is advanced; NULL:
 * from its file position.  Returns the bytes taken, 0 at the end of the file,
 * or as ktls_send().  With KTLS_TX in the kernel this is sendfile(2).
 */
ssize_t ktls_sendfile(struct ktls_conn *conn, int in_fd, off_t *offset,
		      size_t count) KTLS_MUST_CHECK;

/*
 * Receive up to @len (at least 1) bytes; handles alerts, tickets and
 * KeyUpdates on the way.  @flags: MSG_DONTWAIT.  Returns a count; 0 when the
 * peer has sent close_notify; -KTLS_E_TRUNCATED when the stream ended without
 * it; -KTLS_E_PEER_ALERT; -EAGAIN; another reason, for which an alert has been
 * sent, or is by ktls_conn_shutdown().  Failures but -EAGAIN, -EINTR (a signal,
 * or KTLS_EV_AUTH or KTLS_EV_UNANSWERED may have changed) and -EKEYEXPIRED (a
 * KeyUpdate received past us waits for ktls_conn_record()) are final,
 * -KTLS_E_TRUNCATED and an errno for this direction only.  Read until -EAGAIN
 * before poll(2), which does not see what user space holds, nor a KeyUpdate
 * that the kernel has read ahead with data before it.
 */
ssize_t ktls_recv(struct ktls_conn *conn, void *buf, size_t len,
		  int flags) KTLS_MUST_CHECK;

/*
 * Consume the control records (alerts, handshake) that stand before the next
 * data: for a caller who reads with read(2), splice(2) or io_uring, when that
 * says EIO (splice: EINVAL), EKEYEXPIRED, or a failure of decryption (EBADMSG,
 * EMSGSIZE), for which the peer gets its alert here, and when it returns 0: a
 * plain read cannot tell close_notify from a stream that was cut.  Returns 1
 * when data may be read again, 0 when the peer has closed, -EAGAIN or -EINTR
 * when there is nothing to be had yet, or as ktls_recv().  Here too, read until
 * there is a failure before poll(2).  KTLS_RX must be the kernel's, else
 * -KTLS_E_STATE.  Ask ktls_conn_events() before the next write:
 * the peer may have asked for a new key.
 */
int ktls_conn_control(struct ktls_conn *conn) KTLS_MUST_CHECK;

/*
 * The same for a caller that received the record by itself (io_uring, or
 * recvmsg(2) with a control buffer): a whole record of @type, which must be
 * MSG_EOR-complete.  Call it before the next receive: a KeyUpdate in it
 * changes the key.
 */
int ktls_conn_record(struct ktls_conn *conn, uint8_t type, const void *rec,
		     size_t len) KTLS_MUST_CHECK;

/* ---- a connection, with I/O of one's own ------------------------------- */

/*
 * For an event loop, or an io_uring (which libktls-uring does): from
 * ktls_conn_own_io() on, no call waits for the socket, even a blocking one
 * (sendfile(2) has no such flag: ktls_sendfile() does where the kernel sends),
 * but says -EAGAIN, and what user space carries is the caller's to move, by
 * ktls_conn_in() and ktls_conn_out().  Only shutdown(2) and, where the kernel
 * sends, alerts and handshake messages still go to it by themselves; so it ends
 * by ktls_conn_shutdown() like any other.  Returns 0.
 */
int ktls_conn_own_io(struct ktls_conn *conn);

/*
 * Where the kernel sends: before each raw send, and after it.
 * ktls_conn_raw_begin() does what has to come first (a message that waits, a
 * KeyUpdate that is due), and lowers *@len to what may be sent then under the
 * key; 0, -EAGAIN (when the socket can be written to again), or as ktls_send().
 * ktls_conn_raw_end() is told what came of it, bytes or -errno: 0 or a failure.
 */
int ktls_conn_raw_begin(struct ktls_conn *conn, size_t *len) KTLS_MUST_CHECK;
int ktls_conn_raw_end(struct ktls_conn *conn, ssize_t n) KTLS_MUST_CHECK;
/*
 * Where the kernel receives: data did come, @len bytes, perhaps none: 1, and
 * they are the caller's; 0: the peer has closed before; or as ktls_recv().  For
 * what is no data there is ktls_conn_record(), for failures
 * ktls_conn_control().
 */
int ktls_conn_data(struct ktls_conn *conn, size_t len) KTLS_MUST_CHECK;

/*
 * Where user space receives: where to put what comes from the socket, and what
 * came of it, bytes (0: the stream has ended; -EINVAL: more than there was room
 * for) or -errno (none).  Then ktls_recv() until it says -EAGAIN.  NULL: no
 * room, or not ours.  The room stays where it is until the next ktls_conn_in();
 * while it is out, ktls_conn_save() is -EBUSY.
 */
void *ktls_conn_in(struct ktls_conn *conn, size_t *len) KTLS_MUST_CHECK;
int ktls_conn_received(struct ktls_conn *conn, ssize_t n) KTLS_MUST_CHECK;
/*
 * Where user space sends: what is to be written to the socket next (NULL:
 * nothing), which stays where it is until ktls_conn_sent() tells how much of it
 * was, whatever else is sent meanwhile; ktls_send() and ktls_sendfile() take 64
 * KiB or a little more before they say -EAGAIN, other calls twice as much.
 * While it is out, or more than a record waits, ktls_conn_save() is -EBUSY.
 */
const void *ktls_conn_out(struct ktls_conn *conn, size_t *len) KTLS_MUST_CHECK;
void ktls_conn_sent(struct ktls_conn *conn, size_t len);

/* ---- what is due on a connection --------------------------------------- */

#define KTLS_EV_REKEY	(1 << 0)	/* ktls_conn_rekey() is due */
#define KTLS_EV_CLOSED	(1 << 1)	/* peer sent close_notify */
#define KTLS_EV_FLUSH	(1 << 2)	/* ktls_flush() has work */
#define KTLS_EV_KEY_LIMIT (1 << 3)	/* the key is used up and cannot be
					   changed: ktls_conn_shutdown() */
#define KTLS_EV_AUTH	(1 << 4)	/* client: the server wants to know who
					   it is: ktls_conn_authenticate() */
#define KTLS_EV_UNANSWERED (1 << 5)	/* server: not all answers are here to
					   ktls_conn_request_auth() */

/*
 * What waits to be done, KTLS_EV_*.  Reads the live record counter from the
 * kernel, so a caller of raw write(2) asks now and then (every few GiB).  Raw
 * write(2), sendfile(2) and splice(2) also raise SIGPIPE; ours do not.  And when
 * the peer has reset the connection they may go on to succeed, while the kernel
 * keeps what goes nowhere, until it is out of memory for TCP: look for POLLHUP
 * before the next, as ktls_send() and ktls_sendfile() do.  close(2) of what it
 * kept raises SIGPIPE, too.
 */
unsigned int ktls_conn_events(struct ktls_conn *conn);

/*
 * Change the sending key (KeyUpdate, RFC 9846 4.7.3), and with
 * KTLS_REKEY_BOTH ask the peer to change its own, unless it has been asked
 * already, or has asked itself and this is the answer.  No other thread may send
 * meanwhile.  Returns 0, -EAGAIN (call again), -KTLS_E_NO_REKEY (the kernel
 * cannot, be it that it could not receive under the key that is asked for; the
 * connection goes on with the old ones), or another failure.
 */
#define KTLS_REKEY_BOTH	(1u << 0)
int ktls_conn_rekey(struct ktls_conn *conn,
		    unsigned int flags) KTLS_MUST_CHECK;

/* ---- authentication after the handshake -------------------------------- */

/*
 * Authentication of the client after the handshake (RFC 9846 4.7.2), where both
 * ends have set KTLS_F_POST_HANDSHAKE_AUTH.  The hooks that choose, sign and
 * verify are asked as in the handshake, and have to answer at once.  Neither
 * end's messages go out but in these calls, and what of them is left by a full
 * socket (KTLS_EV_FLUSH) in the next call that sends; no raw write(2) before
 * that.
 *
 * Server: ask the client for a certificate.  The answer is taken by whatever
 * receives; until it is there, KTLS_EV_UNANSWERED is set.  Then ktls_conn_info()
 * tells who the client is: @peer_subject, @peer_verified, @peer_sigalg and
 * @peer_status are those of the new certificate, and as they were if it has
 * sent none.  With KTLS_VERIFY_REQUIRE that fails the connection
 * (-KTLS_E_CERT_REQUIRED), and a certificate that does not verify always does.
 * ktls_recv() and ktls_conn_control() return -EINTR when an answer has come, so
 * that one may wait for it in them.  What was received before it came from
 * whoever the client was before; data on its way may still be in front of it.
 *
 * Returns 0; -KTLS_E_NO_POST_AUTH (the client has not offered it, or has no
 * certificate of a kind that is taken, or this is TLS 1.2), -KTLS_E_STATE (no
 * server, or not with the flag), -EBUSY (four requests are without an answer),
 * -EPIPE (nothing can be received, or sent, any more) or -EAGAIN, after which
 * nothing has been sent; or a failure as of ktls_send().
 */
int ktls_conn_request_auth(struct ktls_conn *conn) KTLS_MUST_CHECK;
/*
 * Client: answer all requests that wait (KTLS_EV_AUTH), with the credential
 * that hooks.choose_cred or, without it, the library chooses, or with none.
 * ktls_recv() and ktls_conn_control() return -EINTR when a request has come.
 * No other thread may send meanwhile.  Returns 0, also when none waits; -EAGAIN
 * (call again); -KTLS_E_STATE (no client, or not with the flag); or a failure
 * as of ktls_send().
 */
int ktls_conn_authenticate(struct ktls_conn *conn) KTLS_MUST_CHECK;

/* ---- close a connection ------------------------------------------------ */

/*
 * Push out what the user-space record layer holds, and messages that are not
 * out yet: 0, -EAGAIN or a failure.
 */
int ktls_flush(struct ktls_conn *conn) KTLS_MUST_CHECK;

/*
 * End our side: flush, close_notify, shutdown(SHUT_WR).  The other direction
 * stays open.  After a failure its alert takes the place of close_notify, if it
 * has not gone out yet, for want of room, and the call never waits.  Returns 0,
 * -EAGAIN (call again when the socket can be written to), -EINTR (the same, at
 * once), or a failure.  Where the kernel sends to a peer that is slow, the last
 * of it may still wait in the kernel's TLS, and a shutdown would cut that off:
 * then it is left out.  Read until 0 before closing the socket, or what is
 * unread makes TCP reset it and the peer may lose data that was sent.
 */
int ktls_conn_shutdown(struct ktls_conn *conn) KTLS_MUST_CHECK;

/* ---- exporters and channel bindings ------------------------------------ */

/*
 * Keying material for the application (RFC 9846 7.5, 5705): @len bytes for
 * @label and @context.  Both ends get the same.  @len at most 255 hashes.  In
 * TLS 1.2 a @context of NULL is none, which is not the same as an empty one.
 */
int ktls_conn_export(const struct ktls_conn *conn, const char *label,
		     const void *context, size_t context_len,
		     void *out, size_t len) KTLS_MUST_CHECK;

/*
 * "tls-exporter" (RFC 9266): what names this connection to both ends and to
 * nobody else, for an authentication above TLS (SCRAM, GSS-API) to bind itself
 * to.  Its context is empty, as RFC 9266 2 and GnuTLS have it; a peer that calls
 * SSL_export_keying_material() must use an empty context too, which in TLS 1.2
 * is not the same as none.  -KTLS_E_NO_BINDING: TLS 1.2 without the extended
 * main secret, or after a renegotiation.
 */
#define KTLS_BINDING_SIZE	32
int ktls_conn_binding(const struct ktls_conn *conn,
		      uint8_t out[KTLS_BINDING_SIZE]) KTLS_MUST_CHECK;

/*
 * The same of a handshake that is done, before ktls_offload(); -KTLS_E_STATE
 * before it is.
 */
int ktls_hs_export(const struct ktls_hs *hs, const char *label,
		   const void *context, size_t context_len, void *out,
		   size_t len) KTLS_MUST_CHECK;
int ktls_hs_binding(const struct ktls_hs *hs,
		    uint8_t out[KTLS_BINDING_SIZE]) KTLS_MUST_CHECK;

/* ---- more of a server's connection ------------------------------------- */

/*
 * server: early data that came in the handshake and has not been read there; a
 * count, 0: no more.  ktls_recv() never returns it.  While there is some,
 * ktls_conn_save() is -EBUSY.
 */
ssize_t ktls_conn_early_read(struct ktls_conn *conn, void *buf,
			     size_t len) KTLS_MUST_CHECK;

/*
 * server, TLS 1.3: send @count more tickets (1 to 16), for a client that is
 * about to open several connections.  It is a message to the peer, as data is:
 * no other thread may send meanwhile.  Returns how many were sent, fewer if the
 * socket is full: what it has not taken of the last one goes out as with
 * ktls_conn_request_auth() (KTLS_EV_FLUSH; no raw write(2) before that).  0 if
 * this client takes none, tickets are not given, or their sessions are over
 * (@session_lifetime) or cannot be kept (KTLS_F_SINGLE_USE); -EAGAIN, and none
 * was sent; or a failure as of ktls_send().
 */
int ktls_conn_send_tickets(struct ktls_conn *conn,
			   unsigned int count) KTLS_MUST_CHECK;

/* The alert that ended it, sent or received, or KTLS_ALERT_NONE. */
uint8_t ktls_conn_alert(const struct ktls_conn *conn);

/* ---- a connection in another process ----------------------------------- */

/*
 * All that a connection is besides its socket, for a process that has that,
 * too, and goes on with it: rekeys, closes, exports keying material, sends and
 * receives, whoever carries a direction.  Where user space does, what it holds
 * goes along: records not sent yet, bytes received and not yet read.
 *
 * Returns the bytes that it takes.  If @size is enough they are in @buf, and
 * this end is spent: of two who send one would reuse the other's keys.  Its
 * secrets are wiped, each call but ktls_conn_free(), ktls_conn_info(),
 * ktls_conn_alert() and ktls_conn_fd() is -KTLS_E_STATE (ktls_conn_kernel(),
 * ktls_conn_events(): 0; ktls_conn_in(), ktls_conn_out(): NULL), and the socket
 * is to be closed here, not shut down.  Otherwise nothing has changed; call it
 * with @size 0 to learn the size, which is 1 to 3 KiB where the kernel carries
 * both directions.
 *
 * WHO READS THE BYTES CAN DECRYPT the connection from the last change of keys
 * on, in TLS 1.2 from its beginning, and can write in its name; who writes them
 * chooses its keys.  A digest guards against accidents, no more.  Pass them to
 * processes that may do all that, and keep them nowhere.
 *
 * KTLS_SAVE_SEALED (a server with ticket keys): the same for a store that
 * others can read and write, sealed under the keys that seal tickets, with
 * whose age it becomes useless (see @ticket_period, ktls_ticket_keys_export()).
 * What the store can do is bring back an old state.  The kernel's keys tell
 * one of before a rekey; but where user space sends, the same state taken up
 * twice encrypts twice under the same nonces: such a store must give a
 * connection out once.
 *
 * Authentication after the handshake (KTLS_F_POST_HANDSHAKE_AUTH) ends with it:
 * libcrypto does not give away the hash of the handshake.  A request for it
 * ends the connection from then on, and -EBUSY is returned while one has not
 * been answered.
 *
 * A failed connection is not saved: the reason for that is returned.  Others:
 * -EINVAL (flags), -KTLS_E_STATE (no ticket keys), -ENOMEM, -KTLS_E_CRYPTO.
 */
#define KTLS_SAVE_SEALED	(1u << 0)
ssize_t ktls_conn_save(struct ktls_conn *conn, void *buf, size_t size,
		       unsigned int flags) KTLS_MUST_CHECK;

/*
 * ... and back, on @fd: the connection's socket, of which the caller remains
 * the owner.  @config: of the same role; KTLS_F_ESTABLISHED will do.  Its
 * max_records, max_message and sessions count from here on; its tx and rx have
 * to allow who carries each direction, which does not change.  Tickets are sent
 * and kept from here on only if it would also take the other config's sessions
 * (trust, @verify and so on, see ktls_session_import()): the peer was verified
 * under that.  @flags as it was saved with: where KTLS_SAVE_SEALED is expected,
 * nothing else is taken.
 *
 * Returns 0; -KTLS_E_CONN_SAVED: damaged, of another version of the library, of
 * another role, with a cipher that libcrypto lacks, or under ticket keys that
 * are not here; -KTLS_E_CONN_SOCKET: the kernel has other keys for @fd, or has
 * some where user space is to have them; -KTLS_E_STATE: no ticket keys;
 * -EINVAL, -ENOMEM, -KTLS_E_CRYPTO.
 */
int ktls_conn_load(struct ktls_conn **conn, struct ktls_config *config, int fd,
		   const void *buf, size_t len,
		   unsigned int flags) KTLS_MUST_CHECK;

/*
 * Both over the Unix socket @unix_fd, together with the connection's own
 * socket: in one message (SCM_RIGHTS) if it is SOCK_SEQPACKET or SOCK_DGRAM,
 * at a stream's front else.  Who has connected to it gets the keys: see
 * SO_PEERCRED.
 *
 * ktls_conn_pass() returns 0, and @conn is spent, its socket to be closed; or
 * -EAGAIN, another errno or as ktls_conn_save(), and nothing has changed, but a
 * stream may have taken a part and be of no more use.  -EMSGSIZE: a message is
 * not to be so large (SO_SNDBUF).
 *
 * ktls_conn_receive() returns 0 with *@conn and *@fd (close-on-exec, the
 * caller's to close); or -EAGAIN, -ENOTCONN when @unix_fd is at its end (or
 * an empty message has come, where there is an end), another errno, or as
 * ktls_conn_load(), and *@fd is -1.  After -KTLS_E_CONN_SAVED a message is gone,
 * and the next one may be right; a stream is of no more use.
 *
 * On a non-blocking stream both wait for the rest once there has been a part;
 * a message never has one.
 */
int ktls_conn_pass(struct ktls_conn *conn, int unix_fd) KTLS_MUST_CHECK;
int ktls_conn_receive(struct ktls_conn **conn, struct ktls_config *config,
		      int unix_fd, int *fd) KTLS_MUST_CHECK;

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* KTLS_H */
