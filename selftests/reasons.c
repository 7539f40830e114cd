// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every reason for which the library gives up, come by for real: the error,
 * the alert on the wire, the words.  A new reason gets a row.
 */
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "peer.h"
#include "reasons_lib.h"

#define BYTES(s)	{ (const uint8_t *)(s), sizeof(s) - 1 }
#define WHY(e)		.err = KTLS_E_##e
#define CLIENT		.end = CLIENT_END
#define SERVER		.end = SERVER_END
#define V12		.version = KTLS_TLS12
#define ACT(...)	.act = { __VA_ARGS__ }
/* To a message of the other end */
#define TO(m, o, ...)	{ .op = ACT_##o, .msg = HT_##m, __VA_ARGS__ }
#define AT(n)		.at = (n)
#define WITH(s)		.with = BYTES(s)
#define ITSELF(fn)	.produce = reason_##fn

#define ZERO16	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static int refuse(void *arg, struct ktls_hs *hs, uint16_t type,
		  const void *data, size_t len)
{
	(void)arg;
	(void)hs;
	(void)type;
	(void)data;
	(void)len;
	return -1;
}

static const struct ktls_supp supp = {
	.type = 1000, .extension = 2000, .data = "d", .data_len = 1,
	.recv = refuse,
};

#ifdef KTLS_F_NEED_STATUS
static ssize_t no_response(void *arg, size_t cred, void *buf, size_t size)
{
	(void)arg;
	(void)cred;
	(void)size;
	*(uint8_t *)buf = 0;
	return 1;
}

static const struct ktls_hooks no_ocsp = { .ocsp = no_response };
#endif

/* Key usage: keyAgreement */
static const struct ktls_oid_filter filter = { "2.5.29.15", "\3\2\3\x08", 4 };

static int no_timestamps(void *arg, struct ktls_hs *hs,
			 const struct ktls_sct *sct)
{
	(void)arg;
	(void)hs;
	return sct->list_len ? 0 : -1;
}

static const struct ktls_hooks need_sct = { .sct = no_timestamps };

static int choose_none_of_them(void *arg, struct ktls_hs *hs,
			       const struct ktls_cred_request *request)
{
	(void)arg;
	(void)hs;
	(void)request;
	return 7;
}

static ssize_t sign_nothing(void *arg, struct ktls_hs *hs,
			    const struct ktls_sign_request *request, void *sig,
			    size_t size)
{
	(void)arg;
	(void)hs;
	(void)request;
	memset(sig, 0, size);
	return (ssize_t)size;
}

static ssize_t refuse_to_sign(void *arg, struct ktls_hs *hs,
			      const struct ktls_sign_request *request,
			      void *sig, size_t size)
{
	(void)sign_nothing(arg, hs, request, sig, size);
	return -1;
}

static int refuse_peer(void *arg, struct ktls_hs *hs,
		       const struct ktls_verify_request *request)
{
	(void)arg;
	(void)hs;
	(void)request;
	return -1;
}

static const struct ktls_hooks bad_signer = { .sign = sign_nothing };
static const struct ktls_hooks no_signer = { .sign = refuse_to_sign };
static const struct ktls_hooks no_peer = { .verify = refuse_peer };

static const struct ktls_hooks no_such_cred = {
	.choose_cred = choose_none_of_them,
};

static int choose_later(void *arg, struct ktls_hs *hs,
			const struct ktls_cred_request *request)
{
	(void)arg;
	(void)hs;
	(void)request;
	return KTLS_LATER;
}

static const struct ktls_hooks later = { .choose_cred = choose_later };

static ssize_t a_byte(void *arg, struct ktls_hs *hs,
		      const struct ktls_cert_url *at, void *buf, size_t size)
{
	(void)arg;
	(void)hs;
	(void)size;
	*(uint8_t *)buf = 0;
	return !strcmp(at->url, "http://here");
}

static const struct ktls_hooks byte_there = { .cert_url = a_byte };

