// SPDX-License-Identifier: MIT
/*
 * The floor: what of a handshake no library on libcrypto can do without, each
 * called as cheaply as libcrypto permits. Contexts are held, hashes are its
 * low-level ones, nothing is parsed but certificates.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hs.h"

/* As the messages of such handshakes are, bytes */
#define HELLO		250
#define HELLO_BACK	130
#define SMALL		100	/* EncryptedExtensions, Finished, ... */
#define TICKET		200
/* ... and more of them with X25519MLKEM768 */
#define HYBRID_PUBLIC	1216
#define HYBRID_CIPHER	1120

struct end {
	EVP_PKEY *key;			/* to sign with */
	EVP_PKEY_CTX *sign;
	EVP_MD_CTX *sign_md;		/* Ed25519 */
	uint8_t *der;			/* the certificate */
	int der_len;
};

struct floor {
	const struct hs_case *c;
	EVP_PKEY_CTX *gen;
	EVP_PKEY *params;		/* of the group */
	bool hybrid;
	uint8_t hybrid_public[HYBRID_PUBLIC], hybrid_cipher[HYBRID_CIPHER];
	EVP_PKEY *ca;
	EVP_CIPHER *gcm, *seal;
	EVP_CIPHER_CTX *tx, *rx;
	struct end server, client;
	bool ok;
};

/* ---- key schedules ------------------------------------------------------- */

static void hmac(const uint8_t key[32], const uint8_t *p, size_t len,
		 uint8_t out[32])
{
	uint8_t pad[64];
	SHA256_CTX c;

	memset(pad, 0x36, sizeof(pad));
	for (int i = 0; i < 32; i++)
		pad[i] ^= key[i];
	SHA256_Init(&c);
	SHA256_Update(&c, pad, sizeof(pad));
	SHA256_Update(&c, p, len);
	SHA256_Final(out, &c);
	for (int i = 0; i < 64; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	SHA256_Init(&c);
	SHA256_Update(&c, pad, sizeof(pad));
	SHA256_Update(&c, out, 32);
	SHA256_Final(out, &c);
}

static void hmacs(int n)
{
	uint8_t key[32] = { 1 }, data[54] = { 2 };

	while (n--)
		hmac(key, data, sizeof(data), key);
}

/* @len bytes, and what they come to at @points on the way */
static void transcript(size_t len, int points)
{
	static const uint8_t data[8192];
	uint8_t out[32];
	SHA256_CTX c, copy;

	SHA256_Init(&c);
	SHA256_Update(&c, data, len);
	while (points--) {
		copy = c;
		SHA256_Final(out, &copy);
	}
}

/* ---- agreement, signatures ----------------------------------------------- */

static EVP_PKEY *keygen(struct floor *f)
{
	EVP_PKEY *key = NULL;

	f->ok &= EVP_PKEY_keygen(f->gen, &key) == 1;
	return key;
}

/* Half of what EVP_PKEY_new_raw_public_key() costs */
static EVP_PKEY *public_key(struct floor *f, const uint8_t *p, size_t len)
{
	EVP_PKEY *pub = EVP_PKEY_new();

	f->ok &= EVP_PKEY_copy_parameters(pub, f->params) == 1 &&
		 EVP_PKEY_set1_encoded_public_key(pub, p, len) == 1;
	return pub;
}

static EVP_PKEY *agree(struct floor *f, const uint8_t peer[32])
{
	EVP_PKEY *key = keygen(f), *pub;
	uint8_t mine[32], secret[32];
	size_t len = 32, n = 32;
	EVP_PKEY_CTX *ctx;

	f->ok &= EVP_PKEY_get_raw_public_key(key, mine, &n) == 1;
	pub = public_key(f, peer, 32);
	ctx = EVP_PKEY_CTX_new(key, NULL);
	f->ok &= EVP_PKEY_derive_init(ctx) == 1 &&
		 EVP_PKEY_derive_set_peer_ex(ctx, pub, 0) == 1 &&
		 EVP_PKEY_derive(ctx, secret, &len) == 1;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(pub);
	return key;
}

/* To the client's key, which is not there any more: only the time counts */
static void encapsulate(struct floor *f)
{
	EVP_PKEY *pub = public_key(f, f->hybrid_public, HYBRID_PUBLIC);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pub, NULL);
	size_t n = HYBRID_CIPHER, len = 64;
	uint8_t secret[64];

	f->ok &= EVP_PKEY_encapsulate_init(ctx, NULL) == 1 &&
		 EVP_PKEY_encapsulate(ctx, f->hybrid_cipher, &n, secret,
				      &len) == 1;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(pub);
}

