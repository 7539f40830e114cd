// SPDX-License-Identifier: MIT
#include "suite.h"

#include <linux/tls.h>

#include "include/ktls.h"

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))

const struct hash_row hash_rows[HASH_COUNT] = {
	[HASH_SHA256] = { "SHA256", 32 },
	[HASH_SHA384] = { "SHA384", 48 },
};

/*
 * max_records: AES-GCM 2^24.5 (9846 5.5).  It has no number for CCM, so DTLS's
 * 2^23 (9147 4.5.3) is taken; ChaCha20-Poly1305 outlives its sequence number.
 */
const struct aead_row aead_rows[AEAD_COUNT] = {
	[AEAD_AES_128_GCM] = {
		.name = "AES_128_GCM", .evp = "AES-128-GCM",
		.tls_cipher = TLS_CIPHER_AES_GCM_128,
		.key_len = TLS_CIPHER_AES_GCM_128_KEY_SIZE,
		.salt_len = TLS_CIPHER_AES_GCM_128_SALT_SIZE,
		.max_records = 23726566,
	},
	[AEAD_AES_256_GCM] = {
		.name = "AES_256_GCM", .evp = "AES-256-GCM",
		.tls_cipher = TLS_CIPHER_AES_GCM_256,
		.key_len = TLS_CIPHER_AES_GCM_256_KEY_SIZE,
		.salt_len = TLS_CIPHER_AES_GCM_256_SALT_SIZE,
		.max_records = 23726566,
	},
	[AEAD_CHACHA20_POLY1305] = {
		.name = "CHACHA20_POLY1305", .evp = "ChaCha20-Poly1305",
		.tls_cipher = TLS_CIPHER_CHACHA20_POLY1305,
		.key_len = TLS_CIPHER_CHACHA20_POLY1305_KEY_SIZE,
		.salt_len = TLS_CIPHER_CHACHA20_POLY1305_SALT_SIZE,
		.max_records = UINT64_MAX,
	},
	[AEAD_AES_128_CCM] = {
		.name = "AES_128_CCM", .evp = "AES-128-CCM",
		.tls_cipher = TLS_CIPHER_AES_CCM_128,
		.key_len = TLS_CIPHER_AES_CCM_128_KEY_SIZE,
		.salt_len = TLS_CIPHER_AES_CCM_128_SALT_SIZE,
		.ccm = true,
		.max_records = 1 << 23,
	},
};