/* RFC 8879; the rows name more of either end */
#define ZLIB	.client.cert_compression = "zlib", \
	.server.cert_compression = "zlib"

#define ZEROS	"0000000000000000"
#define NO_KEY	ZEROS ZEROS ZEROS ZEROS

#define CERT_AT(where)	V12, .client_cert = "client", .client_url = where, \
	.server = { .verify = KTLS_VERIFY_REQUIRE, .hooks = &byte_there }

static const struct reason rows[] = {
	/* the wire */
	{ WHY(DECODE), CLIENT, ACT(TO(FINISHED, CUT)) },
	{ WHY(DECODE), SERVER, V12, ACT(TO(CLIENT_KEY_EXCHANGE, CUT)) },
	{ WHY(UNEXPECTED), CLIENT,
	  ACT(TO(ENCRYPTED_EXTENSIONS, BEFORE, WITH("\16\0\0\0"))) },
	{ WHY(UNALIGNED), CLIENT, ACT(TO(FINISHED, APPEND, WITH("\4"))) },
	{ WHY(MESSAGE_SIZE), CLIENT,
	  ACT(TO(CERTIFICATE, WRITE, AT(1), WITH("\377\377\377"))) },
	{ WHY(MESSAGE_SIZE), CLIENT, .client.max_message = 100,
	  ACT(TO(CERTIFICATE, WRITE, AT(1), WITH("\0\0\145"))) },
	{ WHY(RECORD_TYPE), CLIENT,
	  ACT(TO(CERTIFICATE, RECORD, AT(24), WITH("\1"))) },
	{ WHY(RECORD_OVERFLOW), SERVER,
	  ACT(TO(CLIENT_HELLO, RAW, WITH("\26\3\3\377\377"))) },
	{ WHY(RECORD_EMPTY), SERVER,
	  ACT(TO(CLIENT_HELLO, RAW, WITH("\26\3\3\0\0"))) },
	{ WHY(RECORD_MAC), CLIENT,
	  ACT(TO(CERTIFICATE, RAW, WITH("\27\3\3\0\40" ZERO16 ZERO16))) },
	{ WHY(RECORD_FLOOD), CLIENT,
	  ACT(TO(SERVER_HELLO, RAW, WITH("\24\3\3\0\1\1"))) },
	/* extensions */
	{ WHY(EXT_DUPLICATE), SERVER,
	  ACT(TO(CLIENT_HELLO, EXTS, WITH("\22\64\0\0\22\64\0\0"))) },
	{ WHY(EXT_FORBIDDEN), CLIENT,
	  ACT(TO(SERVER_HELLO, PUT, AT(0), WITH(""))) },
	{ WHY(EXT_UNSOLICITED), CLIENT,
	  ACT(TO(SERVER_HELLO, PUT, AT(0x1234), WITH(""))) },
	{ WHY(EXT_MISSING), SERVER, ACT(TO(CLIENT_HELLO, DROP, AT(51))) },
	{ WHY(EXT_MISSING), CLIENT, ACT(TO(SERVER_HELLO, DROP, AT(51))) },
	{ WHY(EXT_ORDER), SERVER,
	  ACT(TO(CLIENT_HELLO, EXTS,
		 WITH("\0\51\0\54\0\7\0\1x\0\0\0\0\0\41\40" ZERO16 ZERO16
		      "\22\64\0\0"))) },
	/* negotiation */
	{ WHY(VERSION), SERVER,
	  ACT(TO(CLIENT_HELLO, PUT, AT(43), WITH("\2\3\2"))) },
	{ WHY(VERSION), CLIENT, V12,
	  ACT(TO(SERVER_HELLO, VERSION, WITH("\3\2"))) },
	{ WHY(VERSION_CHOICE), CLIENT,
	  ACT(TO(SERVER_HELLO, PUT, AT(43), WITH("\3\5"))) },
	{ WHY(DOWNGRADE), CLIENT,
	  .server.max_version = KTLS_TLS12,
	  ACT(TO(SERVER_HELLO, WRITE, AT(30), WITH("DOWNGRD\1"))) },
	{ WHY(SESSION_ID), CLIENT,
	  ACT(TO(SERVER_HELLO, SESSION_ID, WITH("x"))) },
	{ WHY(COMPRESSION), SERVER,
	  ACT(TO(CLIENT_HELLO, COMPRESSION, WITH("\1"))) },
	{ WHY(COMPRESSION), CLIENT,
	  ACT(TO(SERVER_HELLO, COMPRESSION, WITH("\1"))) },
	{ WHY(NO_SUITE), SERVER,
	  ACT(TO(CLIENT_HELLO, SUITES, WITH("\0\57"))) },
	{ WHY(NO_SUITE), SERVER,
	  .client.ciphers = "TLS_AES_128_GCM_SHA256",
	  .server.ciphers = "TLS_AES_256_GCM_SHA384" },
	{ WHY(SUITE_CHOICE), CLIENT,
	  ACT(TO(SERVER_HELLO, SUITES, WITH("\23\5"))) },
	{ WHY(NO_GROUP), SERVER, .client.groups = "x25519",
	  .server.groups = "secp384r1" },
	{ WHY(NO_FFDHE), SERVER, V12, .client.groups = "x25519:ffdhe2048",
	  .server.groups = "secp384r1" },
	{ WHY(GROUP_CHOICE), CLIENT, .client.groups = "x25519",
	  ACT(TO(SERVER_HELLO, PUT, AT(51), WITH("\0\31\0\1x"))) },
	{ WHY(KEY_SHARE), CLIENT, .client.groups = "x25519",
	  ACT(TO(SERVER_HELLO, PUT, AT(51), WITH("\0\35\0\1x"))) },
	{ WHY(RETRY_USELESS), CLIENT, .server.flags = KTLS_F_COOKIE,
	  ACT(TO(SERVER_HELLO, DROP, AT(44))) },
	{ WHY(RETRY_CHANGED), SERVER, .server.flags = KTLS_F_COOKIE,
	  ACT(TO(CLIENT_HELLO, SUITES, .nth = 1, WITH("\23\1"))) },
	{ WHY(COOKIE), SERVER, .server.flags = KTLS_F_COOKIE,
	  ACT(TO(CLIENT_HELLO, PUT, .nth = 1, AT(44), WITH("\0\1x"))) },
	{ WHY(NO_ALPN), SERVER, .client.alpn = "h2",
	  .server.alpn = "http/1.1" },
	{ WHY(ALPN_CHOICE), CLIENT, .client.alpn = "h2", .server.alpn = "h2",
	  ACT(TO(ENCRYPTED_EXTENSIONS, REPLACE,
		 WITH("\10\0\0\13\0\11\0\20\0\5\0\3\2h3"))) },
	{ WHY(UNKNOWN_NAME), SERVER, .server.flags = KTLS_F_STRICT_NAME,
	  .name = "www.other.test" },
	{ WHY(NO_SIGALG), SERVER, .client.sigalgs = "ed25519" },
	{ WHY(SIGALG_CHOICE), CLIENT,
	  ACT(TO(CERTIFICATE_VERIFY, WRITE, AT(4), WITH("\2\3"))) },
	{ WHY(CERT_CONTEXT), CLIENT,
	  ACT(TO(CERTIFICATE, REPLACE, WITH("\13\0\0\5\1x\0\0\0"))) },
	{ WHY(RENEGOTIATION), SERVER, V12,
	  ACT(TO(CLIENT_HELLO, PUT, AT(0xff01), WITH("\2xx"))) },
	{ WHY(RENEGOTIATION), CLIENT, V12,
	  ACT(TO(SERVER_HELLO, PUT, AT(0xff01), WITH("\2xx"))) },
	{ WHY(LEGACY_PEER), SERVER, V12,
	  .server.flags = KTLS_F_NEED_RENEGOTIATION_INFO,
	  ACT(TO(CLIENT_HELLO, DROP, AT(0xff01))) },
	{ WHY(LEGACY_PEER), CLIENT, V12,
	  .client.flags = KTLS_F_NEED_RENEGOTIATION_INFO,
	  ACT(TO(SERVER_HELLO, DROP, AT(0xff01))) },
	{ WHY(NO_RENEGOTIATION), ITSELF(no_renegotiation) },
	{ WHY(PEER_CHANGED), CLIENT, V12, ITSELF(peer_changed) },
	{ WHY(SUPP_REFUSED), SERVER, V12, .client = {
	  .supp = &supp, .supp_len = 1 }, .server = {
	  .supp = &supp, .supp_len = 1 } },
	{ WHY(USER_MAPPING), SERVER, V12, .client.user_principal = "a@b",
	  .server.flags = KTLS_F_USER_MAPPING,
	  ACT(TO(SUPPLEMENTAL_DATA, WRITE, AT(-4), WITH("_"))) },
	{ WHY(SUPP_TYPE), SERVER, V12, .client = {
	  .supp = &supp, .supp_len = 1 }, .server = {
	  .supp = &supp, .supp_len = 1 },
	  ACT(TO(SUPPLEMENTAL_DATA, WRITE, AT(7), WITH("\3\351"))) },
	{ WHY(NO_EMS), CLIENT, V12, .client.flags = KTLS_F_NEED_EMS,
	  ACT(TO(SERVER_HELLO, DROP, AT(23))) },
	{ WHY(FALLBACK), SERVER, .client.max_version = KTLS_TLS12,
	  ACT(TO(CLIENT_HELLO, SUITES, WITH("\300\53\126\0"))) },
	/* authentication */
	{ WHY(SIGNATURE), CLIENT, ACT(TO(CERTIFICATE_VERIFY, FLIP, AT(-1))) },
	{ WHY(SIGNATURE), SERVER, V12, .client_cert = "client",
	  .server.verify = KTLS_VERIFY_REQUIRE,
	  ACT(TO(CERTIFICATE_VERIFY, FLIP, AT(-1))) },
	{ WHY(FINISHED), SERVER, ACT(TO(FINISHED, FLIP, AT(-1))) },
	{ WHY(FINISHED), CLIENT, V12, ACT(TO(FINISHED, FLIP, AT(-1))) },
	{ WHY(CERT_EMPTY), CLIENT,
	  ACT(TO(CERTIFICATE, REPLACE, WITH("\13\0\0\4\0\0\0\0"))) },
	{ WHY(CERT_REQUIRED), SERVER, .server.verify = KTLS_VERIFY_REQUIRE },
	{ WHY(CERT_REQUIRED), SERVER, V12,
	  .server.verify = KTLS_VERIFY_REQUIRE },
	{ WHY(CERT_PARSE), CLIENT,
	  ACT(TO(CERTIFICATE, REPLACE,
		 WITH("\13\0\0\13\0\0\0\7\0\0\2zz\0\0"))) },
	{ WHY(CERT_CHAIN), CLIENT, .client.max_chain = 1,
	  .server_cert = "chain" },
	{ WHY(CERT_BAD), CLIENT, .text = "certificate 1 of 1 (CN = p256)",
	  ACT(TO(CERTIFICATE, FLIP, AT(-3))) },
	{ WHY(CERT_WEAK), CLIENT, .server_cert = "rsa1024",
	  .text = "CN = rsa1024" },
	{ WHY(CERT_EXPIRED), CLIENT, .server_cert = "expired",
	  .text = "(CN = expired): certificate has expired" },
	{ WHY(CERT_EXPIRED), SERVER, .client_cert = "future",
	  .server.verify = KTLS_VERIFY_REQUIRE, .text = "not yet valid" },
	{ WHY(CERT_REVOKED), CLIENT, ITSELF(crl), .text = "revoked" },
	{ WHY(CERT_ISSUER), CLIENT, .server_cert = "stranger",
	  .text = "CN = stranger" },
	{ WHY(CERT_NAME), CLIENT, .server_cert = "othername",
	  .text = "is not for \"localhost\"" },
	{ WHY(CERT_USAGE), CLIENT, .server_cert = "clientonly",
	  .text = "CN = clientonly" },
	{ WHY(CERT_USAGE), SERVER, .client_cert = "serveronly",
	  .server.verify = KTLS_VERIFY_REQUIRE, .text = "CN = serveronly" },
	{ WHY(CERT_SUITE), CLIENT, V12, .server_cert = "ecdh256",
	  .client.ciphers = "TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256:"
			    "TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256",
	  .server.ciphers = "TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256",
	  ACT(TO(SERVER_HELLO, SUITES, WITH("\300\61"))) },
	{ WHY(CERT_TYPE), SERVER, .server_raw = true },
	{ WHY(CERT_TYPE), CLIENT, .client.raw_key_hashes = NO_KEY,
	  .client.flags = KTLS_F_RAW_KEYS_ONLY, .server_raw = true,
	  ACT(TO(ENCRYPTED_EXTENSIONS, REPLACE, WITH("\10\0\0\2\0\0"))) },
	{ WHY(CERT_TYPE_CHOICE), CLIENT, .client.raw_key_hashes = NO_KEY,
	  ACT(TO(ENCRYPTED_EXTENSIONS, REPLACE,
		 WITH("\10\0\0\7\0\5\0\24\0\1\1"))) },
	{ WHY(RAW_KEY), CLIENT, .client.raw_key_hashes = NO_KEY,
	  .server_raw = true, .text = "sha256:" },
	{ WHY(COMPRESS_CHOICE), CLIENT, ZLIB,
	  ACT(TO(COMPRESSED_CERTIFICATE, WRITE, AT(4), WITH("\0\3"))) },
	{ WHY(COMPRESS_CHOICE), SERVER, ZLIB, .client_cert = "client",
	  .server.verify = KTLS_VERIFY_REQUIRE,
	  ACT(TO(COMPRESSED_CERTIFICATE, WRITE, AT(4), WITH("\0\0"))) },
	{ WHY(COMPRESS_BAD), CLIENT, ZLIB,
	  ACT(TO(COMPRESSED_CERTIFICATE, FLIP, AT(-1))) },
	{ WHY(CERT_OTHER), CLIENT, ITSELF(crl), .text = "CRL has expired" },
#ifdef KTLS_F_NEED_STATUS
	{ WHY(STATUS_BAD), CLIENT, .client.flags = KTLS_F_STATUS,
	  .server.hooks = &no_ocsp, .text = "OCSP response" },
	{ WHY(STATUS_MISSING), CLIENT, .client.flags = KTLS_F_NEED_STATUS },
#endif
	{ WHY(CERT_SIGALG), CLIENT, .client.sigalgs_cert = "ed25519",
	  .text = "is signed with ecdsa_secp256r1_sha256" },
	{ WHY(CERT_FILTER), SERVER, V12, .client_cert = "client",
	  .server.verify = KTLS_VERIFY_REQUIRE, .server.oid_filters = &filter,
	  .server.oid_filters_len = 1 },
	{ WHY(SCT_REFUSED), CLIENT, .client.hooks = &need_sct },
	{ WHY(CRED_CHOICE), CLIENT, .client.hooks = &no_such_cred,
	  .server.verify = KTLS_VERIFY_OPTIONAL, .text = "credential 7" },
	{ WHY(CERT_URL), SERVER, CERT_AT("http://here"),
	  ACT(TO(CERTIFICATE_URL, WRITE, AT(9), WITH("\1"))) },
	{ WHY(CERT_UNOBTAINABLE), SERVER, CERT_AT("http://there"),
	  .text = "http://there" },
	{ WHY(CERT_HASH), SERVER, CERT_AT("http://here"),
	  .text = "not what the client says" },
	{ WHY(RECORD_LIMIT), SERVER,
	  ACT(TO(CLIENT_HELLO, PUT, AT(28), WITH("\0\77"))) },
	/* answers of the application */
	{ WHY(SIGN_REFUSED), SERVER, .key_elsewhere = true,
	  .server.hooks = &no_signer },
	{ WHY(SIGN_BAD), SERVER, .key_elsewhere = true,
	  .server.hooks = &bad_signer },
	{ WHY(SIGN_BAD), SERVER, V12, .key_elsewhere = true,
	  .server.hooks = &bad_signer },
	{ WHY(CERT_REFUSED), CLIENT, .client.hooks = &no_peer },
	{ WHY(CERT_REFUSED), SERVER, V12, .server.hooks = &no_peer,
	  .client_cert = "client", .server.verify = KTLS_VERIFY_REQUIRE },
	/* resumption */
	{ WHY(PSK_BINDER), SERVER, .resumed = true,
	  ACT(TO(CLIENT_HELLO, FLIP, AT(-1))) },
	{ WHY(PSK_CHOICE), CLIENT, .resumed = true,
	  ACT(TO(SERVER_HELLO, PUT, AT(41), WITH("\0\1"))) },
	{ WHY(EARLY_DATA), .resumed = true, .client.early_data = 8,
	  .server.early_data = 8, ITSELF(early_data) },
	{ WHY(EARLY_CHOICE), .resumed = true, .client.early_data = 8,
	  .server.early_data = 8, ITSELF(early_choice) },
	/* after the handshake */
	{ WHY(TRUNCATED), ITSELF(truncated) },
	{ WHY(PEER_ALERT), SERVER, .text = "handshake_failure",
	  ACT(TO(CLIENT_HELLO, RAW, WITH("\25\3\3\0\2\2\50"))) },
	{ WHY(KEYUPDATE), ITSELF(keyupdate) },
	{ WHY(KEYUPDATE_FLOOD), ITSELF(keyupdate_flood) },
	{ WHY(NO_REKEY), V12, ITSELF(no_rekey) },
	{ WHY(KEY_LIMIT), V12, .client.max_records = 8, ITSELF(key_limit) },
	{ WHY(NO_POST_AUTH), ITSELF(no_post_auth) },
	{ WHY(REQUEST_CONTEXT), .client.flags = KTLS_F_POST_HANDSHAKE_AUTH,
	  ITSELF(requests) },
	{ WHY(LATE_ANSWER), .client.flags = KTLS_F_POST_HANDSHAKE_AUTH,
	  .client.hooks = &later, ITSELF(late_answer) },
	{ WHY(REQUEST_FLOOD), .client.flags = KTLS_F_POST_HANDSHAKE_AUTH,
	  ITSELF(requests) },
#ifdef KTLS_TICKET_KEYS_SIZE
	{ WHY(SESSION), V12, ITSELF(session) },
	{ WHY(TICKET_KEYS), V12, ITSELF(ticket_keys) },
#endif
	{ WHY(NO_BINDING), V12, ITSELF(no_binding) },
	/* by another process */
	{ WHY(AGENT_CREDENTIAL), ITSELF(agent) },
	{ WHY(AGENT_RULES), ITSELF(agent) },
	{ WHY(AGENT_BUSY), ITSELF(agent) },
	{ WHY(AGENT_REQUEST), ITSELF(agent) },
	{ WHY(AGENT_SOCKET), ITSELF(agent) },
	{ WHY(AGENT_GONE), ITSELF(agent) },
	{ WHY(AGENT_ANSWER), ITSELF(agent) },
	/* here */
	{ WHY(CRYPTO), SERVER, ITSELF(crypto) },
	{ WHY(CONN_SAVED), V12, ITSELF(conn_saved) },
	{ WHY(CONN_SOCKET), ITSELF(conn_socket) },
	{ WHY(NO_KERNEL), ITSELF(no_kernel) },
	{ WHY(STATE), ITSELF(state) },
	{ WHY(OPTION), ITSELF(in_config), .cert_file = "p256",
	  .key_file = "p256", .server.ciphers = "TLS_NONSENSE",
	  .text = "TLS_NONSENSE" },
	{ WHY(CERT_FILE), ITSELF(in_config), .cert_file = "/nowhere/x.pem",
	  .text = "/nowhere/x.pem: No such file" },
	{ WHY(KEY_FILE), ITSELF(in_config), .cert_file = "p256",
	  .key_file = "/nowhere/x.key",
	  .text = "/nowhere/x.key: No such file" },
	{ WHY(KEY_MISMATCH), ITSELF(in_config), .cert_file = "p256",
	  .key_file = "p384", .text = "p384.key" },
	{ WHY(CA_FILE), ITSELF(in_config), .cert_file = "p256",
	  .key_file = "p256", .ca_file = "/nowhere/ca.pem",
	  .text = "/nowhere/ca.pem: No such file" },
};

