// SPDX-License-Identifier: GPL-2.0-only
/* Programs built with another version of the header than the library */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "hs_lib.h"

#define LONGER	16	/* bytes that a later version might have */

static const struct ktls_sizes ours = {
	sizeof(struct ktls_sizes), sizeof(struct ktls_cred),
	sizeof(struct ktls_supp), sizeof(struct ktls_oid_filter),
	sizeof(struct ktls_psk), sizeof(struct ktls_hooks),
	sizeof(struct ktls_session_store)
};

/* @n structs of @from bytes, in a program's layout, where they have @to */
static void *layout(const void *structs, size_t n, size_t from, size_t to)
{
	uint8_t *p = calloc(n, to);

	ASSERT_TRUE(p);
	for (size_t i = 0; i < n; i++)
		memcpy(p + i * to, (const uint8_t *)structs + i * from,
		       from < to ? from : to);
	return p;
}

static int make(struct ktls_config **cfg, struct ktls_opts *o,
		const struct ktls_sizes *sizes)
{
	o->size = sizeof(*o);
	return ktls_config_new_size(cfg, o, sizes);
}

/* ---- credentials, which an array has ----------------------------------- */

/* A server whose program knows less, or more: "localhost" has the second */
static void serve(size_t cred_size)
{
	const struct ktls_cred creds[] = {
		pki_cred("othername"), pki_cred("p256"),
	};
	struct ktls_sizes sizes = ours;
	struct ktls_cred *theirs = layout(creds, 2, sizeof(creds[0]),
					  cred_size);
	struct ktls_opts o = { .role = KTLS_SERVER, .creds = theirs,
			       .creds_len = 2 };
	struct two t = { .client_config = client_config() };
	struct ktls_info info;

	sizes.cred = cred_size;
	ASSERT_OK(make(&t.server_config, &o, &sizes));
	free(theirs);
	ASSERT_OK(ktls_hs_new(&t.client, t.client_config, "localhost"));
	ASSERT_OK(ktls_hs_new(&t.server, t.server_config, NULL));
	ASSERT_OK(pump(t.client, t.server, 0));
	ktls_hs_info(t.client, &info);
	EXPECT_STREQ(info.peer_subject, "CN = p256");
	two_end(&t);
}

TEST(older)
{
	serve(offsetof(struct ktls_cred, ocsp_file));
}

TEST(same)
{
	serve(sizeof(struct ktls_cred));
}

TEST(later)
{
	serve(sizeof(struct ktls_cred) + LONGER);
}

static void sign(size_t size, size_t set, int err)
{
	const struct ktls_cred cred = pki_cred("p256");
	uint8_t *theirs = layout(&cred, 1, sizeof(cred), size);
	struct ktls_signer *s;

	if (set)
		theirs[set] = 1;
	EXPECT_EQ(ktls_signer_new_size(&s, NULL, 0,
				       (struct ktls_cred *)(void *)theirs,
				       size), err);
	ktls_signer_free(s);
	free(theirs);
}

TEST(signer)
{
	sign(offsetof(struct ktls_cred, ocsp_file), 0, 0);
	sign(sizeof(struct ktls_cred) + LONGER, 0, 0);
	sign(sizeof(struct ktls_cred) + LONGER,
	     sizeof(struct ktls_cred) + LONGER - 1, -E2BIG);
}

/* ---- all of them ------------------------------------------------------- */

static int store(void *arg, const void *id, size_t id_len, const void *session,
		 size_t len, uint64_t expires)
{
	(void)arg, (void)id, (void)id_len, (void)session, (void)len;
	(void)expires;
	return 0;
}

static ssize_t fetch(void *arg, const void *id, size_t id_len, void *buf,
		     size_t size)
{
	(void)arg, (void)id, (void)id_len, (void)buf, (void)size;
	return 0;
}

static void forget(void *arg, const void *id, size_t id_len)
{
	(void)arg, (void)id, (void)id_len;
}

static const struct ktls_supp supps[2] = {
	{ .type = 0x7001, .extension = 0x7001, .data = "a", .data_len = 1 },
	{ .type = 0x7002, .extension = 0x7001, .data = "b", .data_len = 1 },
};
/* id-kp-clientAuth */
static const uint8_t usage[] = "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\2";
static const struct ktls_oid_filter filters[2] = {
	{ "2.5.29.37", usage, sizeof(usage) - 1 }, { "1.2.3.4", "\5", 1 },
};
static const struct ktls_psk psks[2] = {
	{ .identity = "one", .identity_len = 3, .key = "0123456789abcdef",
	  .key_len = 16 },
	{ .identity = "two", .identity_len = 3, .key = "fedcba9876543210",
	  .key_len = 16 },
};
static const struct ktls_hooks no_hooks;
static const struct ktls_session_store stored = {
	.store = store, .fetch = fetch, .forget = forget,
};