/* In default order: what AES hardware makes fast first, then the mobile's */
const struct suite suites[] = {
	{ 0x1301, "TLS_AES_128_GCM_SHA256", KTLS_TLS13,
	  AEAD_AES_128_GCM, HASH_SHA256, KEX_ANY, AUTH_ANY, false },
	{ 0x1302, "TLS_AES_256_GCM_SHA384", KTLS_TLS13,
	  AEAD_AES_256_GCM, HASH_SHA384, KEX_ANY, AUTH_ANY, false },
	{ 0x1303, "TLS_CHACHA20_POLY1305_SHA256", KTLS_TLS13,
	  AEAD_CHACHA20_POLY1305, HASH_SHA256, KEX_ANY, AUTH_ANY, false },
	{ 0x1304, "TLS_AES_128_CCM_SHA256", KTLS_TLS13,
	  AEAD_AES_128_CCM, HASH_SHA256, KEX_ANY, AUTH_ANY, false },
	/* RFC 5289, 7905, 7251 */
	{ 0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", KTLS_TLS12,
	  AEAD_AES_128_GCM, HASH_SHA256, KEX_ECDHE, AUTH_ECDSA, false },
	{ 0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", KTLS_TLS12,
	  AEAD_AES_128_GCM, HASH_SHA256, KEX_ECDHE, AUTH_RSA, false },
	{ 0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", KTLS_TLS12,
	  AEAD_AES_256_GCM, HASH_SHA384, KEX_ECDHE, AUTH_ECDSA, false },
	{ 0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", KTLS_TLS12,
	  AEAD_AES_256_GCM, HASH_SHA384, KEX_ECDHE, AUTH_RSA, false },
	{ 0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", KTLS_TLS12,
	  AEAD_CHACHA20_POLY1305, HASH_SHA256, KEX_ECDHE, AUTH_ECDSA, false },
	{ 0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", KTLS_TLS12,
	  AEAD_CHACHA20_POLY1305, HASH_SHA256, KEX_ECDHE, AUTH_RSA, false },
	{ 0xc0ac, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM", KTLS_TLS12,
	  AEAD_AES_128_CCM, HASH_SHA256, KEX_ECDHE, AUTH_ECDSA, false },
	/* RFC 5288, 7905, 6655, with the groups of 7919 */
	{ 0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", KTLS_TLS12,
	  AEAD_AES_128_GCM, HASH_SHA256, KEX_DHE, AUTH_RSA, false },
	{ 0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", KTLS_TLS12,
	  AEAD_AES_256_GCM, HASH_SHA384, KEX_DHE, AUTH_RSA, false },
	{ 0xccaa, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256", KTLS_TLS12,
	  AEAD_CHACHA20_POLY1305, HASH_SHA256, KEX_DHE, AUTH_RSA, false },
	{ 0xc09e, "TLS_DHE_RSA_WITH_AES_128_CCM", KTLS_TLS12,
	  AEAD_AES_128_CCM, HASH_SHA256, KEX_DHE, AUTH_RSA, false },
	/* RFC 5289; without forward secrecy, BCP 195 (RFC 9325 4.1) */
	{ 0xc02d, "TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256", KTLS_TLS12,
	  AEAD_AES_128_GCM, HASH_SHA256, KEX_ECDH, AUTH_ECDSA, true },
	{ 0xc031, "TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256", KTLS_TLS12,
	  AEAD_AES_128_GCM, HASH_SHA256, KEX_ECDH, AUTH_RSA, true },
	{ 0xc02e, "TLS_ECDH_ECDSA_WITH_AES_256_GCM_SHA384", KTLS_TLS12,
	  AEAD_AES_256_GCM, HASH_SHA384, KEX_ECDH, AUTH_ECDSA, true },
	{ 0xc032, "TLS_ECDH_RSA_WITH_AES_256_GCM_SHA384", KTLS_TLS12,
	  AEAD_AES_256_GCM, HASH_SHA384, KEX_ECDH, AUTH_RSA, true },
};

/*
 * In default order: hybrids, because what is recorded today can be decrypted
 * when quantum computers come; then by speed; finite fields last, being slow.
 */
const struct group groups[] = {
	{ 0x11ec, "X25519MLKEM768", KEX_KEM, "X25519MLKEM768", NULL,
	  1184 + 32, 1088 + 32, false },
	{ 0x11eb, "SecP256r1MLKEM768", KEX_KEM, "SecP256r1MLKEM768", NULL,
	  65 + 1184, 65 + 1088, true },
	{ 0x001d, "x25519", KEX_ECX, "X25519", NULL, 32, 32, false },
	{ 0x0017, "secp256r1", KEX_EC, "EC", "P-256", 65, 65, true },
	{ 0x11ed, "SecP384r1MLKEM1024", KEX_KEM, "SecP384r1MLKEM1024", NULL,
	  97 + 1568, 97 + 1568, true },
	{ 0x0018, "secp384r1", KEX_EC, "EC", "P-384", 97, 97, true },
	{ 0x001e, "x448", KEX_ECX, "X448", NULL, 56, 56, false },
	{ 0x0019, "secp521r1", KEX_EC, "EC", "P-521", 133, 133, true },
	{ 0x0100, "ffdhe2048", KEX_FFDHE, "DH", "ffdhe2048", 256, 256, false },
	{ 0x0101, "ffdhe3072", KEX_FFDHE, "DH", "ffdhe3072", 384, 384, false },
	{ 0x0102, "ffdhe4096", KEX_FFDHE, "DH", "ffdhe4096", 512, 512, false },
	{ 0x0103, "ffdhe6144", KEX_FFDHE, "DH", "ffdhe6144", 768, 768, false },
	{ 0x0104, "ffdhe8192", KEX_FFDHE, "DH", "ffdhe8192",
	  1024, 1024, false },
};