#define N_ROWS	(sizeof(rows) / sizeof(*rows))

static const struct {
	int nr;
	const char *name, *text;
	enum ktls_alert alert;
} reasons[] = {
#define REASON(nr, name, alert, text) { nr, #name, text, KTLS_ALERT_##alert },
	KTLS_ERRORS(REASON)
#undef REASON
};

#define N_REASONS	(sizeof(reasons) / sizeof(*reasons))

FIXTURE(reason) {
	int unused;
};

FIXTURE_VARIANT(reason) {
	const struct reason *r;
};

/* As many of a name as have rows: "DECODE", "DECODE.2", ... */
static bool each_row(size_t i, FIXTURE_VARIANT(reason) *v, char *name,
		     size_t size)
{
	size_t n = 1;

	if (i >= N_ROWS)
		return false;
	v->r = &rows[i];
	for (size_t j = 0; j < i; j++)
		n += rows[j].err == rows[i].err;
	for (size_t j = 0; j < N_REASONS; j++)
		if (reasons[j].nr == rows[i].err && n == 1)
			snprintf(name, size, "%s", reasons[j].name);
		else if (reasons[j].nr == rows[i].err)
			snprintf(name, size, "%s.%zu", reasons[j].name, n);
	return true;
}

FIXTURE_VARIANT_GEN(reason, each_row);