static EVP_PKEY *hybrid_key(struct floor *f)
{
	EVP_PKEY *key = keygen(f);
	size_t n;

	f->ok &= EVP_PKEY_get_octet_string_param(key,
			OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, f->hybrid_public,
			HYBRID_PUBLIC, &n) == 1;
	return key;
}

/* What was for another key takes as long, and comes to some secret */
static void decapsulate(struct floor *f)
{
	EVP_PKEY *key = hybrid_key(f);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	uint8_t secret[64];
	size_t len = 64;

	f->ok &= EVP_PKEY_decapsulate_init(ctx, NULL) == 1 &&
		 EVP_PKEY_decapsulate(ctx, secret, &len, f->hybrid_cipher,
				      HYBRID_CIPHER) == 1;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
}

static size_t sign(struct floor *f, struct end *e, uint8_t sig[512])
{
	uint8_t content[130] = { 0x20 }, digest[32];
	size_t len = 512;

	if (e->sign_md) {
		f->ok &= EVP_DigestSignInit(e->sign_md, NULL, NULL, NULL,
					    e->key) == 1 &&
			 EVP_DigestSign(e->sign_md, sig, &len, content,
					sizeof(content)) == 1;
		return len;
	}
	SHA256(content, sizeof(content), digest);
	f->ok &= EVP_PKEY_sign(e->sign, sig, &len, digest, 32) == 1;
	return len;
}

static void set_padding(EVP_PKEY *key, EVP_PKEY_CTX *ctx)
{
	EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256());
	if (!EVP_PKEY_is_a(key, "RSA"))
		return;
	EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING);
	EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, 32);
}

/* The certificate, its chain, and what is signed with it */
static void verify(struct floor *f, struct end *e, const uint8_t *sig,
		   size_t len)
{
	uint8_t content[130] = { 0x20 }, digest[32];
	const uint8_t *p = e->der;
	X509 *x = d2i_X509(NULL, &p, e->der_len);
	EVP_PKEY *key = X509_get0_pubkey(x);

	f->ok &= X509_verify(x, f->ca) == 1;
	if (e->sign_md) {
		EVP_MD_CTX *md = EVP_MD_CTX_new();

		f->ok &= EVP_DigestVerifyInit(md, NULL, NULL, NULL, key) == 1 &&
			 EVP_DigestVerify(md, sig, len, content,
					  sizeof(content)) == 1;
		EVP_MD_CTX_free(md);
	} else {
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);

		SHA256(content, sizeof(content), digest);
		f->ok &= EVP_PKEY_verify_init(ctx) == 1;
		set_padding(key, ctx);
		f->ok &= EVP_PKEY_verify(ctx, sig, len, digest, 32) == 1;
		EVP_PKEY_CTX_free(ctx);
	}
	X509_free(x);
}

/* ---- records ------------------------------------------------------------- */

static void protect(struct floor *f, size_t len)
{
	static uint8_t buf[8192];
	uint8_t key[16] = { 3 }, iv[12] = { 4 }, tag[16];
	int n = 0;

	f->ok &= EVP_EncryptInit_ex(f->tx, f->gcm, NULL, key, iv) == 1 &&
		 EVP_EncryptUpdate(f->tx, NULL, &n, tag, 5) == 1 &&
		 EVP_EncryptUpdate(f->tx, buf, &n, buf, (int)len) == 1 &&
		 EVP_EncryptFinal_ex(f->tx, buf + n, &n) == 1 &&
		 EVP_CIPHER_CTX_ctrl(f->tx, EVP_CTRL_AEAD_GET_TAG, 16, tag);
}