/* Where the options point to it, how long it is, and where its size goes */
static const struct part {
	const char *name;
	const void *structs;
	size_t n, size, at, len_at, size_at;
} parts[] = {
#define PART(member, from, count, len, type)				\
	{ #type, from, count, sizeof(struct ktls_##type),		\
	  offsetof(struct ktls_opts, member), len,			\
	  offsetof(struct ktls_sizes, type) }
#define PARTS(member, from, type)					\
	PART(member, from, 2, offsetof(struct ktls_opts, member##_len), type)
	PARTS(supp, supps, supp),
	PARTS(oid_filters, filters, oid_filter),
	PARTS(psks, psks, psk),
	PART(hooks, &no_hooks, 1, 0, hooks),
	PART(session_store, &stored, 1, 0, session_store),
};

/* A program that has this in structs of @size, the last of them with @last */
static int try(const struct part *p, size_t size, uint8_t last)
{
	const struct ktls_cred cred = pki_cred("p256");
	struct ktls_opts o = { .role = KTLS_SERVER, .creds = &cred,
			       .creds_len = 1, .ca_file = pki("ca"),
			       .verify = KTLS_VERIFY_REQUIRE };
	uint8_t *theirs = layout(p->structs, p->n, p->size,
				 size ? size : p->size);
	struct ktls_sizes sizes = ours;
	struct ktls_config *cfg;
	int err;

	if (last)
		theirs[p->n * size - 1] = last;
	memcpy((uint8_t *)&o + p->at, &theirs, sizeof(theirs));
	if (p->len_at)
		memcpy((uint8_t *)&o + p->len_at, &p->n, sizeof(p->n));
	memcpy((uint8_t *)&sizes + p->size_at, &size, sizeof(size));
	err = make(&cfg, &o, &sizes);
	free(theirs);
	ktls_config_put(cfg);
	return err;
}

TEST(each)
{
	const struct part *end = parts + sizeof(parts) / sizeof(*parts);

	for (const struct part *p = parts; p < end; p++) {
		EXPECT_EQ(try(p, p->size, 0), 0) TH_LOG("%s", p->name);
		EXPECT_EQ(try(p, p->size + LONGER, 0), 0)
			TH_LOG("%s", p->name);
		/* it wants what this version does not know */
		EXPECT_EQ(try(p, p->size + LONGER, 1), -E2BIG)
			TH_LOG("%s", p->name);
		EXPECT_EQ(try(p, 5000, 0), -EINVAL) TH_LOG("%s", p->name);
		EXPECT_EQ(try(p, 0, 0), -EINVAL) TH_LOG("%s", p->name);
	}
}

/* What they lack has its default: hooks that stop before verify */
TEST(shorter)
{
	const struct part *p = &parts[3];

	EXPECT_STREQ(p->name, "hooks");
	EXPECT_EQ(try(p, offsetof(struct ktls_hooks, verify), 0), 0);
	EXPECT_EQ(try(&parts[4], offsetof(struct ktls_session_store, take), 0),
		  0);
}

/* The sizes are in a struct that may itself be of another version */
TEST(sizes)
{
	const struct ktls_cred cred = pki_cred("p256");
	struct ktls_opts o = { .role = KTLS_SERVER, .creds = &cred,
			       .creds_len = 1 };
	struct {
		struct ktls_sizes known;
		size_t later;
	} longer = { ours, 0 };
	struct ktls_sizes shorter = ours;
	struct ktls_config *cfg;

	longer.known.size = sizeof(longer);
	EXPECT_OK(make(&cfg, &o, &longer.known));
	ktls_config_put(cfg);
	/* a program that has no hooks, nor can have */
	shorter.size = offsetof(struct ktls_sizes, hooks);
	EXPECT_OK(make(&cfg, &o, &shorter));
	ktls_config_put(cfg);
	o.hooks = &no_hooks;
	EXPECT_EQ(make(&cfg, &o, &shorter), -EINVAL);
	EXPECT_EQ(make(&cfg, &o, NULL), -EINVAL);
}

HARNESS_MAIN