TEST_F(reason, produced)
{
	if (variant->r->produce)
		variant->r->produce(variant->r);
	else
		reason_in_handshake(variant->r);
}

TEST(every_reason_has_a_row)
{
	for (size_t i = 0; i < N_REASONS; i++) {
		size_t n = 0;

		for (size_t j = 0; j < N_ROWS; j++)
			n += rows[j].err == reasons[i].nr;
		EXPECT_GT(n, 0) TH_LOG("KTLS_E_%s", reasons[i].name);
	}
}

TEST(every_reason_has_its_number_alert_and_text)
{
	for (size_t i = 0; i < N_REASONS; i++) {
		EXPECT_GE(reasons[i].nr, 2048);
		for (int sign = -1; sign <= 1; sign += 2) {
			int err = sign * reasons[i].nr;

			EXPECT_STREQ(ktls_strerror(err), reasons[i].text);
			EXPECT_EQ(ktls_error_alert(err), reasons[i].alert);
		}
		if (reasons[i].alert != KTLS_ALERT_NONE)
			EXPECT_STRNE(ktls_alert_name((uint8_t)reasons[i].alert),
				     "unknown");
		for (size_t j = 0; j < i; j++) {
			EXPECT_NE(reasons[i].nr, reasons[j].nr);
			EXPECT_STRNE(reasons[i].text, reasons[j].text);
		}
	}
}

HARNESS_MAIN
