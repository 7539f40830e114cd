// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compressed certificates (RFC 8879) with libssl at the other end: one of 3.2
 * or later, whose functions are looked for at run time, as this is built with
 * older headers.
 */
#include "interop_lib.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

/* ---- what newer ones have ---------------------------------------------- */

static int (*set_preference)(SSL *ssl, int *algorithms, size_t len);
static int (*compress_certs)(SSL *ssl, int algorithm);

static void find_function(const char *name, void *fn)
{
	void *p = dlsym(RTLD_DEFAULT, name);

	if (!p)
		SKIP("this libssl has no %s()", name);
	memcpy(fn, &p, sizeof(p));
}

/* ---- compression ------------------------------------------------------- */

static const char *const algorithms[] = { NULL, "zlib", "brotli", "zstd" };

FIXTURE(compressed) {
	struct with with;
	struct ktls_cred cred;
};

FIXTURE_VARIANT(compressed) {
	enum ktls_role role;	/* ours */
	int algorithm;
};

static bool each_way(size_t i, FIXTURE_VARIANT(compressed) *v, char *name,
		     size_t size)
{
	if (i >= 6)
		return false;
	v->role = i % 2 ? KTLS_SERVER : KTLS_CLIENT;
	v->algorithm = (int)(1 + i / 2);
	snprintf(name, size, "%s.%s", i % 2 ? "server" : "client",
		 algorithms[v->algorithm]);
	return true;
}

FIXTURE_VARIANT_GEN(compressed, each_way);

FIXTURE_SETUP(compressed)
{
	bool server = variant->role == KTLS_SERVER;
	int algorithm = variant->algorithm;

	find_function("SSL_set1_cert_comp_preference", &set_preference);
	find_function("SSL_compress_certs", &compress_certs);
	self->cred = pki_cred(server ? "chain" : "client");
	with_begin(&self->with, (struct ktls_opts){
			.role = variant->role, .creds = &self->cred,
			.creds_len = 1,
			.verify = KTLS_VERIFY_REQUIRE,
			.cert_compression = algorithms[algorithm] },
		   (struct ssl_opts){ .server = !server, .require = !server,
			.verify = true, .cert = server ? "client" : "chain" },
		   "localhost");
	if (!set_preference(self->with.ssl, &algorithm, 1))
		SKIP("this libssl has no %s", algorithms[algorithm]);
	/* a client of it compresses when it is asked */
	if (!server)
		ASSERT_EQ(compress_certs(self->with.ssl, algorithm), 1);
}

FIXTURE_TEARDOWN(compressed)
{
	with_end(&self->with);
}

TEST_F(compressed, both_ways)
{
	const struct ktls_info *info = &self->with.hs->info;

	with_run(&self->with, 0);
	with_agree(&self->with);
	EXPECT_EQ(info->cert_compression, variant->algorithm);
	EXPECT_EQ(info->peer_cert_compression, variant->algorithm);
	EXPECT_TRUE(info->peer_verified);
	with_data(&self->with);
}

TEST_F(compressed, a_byte_at_a_time)
{
	with_run(&self->with, 1);
	with_agree(&self->with);
	EXPECT_EQ(self->with.hs->info.peer_cert_compression,
		  variant->algorithm);
}

HARNESS_MAIN