/* It costs the same, whatever the tag says */
static void unprotect(struct floor *f, size_t len)
{
	static uint8_t buf[8192];
	uint8_t key[16] = { 5 }, iv[12] = { 6 }, tag[16] = { 0 };
	int n = 0;

	f->ok &= EVP_DecryptInit_ex(f->rx, f->gcm, NULL, key, iv) == 1 &&
		 EVP_DecryptUpdate(f->rx, NULL, &n, tag, 5) == 1 &&
		 EVP_DecryptUpdate(f->rx, buf, &n, buf, (int)len) == 1 &&
		 EVP_CIPHER_CTX_ctrl(f->rx, EVP_CTRL_AEAD_SET_TAG, 16, tag);
	EVP_DecryptFinal_ex(f->rx, buf + n, &n);
}

/* ---- handshakes ---------------------------------------------------------- */

struct floor_run {
	uint8_t peer[32];
	uint8_t sig[2][512];
	size_t sig_len[2];
};

/*
 * 1.3 derives 19 times (early, handshake, main; four traffic secrets, their
 * keys and ivs of the handshake; two Finished; exporter, resumption), with a
 * PSK 6 times more (its own, binder).
 */
static void side13(struct floor *f, const struct floor_run *r, bool server)
{
	const struct hs_case *c = f->c;
	size_t certs = c->resume == HS_FULL ? (size_t)f->server.der_len + 100 :
					      0;
	size_t shares = f->hybrid ? HYBRID_PUBLIC + HYBRID_CIPHER : 0;
	struct end *own = server ? &f->server : &f->client;
	struct end *other = server ? &f->client : &f->server;
	bool full = c->resume == HS_FULL;
	uint8_t sig[512];

	transcript(HELLO + HELLO_BACK + shares + 2 * SMALL + certs +
		   (c->mutual ? (size_t)f->client.der_len + 100 : 0),
		   full ? 6 : 5);
	hmacs(full ? 19 : 25);
	if (full && (server || c->mutual))
		sign(f, own, sig);
	if (full && (!server || c->mutual))
		verify(f, other, r->sig[!server], r->sig_len[!server]);
	if (server) {
		protect(f, SMALL + certs);
		unprotect(f, SMALL);
		if (!full)	/* the ticket, the next, its record */
			hmacs(2);
	} else {
		unprotect(f, SMALL + certs);
		protect(f, SMALL);
	}
	if (server && !full) {
		unprotect(f, TICKET);
		protect(f, TICKET);
		protect(f, TICKET + 30);
	}
}

/* 1.2: P_SHA256 takes two HMACs a block: secret 4, keys 4, Finished 2 each */
static void side12(struct floor *f, const struct floor_run *r, bool server)
{
	const struct hs_case *c = f->c;
	bool full = c->resume == HS_FULL;
	uint8_t sig[512];

	transcript(HELLO + HELLO_BACK + SMALL +
		   (full ? (size_t)f->server.der_len + 150 : 0), full ? 3 : 2);
	hmacs(full ? 12 : 8);
	if (full && server)
		sign(f, &f->server, sig);
	if (full && !server)
		verify(f, &f->server, r->sig[1], r->sig_len[1]);
	protect(f, 16);
	unprotect(f, 16);
	if (server && c->resume == HS_TICKET) {
		unprotect(f, TICKET);
		protect(f, TICKET);
	}
}

/* A hello's random, and what there is else: libcrypto takes as long for each */
static void draw(struct floor *f)
{
	uint8_t random[64];

	f->ok &= RAND_bytes(random, sizeof(random)) == 1;
}

static void side(struct floor *f, struct floor_run *r, bool server)
{
	EVP_PKEY *key = NULL;

	draw(f);

	if (f->hybrid && server)
		encapsulate(f);
	else if (f->hybrid)
		decapsulate(f);
	else if (f->c->version == 0x0304 || f->c->resume == HS_FULL)
		key = agree(f, r->peer);
	if (f->c->version == 0x0304)
		side13(f, r, server);
	else
		side12(f, r, server);
	EVP_PKEY_free(key);
}

