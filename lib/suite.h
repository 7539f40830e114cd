/* SPDX-License-Identifier: MIT */
/*
 * The names of cryptography: one row for each cipher suite, group and
 * signature scheme, and nothing about them anywhere else.
 */
#ifndef KTLS_SUITE_H
#define KTLS_SUITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hash_id { HASH_SHA256, HASH_SHA384, HASH_COUNT };
enum aead_id {
	AEAD_AES_128_GCM, AEAD_AES_256_GCM, AEAD_CHACHA20_POLY1305,
	AEAD_AES_128_CCM, AEAD_COUNT
};

#define AEAD_IV_LEN	12
#define AEAD_TAG_LEN	16
#define AEAD_KEY_MAX	32

struct aead_row {
	const char *name;	/* IANA, as in "AES_128_GCM" */
	const char *evp;	/* libcrypto */
	uint16_t tls_cipher;	/* TLS_CIPHER_* of <linux/tls.h> */
	uint8_t key_len;
	uint8_t salt_len;	/* the kernel's split of the 12-byte IV */
	bool ccm;		/* needs lengths ahead of data */
	uint64_t max_records;	/* 9846 5.5 */
};

struct hash_row {
	const char *evp;
	uint8_t len;
};

/* TLS 1.2: what a suite says of the key exchange; 1.3 has it elsewhere */
enum suite_kex { KEX_ANY, KEX_ECDHE, KEX_DHE, KEX_ECDH };
enum suite_auth { AUTH_ANY, AUTH_ECDSA, AUTH_RSA };

struct suite {
	uint16_t id;
	const char *name;
	uint16_t version;	/* the one version that it is for */
	enum aead_id aead;
	enum hash_id hash;
	enum suite_kex kex;
	enum suite_auth auth;	/* KEX_ECDH: who signed the certificate */
	bool named_only;	/* never offered unless an option names it */
};

enum kex_kind {
	KEX_ECX,		/* x25519, x448: all byte strings are points */
	KEX_EC,			/* uncompressed points */
	KEX_FFDHE,		/* padded to the prime */
	KEX_KEM,		/* server's share is a ciphertext */
};

struct group {
	uint16_t id;
	const char *name;	/* IANA */
	enum kex_kind kind;
	const char *evp_type;	/* "X25519", "EC", "DH", "X25519MLKEM768" */
	const char *evp_group;	/* group_name parameter, or NULL */
	uint16_t client_len;	/* exact bytes of a share, by sender */
	uint16_t server_len;
	bool point;		/* a share begins with an uncompressed point */
};

enum sig_kind { SIG_ECDSA, SIG_RSA_PKCS1, SIG_RSA_PSS, SIG_EDDSA };

struct sigscheme {
	uint16_t id;
	const char *name;	/* IANA */
	enum sig_kind kind;
	const char *key_type;	/* as EVP_PKEY_is_a() knows it */
	const char *curve;	/* ECDSA: the one for 1.3, named by libcrypto */
	const char *digest;	/* NULL: within the scheme */
	uint8_t digest_len;
	uint16_t group;		/* ECDSA: the curve's id as a group */
	bool tls13;		/* signs handshakes of 1.3; else certs only */
};

extern const struct hash_row hash_rows[HASH_COUNT];
extern const struct aead_row aead_rows[AEAD_COUNT];
extern const struct suite suites[];
extern const size_t suites_len;
extern const struct group groups[];
extern const size_t groups_len;
extern const struct sigscheme sigschemes[];
extern const size_t sigschemes_len;

#define GROUPS_MAX	16	/* asserted against the tables */
#define SUITES_MAX	24
#define SIGSCHEMES_MAX	16

/* A set of them is a mask of these */
static inline uint32_t group_bit(const struct group *group)
{
	return 1u << (group - groups);
}

static inline uint32_t sigscheme_bit(const struct sigscheme *scheme)
{
	return 1u << (scheme - sigschemes);
}

const struct suite *suite_find(uint16_t id);
const struct group *group_find(uint16_t id);
const struct sigscheme *sigscheme_find(uint16_t id);

#endif /* KTLS_SUITE_H */
