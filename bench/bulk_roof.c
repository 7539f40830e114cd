// SPDX-License-Identifier: MIT
/*
 * The roof: what the machine's memory does, and its AES-GCM by libcrypto and by
 * the kernel, in records of 16 KiB, without any connection.
 */
#include <linux/if_alg.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bulk.h"

#define LEN	16384
#define AAD	5
#define TAG	16
#define NS	300000000.0	/* of each */

static uint8_t in[LEN + AAD + TAG], out[LEN + AAD + TAG];

/* Calls of @step, each of LEN bytes, for a while */
static double rate(bool (*step)(void *arg), void *arg)
{
	double from = hs_now(), ns;
	long n = 0;

	do {
		for (int i = 0; i < 64; i++, n++)
			if (!step(arg))
				return 0;
		ns = hs_now() - from;
	} while (ns < NS);
	return (double)n * LEN / 1048576 / (ns / 1e9);
}

static bool copy(void *arg)
{
	(void)arg;
	memcpy(out, in, LEN);
	__asm__ volatile("" : : "r"(out) : "memory");
	return true;
}

static double roof_memory(void)
{
	return rate(copy, NULL);
}

static bool seal(void *arg)
{
	static const uint8_t iv[12];
	int n;

	return EVP_EncryptInit_ex(arg, NULL, NULL, NULL, iv) &&
	       EVP_EncryptUpdate(arg, NULL, &n, in, AAD) &&
	       EVP_EncryptUpdate(arg, out, &n, in, LEN) &&
	       EVP_EncryptFinal_ex(arg, out + n, &n) &&
	       EVP_CIPHER_CTX_ctrl(arg, EVP_CTRL_AEAD_GET_TAG, TAG, out);
}

static double roof_libcrypto(void)
{
	static const uint8_t key[16];
	EVP_CIPHER *gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	double r = 0;

	if (gcm && ctx && EVP_EncryptInit_ex(ctx, gcm, NULL, key, NULL))
		r = rate(seal, ctx);
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(gcm);
	return r;
}

/* Two calls a record, and a copy out */
static bool seal_kernel(void *arg)
{
	char control[CMSG_SPACE(4) + CMSG_SPACE(16) + CMSG_SPACE(4)] = { 0 };
	struct iovec iov = { in, LEN + AAD };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	const int fd = *(int *)arg;
	const uint32_t op = ALG_OP_ENCRYPT, aad = AAD, iv_len = 12;

	*c = (struct cmsghdr){ CMSG_LEN(4), SOL_ALG, ALG_SET_OP };
	memcpy(CMSG_DATA(c), &op, 4);
	c = CMSG_NXTHDR(&m, c);
	*c = (struct cmsghdr){ CMSG_LEN(16), SOL_ALG, ALG_SET_IV };
	memcpy(CMSG_DATA(c), &iv_len, 4);
	c = CMSG_NXTHDR(&m, c);
	*c = (struct cmsghdr){ CMSG_LEN(4), SOL_ALG, ALG_SET_AEAD_ASSOCLEN };
	memcpy(CMSG_DATA(c), &aad, 4);
	return sendmsg(fd, &m, 0) == LEN + AAD &&
	       read(fd, out, sizeof(out)) == sizeof(out);
}

static double roof_kernel(void)
{
	static const struct sockaddr_alg at = {
		.salg_family = AF_ALG, .salg_type = "aead",
		.salg_name = "gcm(aes)",
	};
	static const uint8_t key[16];
	int alg = socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), fd = -1;
	double r = 0;

	if (alg >= 0 && !bind(alg, (const struct sockaddr *)&at, sizeof(at)) &&
	    !setsockopt(alg, SOL_ALG, ALG_SET_KEY, key, sizeof(key)) &&
	    !setsockopt(alg, SOL_ALG, ALG_SET_AEAD_AUTHSIZE, NULL, TAG))
		fd = accept4(alg, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0) {
		r = rate(seal_kernel, &fd);
		close(fd);
	}
	if (alg >= 0)
		close(alg);
	return r;
}

const struct bulk_roof bulk_roofs[] = {
	{ "memory copied", roof_memory },
	{ "AES-128-GCM, libcrypto", roof_libcrypto },
	{ "AES-128-GCM, kernel (AF_ALG)", roof_kernel },
};

const size_t bulk_roofs_len = sizeof(bulk_roofs) / sizeof(*bulk_roofs);