static int floor_run(void *state, struct hs_time *t)
{
	struct floor *f = state;
	struct floor_run r = { .peer = { 9 } };

	/* what is verified has to have been signed, which is not counted here */
	r.sig_len[1] = sign(f, &f->server, r.sig[1]);
	r.sig_len[0] = sign(f, &f->client, r.sig[0]);
	HS_TIMED(t->server, side(f, &r, true));
	HS_TIMED(t->client, side(f, &r, false));
	if (!f->ok)
		fprintf(stderr, "floor: libcrypto failed\n");
	return f->ok ? 0 : -1;
}

/* ---- setting up ---------------------------------------------------------- */

static X509 *read_cert(const char *pem)
{
	BIO *b = BIO_new_mem_buf(pem, -1);
	X509 *x = PEM_read_bio_X509(b, NULL, NULL, NULL);

	BIO_free(b);
	return x;
}

static void end_new(struct end *e, const char *cert, const char *key)
{
	BIO *b = BIO_new_mem_buf(key, -1);
	X509 *x = read_cert(cert);

	e->key = PEM_read_bio_PrivateKey(b, NULL, NULL, NULL);
	e->der_len = i2d_X509(x, &e->der);
	if (EVP_PKEY_is_a(e->key, "ED25519")) {
		e->sign_md = EVP_MD_CTX_new();
	} else {
		e->sign = EVP_PKEY_CTX_new(e->key, NULL);
		EVP_PKEY_sign_init(e->sign);
		set_padding(e->key, e->sign);
	}
	X509_free(x);
	BIO_free(b);
}

static void end_free(struct end *e)
{
	EVP_PKEY_free(e->key);
	EVP_PKEY_CTX_free(e->sign);
	EVP_MD_CTX_free(e->sign_md);
	OPENSSL_free(e->der);
}

static void floor_end(void *state)
{
	struct floor *f = state;

	EVP_PKEY_CTX_free(f->gen);
	EVP_PKEY_free(f->params);
	EVP_PKEY_free(f->ca);
	EVP_CIPHER_free(f->gcm);
	EVP_CIPHER_CTX_free(f->tx);
	EVP_CIPHER_CTX_free(f->rx);
	end_free(&f->server);
	end_free(&f->client);
	free(f);
}

static void group_new(struct floor *f)
{
	EVP_PKEY_paramgen_init(f->gen);
	EVP_PKEY_paramgen(f->gen, &f->params);
	EVP_PKEY_keygen_init(f->gen);
	if (!f->hybrid)
		return;
	/* one public key, and what is for it */
	EVP_PKEY_free(hybrid_key(f));
	encapsulate(f);
}

static void *floor_begin(const struct hs_case *c, const struct hs_pki *pki)
{
	bool hybrid = !strcmp(c->group, "X25519MLKEM768");
	EVP_PKEY_CTX *gen;
	struct floor *f;
	X509 *ca;

	if (!hybrid && strncmp(c->group, "x25519", 6))
		return NULL;
	gen = EVP_PKEY_CTX_new_from_name(NULL, hybrid ? c->group : "X25519",
					 NULL);
	if (!gen)
		return NULL;
	f = calloc(1, sizeof(*f));
	f->c = c;
	f->ok = true;
	f->hybrid = hybrid;
	f->gen = gen;
	group_new(f);
	f->gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
	f->tx = EVP_CIPHER_CTX_new();
	f->rx = EVP_CIPHER_CTX_new();
	ca = read_cert(pki->ca);
	f->ca = X509_get_pubkey(ca);
	X509_free(ca);
	end_new(&f->server, pki->cert, pki->key);
	end_new(&f->client, pki->client_cert, pki->client_key);
	return f;
}

const struct hs_impl hs_floor = {
	.name = "floor",
	.open = floor_begin,
	.run = floor_run,
	.close = floor_end,
};
