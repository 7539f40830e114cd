// SPDX-License-Identifier: MIT
#include "offload.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

/* ---- crypto_info ------------------------------------------------------- */

/* <linux/tls.h> has a struct for each cipher; here is where they differ */
static const struct info_row {
	size_t size, iv, iv_len, key, salt, rec_seq;
} info_rows[AEAD_COUNT] = {
#define ROW(id, type)							\
	[id] = {							\
		.size = sizeof(struct type),				\
		.iv = offsetof(struct type, iv),			\
		.iv_len = sizeof(((struct type *)0)->iv),		\
		.key = offsetof(struct type, key),			\
		.salt = offsetof(struct type, salt),			\
		.rec_seq = offsetof(struct type, rec_seq),		\
	}
	ROW(AEAD_AES_128_GCM, tls12_crypto_info_aes_gcm_128),
	ROW(AEAD_AES_256_GCM, tls12_crypto_info_aes_gcm_256),
	ROW(AEAD_AES_128_CCM, tls12_crypto_info_aes_ccm_128),
	ROW(AEAD_CHACHA20_POLY1305, tls12_crypto_info_chacha20_poly1305),
#undef ROW
};

#define SEQ_LEN	8

static void put_seq(uint8_t p[SEQ_LEN], uint64_t seq)
{
	for (int i = SEQ_LEN - 1; i >= 0; i--, seq >>= 8)
		p[i] = (uint8_t)seq;
}

size_t offload_info(union crypto_info *out, const struct suite *suite,
		    const struct traffic_keys *keys, uint64_t seq)
{
	const struct aead_row *aead = &aead_rows[suite->aead];
	const struct info_row *row = &info_rows[suite->aead];
	uint8_t *p = (uint8_t *)out;

	memset(out, 0, sizeof(*out));
	out->info.version = suite->version;
	out->info.cipher_type = aead->tls_cipher;
	put_seq(p + row->rec_seq, seq);
	memcpy(p + row->key, keys->key, aead->key_len);
	/* the 12-byte IV is split: the salt first, then the kernel's "iv" */
	memcpy(p + row->salt, keys->iv, aead->salt_len);
	memcpy(p + row->iv, keys->iv + aead->salt_len, row->iv_len);
	/* which in 1.2 is the explicit part: ours is the record's number */
	if (suite->version == KTLS_TLS12 && aead->salt_len)
		put_seq(p + row->iv, seq);
	return row->size;
}

/* ---- socket options ---------------------------------------------------- */

static int option(unsigned int direction)
{
	return direction == KTLS_TX ? TLS_TX : TLS_RX;
}

int offload_attach(int fd)
{
	if (!setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")))
		return 0;
	if (errno != EEXIST)
		return -errno;
	/* keys of ours would be a new key for the connection around us */
	return offload_has_keys(fd, KTLS_TX) || offload_has_keys(fd, KTLS_RX) ?
	       -EBUSY : 0;
}

int offload_keys(int fd, unsigned int direction, const struct suite *suite,
		 const struct traffic_keys *keys, uint64_t seq)
{
	union crypto_info info;
	size_t size = offload_info(&info, suite, keys, seq);
	int err = setsockopt(fd, SOL_TLS, option(direction), &info,
			     (socklen_t)size) ? -errno : 0;

	wipe(&info, sizeof(info));
	return err;
}

int offload_max_payload(int fd, uint16_t len)
{
	return setsockopt(fd, SOL_TLS, TLS_TX_MAX_PAYLOAD_LEN, &len,
			  sizeof(len)) ? -errno : 0;
}

static int get_info(int fd, unsigned int direction, const struct suite *suite,
		    union crypto_info *info, socklen_t *size)
{
	*size = (socklen_t)info_rows[suite->aead].size;
	return getsockopt(fd, SOL_TLS, option(direction), info, size) ?
	       -errno : 0;
}

static uint64_t info_seq(const union crypto_info *info,
			 const struct suite *suite)
{
	const uint8_t *p = (const uint8_t *)info +
			   info_rows[suite->aead].rec_seq;
	uint64_t seq = 0;

	for (int i = 0; i < SEQ_LEN; i++)
		seq = seq << 8 | p[i];
	return seq;
}

int offload_seq(int fd, unsigned int direction, const struct suite *suite,
		uint64_t *seq)
{
	union crypto_info info;
	socklen_t size;
	int err = get_info(fd, direction, suite, &info, &size);

	*seq = err ? 0 : info_seq(&info, suite);
	wipe(&info, sizeof(info));
	return err;
}

/* No keys, those of another cipher, or no socket that could have any */
static bool says_no(int err)
{
	return err == -EBUSY || err == -EINVAL || err == -ENOPROTOOPT ||
	       err == -EOPNOTSUPP || err == -ENOTSOCK || err == -EBADF;
}

int offload_has_keys(int fd, unsigned int direction)
{
	struct tls_crypto_info info;
	socklen_t size = sizeof(info);

	if (!getsockopt(fd, SOL_TLS, option(direction), &info, &size))
		return 1;
	return says_no(-errno) ? 0 : -errno;
}

int offload_is(int fd, unsigned int direction, const struct suite *suite,
	       const struct traffic_keys *keys)
{
	union crypto_info info, want;
	socklen_t size;
	int err = get_info(fd, direction, suite, &info, &size);
	bool same = false;

	if (!err) {
		/* the explicit part goes with the number, in 1.2 */
		offload_info(&want, suite, keys, info_seq(&info, suite));
		same = secret_eq(&info, &want, size);
	}
	wipe(&info, sizeof(info));
	wipe(&want, sizeof(want));
	return says_no(err) ? 0 : err ? err : same;
}

int offload_resume(int fd, const struct suite *suite)
{
	union crypto_info info;
	socklen_t size;
	int err = get_info(fd, KTLS_RX, suite, &info, &size);

	if (!err && setsockopt(fd, SOL_TLS, TLS_RX, &info, size))
		err = -errno;
	wipe(&info, sizeof(info));
	return err;
}