const struct sigscheme sigschemes[] = {
	{ 0x0403, "ecdsa_secp256r1_sha256", SIG_ECDSA, "EC", "prime256v1",
	  "SHA256", 32, 0x0017, true },
	{ 0x0503, "ecdsa_secp384r1_sha384", SIG_ECDSA, "EC", "secp384r1",
	  "SHA384", 48, 0x0018, true },
	{ 0x0603, "ecdsa_secp521r1_sha512", SIG_ECDSA, "EC", "secp521r1",
	  "SHA512", 64, 0x0019, true },
	{ 0x0807, "ed25519", SIG_EDDSA, "ED25519", NULL, NULL, 0, 0, true },
	{ 0x0808, "ed448", SIG_EDDSA, "ED448", NULL, NULL, 0, 0, true },
	{ 0x0804, "rsa_pss_rsae_sha256", SIG_RSA_PSS, "RSA", NULL,
	  "SHA256", 32, 0, true },
	{ 0x0805, "rsa_pss_rsae_sha384", SIG_RSA_PSS, "RSA", NULL,
	  "SHA384", 48, 0, true },
	{ 0x0806, "rsa_pss_rsae_sha512", SIG_RSA_PSS, "RSA", NULL,
	  "SHA512", 64, 0, true },
	{ 0x0809, "rsa_pss_pss_sha256", SIG_RSA_PSS, "RSA-PSS", NULL,
	  "SHA256", 32, 0, true },
	{ 0x080a, "rsa_pss_pss_sha384", SIG_RSA_PSS, "RSA-PSS", NULL,
	  "SHA384", 48, 0, true },
	{ 0x080b, "rsa_pss_pss_sha512", SIG_RSA_PSS, "RSA-PSS", NULL,
	  "SHA512", 64, 0, true },
	{ 0x0401, "rsa_pkcs1_sha256", SIG_RSA_PKCS1, "RSA", NULL,
	  "SHA256", 32, 0, false },
	{ 0x0501, "rsa_pkcs1_sha384", SIG_RSA_PKCS1, "RSA", NULL,
	  "SHA384", 48, 0, false },
	{ 0x0601, "rsa_pkcs1_sha512", SIG_RSA_PKCS1, "RSA", NULL,
	  "SHA512", 64, 0, false },
};

const size_t suites_len = ARRAY_LEN(suites);
const size_t groups_len = ARRAY_LEN(groups);
const size_t sigschemes_len = ARRAY_LEN(sigschemes);

_Static_assert(ARRAY_LEN(suites) <= SUITES_MAX, "SUITES_MAX");
_Static_assert(ARRAY_LEN(groups) <= GROUPS_MAX, "GROUPS_MAX");
_Static_assert(ARRAY_LEN(sigschemes) <= SIGSCHEMES_MAX, "SIGSCHEMES_MAX");

#define FIND(table, wanted)						\
	do {								\
		for (size_t i = 0; i < ARRAY_LEN(table); i++)		\
			if ((table)[i].id == (wanted))			\
				return &(table)[i];			\
		return NULL;						\
	} while (0)

const struct suite *suite_find(uint16_t id)
{
	FIND(suites, id);
}

const struct group *group_find(uint16_t id)
{
	FIND(groups, id);
}

const struct sigscheme *sigscheme_find(uint16_t id)
{
	FIND(sigschemes, id);
}

/* ---- names ------------------------------------------------------------- */

static const char unknown[] = "unknown";

const char *ktls_version_name(uint16_t version)
{
	switch (version) {
	case KTLS_TLS12:
		return "TLS 1.2";
	case KTLS_TLS13:
		return "TLS 1.3";
	default:
		return unknown;
	}
}

const char *ktls_suite_name(uint16_t suite)
{
	const struct suite *row = suite_find(suite);

	return row ? row->name : unknown;
}

const char *ktls_group_name(uint16_t group)
{
	const struct group *row = group_find(group);

	return row ? row->name : unknown;
}

const char *ktls_sigalg_name(uint16_t sigalg)
{
	const struct sigscheme *row = sigscheme_find(sigalg);

	return row ? row->name : unknown;
}

const char *ktls_cipher_name(uint16_t cipher)
{
	for (size_t i = 0; i < AEAD_COUNT; i++)
		if (aead_rows[i].tls_cipher == cipher)
			return aead_rows[i].name;
	return NULL;
}
