// SPDX-License-Identifier: MIT
#include "sched12.h"

#include <errno.h>

/* 5: P_hash, where A(i) is the HMAC of A(i-1), and A(0) the seed */
int prf(const struct crypto *crypto, enum hash_id hash, struct slice secret,
	const char *label, struct slice seed1, struct slice seed2,
	uint8_t *out, size_t len)
{
	const struct slice name = { (const uint8_t *)label, strlen(label) };
	uint8_t a[HASH_MAX], block[HASH_MAX];
	struct slice data[] = { { a, hash_rows[hash].len }, name, seed1,
				seed2 };
	struct hmac_key key;
	int err = hmac_key_set(&key, crypto, hash, secret);

	if (!err)
		err = hmac_with(&key, data + 1, 3, a);
	while (!err && len) {
		size_t n = len < data[0].len ? len : data[0].len;

		err = hmac_with(&key, data, 4, block);
		memcpy(out, block, n);
		out += n;
		len -= n;
		if (!err && len)
			err = hmac_with(&key, data, 1, a);
	}
	hmac_key_wipe(&key);
	wipe(a, sizeof(a));
	wipe(block, sizeof(block));
	return err;
}

/* 6.3: no MAC keys with AEAD, so keys and then IVs */
int key_block(const struct crypto *crypto, const struct suite *suite,
	      const struct secret *master, struct slice client_random,
	      struct slice server_random, struct key_block *out)
{
	const struct aead_row *aead = &aead_rows[suite->aead];
	size_t key = aead->key_len;
	/* GCM, CCM: the salt alone; ChaCha20 (RFC 7905): all of it */
	size_t iv = aead->salt_len ? aead->salt_len : AEAD_IV_LEN;
	uint8_t block[2 * (AEAD_KEY_MAX + AEAD_IV_LEN)];
	int err = prf(crypto, suite->hash, secret_slice(master),
		      "key expansion", server_random, client_random, block,
		      2 * (key + iv));

	*out = (struct key_block){ 0 };
	memcpy(out->client.key, block, key);
	memcpy(out->server.key, block + key, key);
	memcpy(out->client.iv, block + 2 * key, iv);
	memcpy(out->server.iv, block + 2 * key + iv, iv);
	wipe(block, sizeof(block));
	return err;
}

int verify_data12(const struct crypto *crypto, enum hash_id hash,
		  const struct secret *master, bool client,
		  const struct secret *transcript,
		  uint8_t out[VERIFY_DATA_LEN])
{
	return prf(crypto, hash, secret_slice(master),
		   client ? "client finished" : "server finished",
		   secret_slice(transcript),
		   (struct slice){ NULL, 0 }, out, VERIFY_DATA_LEN);
}

int exporter12(const struct crypto *crypto, enum hash_id hash,
	       const struct secret *master, const uint8_t randoms[64],
	       const char *label, struct slice context, uint8_t *out,
	       size_t len)
{
	struct wr seed = { 0 };
	int err;

	if (context.p)
		wr_opaque(&seed, 2, context);
	err = wr_ok(&seed) ? 0 : -ENOMEM;
	if (!err)
		err = prf(crypto, hash, secret_slice(master), label,
			  (struct slice){ randoms, 64 },
			  wr_content(&seed), out, len);
	wr_free(&seed);
	return err;
}
