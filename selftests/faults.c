// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nothing that the library asks for is sure to be given.  A config is made, a
 * handshake is run, a connection lives, again and again, and each time the
 * next allocation, call of libcrypto or system call fails.  What is then to be
 * seen: success, or an error of the right kind; no block, libcrypto's too, and
 * no descriptor more than before; no secret in memory that is given back, nor
 * on the stack; nothing of the data in plaintext.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "faults_run_lib.h"
#include "harness.h"
#include "peer.h"

#define V12	.max_version = KTLS_TLS12
#define MUTUAL	.client_cert = "client", .server.verify = KTLS_VERIFY_REQUIRE

static const struct scenario scenarios[] = {
	{ "config", .part = CONFIG, MUTUAL },
	{ "full13", .part = HANDSHAKE },
	{ "mutual13", .part = HANDSHAKE, MUTUAL },
	{ "resumed13", .part = HANDSHAKE, .resumed = true },
	{ "full12", .part = HANDSHAKE, .client = { V12 } },
	{ "mutual12", .part = HANDSHAKE, .client = { V12 }, MUTUAL },
	{ "ticket12", .part = HANDSHAKE, .client = { V12 }, .resumed = true },
	{ "id12", .part = HANDSHAKE, .client = { V12 }, .resumed = true,
	  .server.flags = KTLS_F_NO_TICKETS },
	{ "life13", .part = LIFE },
	{ "life12", .part = LIFE, .client = { V12 } },
};

#define N_SCENARIOS	(sizeof(scenarios) / sizeof(*scenarios))

/* ---- once --------------------------------------------------------------- */

/* Everything that is not to fail is there; nothing of it is left */
static void once(struct run *r)
{
	struct ktls_info info;

	learn_key();
	if (r->s->part != CONFIG) {
		ASSERT_TRUE(make_configs(r));
		learn_ticket_keys(r);
		if (r->s->resumed)
			prime(r);
		open_sockets(r);
		if (r->s->part == LIFE)
			ASSERT_TRUE(shake_hands(r));
	}
	fault_arm(r->kind, r->n);
	if (r->s->part == CONFIG) {
		make_configs(r);
	} else if (r->s->part == LIFE) {
		live(r);
	} else if (shake_hands(r)) {
		ktls_hs_info(r->hs[SERVER_END], &info);
		r->resumed = info.resumed;
	}
	if (r->err && r->s->part != CONFIG)
		go_on(r);
	r->taken = fault_disarm();
	if (r->s->part != CONFIG)
		close_all(r);
	free_configs(r);
}

/* ---- again and again ---------------------------------------------------- */

static unsigned int descriptors(void)
{
	unsigned int n = 0;

	for (int fd = 0; fd < 64; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* As libcrypto says no, having had no memory to say yes: with what it denies */
static const int refusals[] = {
	KTLS_E_CRYPTO, KTLS_E_SIGALG_CHOICE, KTLS_E_SIGNATURE,
	KTLS_E_CERT_PARSE, KTLS_E_CERT_USAGE, KTLS_E_CERT_BAD,
	KTLS_E_CERT_NAME, KTLS_E_CERT_OTHER, KTLS_E_CERT_WEAK,
	KTLS_E_CERT_ISSUER,
};

/* ... and of a config that cannot be made, what the option is about */
static const int in_config[] = {
	KTLS_E_OPTION, KTLS_E_CERT_FILE, KTLS_E_KEY_FILE, KTLS_E_KEY_MISMATCH,
	KTLS_E_CA_FILE,
};

static bool among(int err, const int *of, size_t n)
{
	while (n--)
		if (err == -of[n])
			return true;
	return false;
}

#define AMONG(err, of)	among(err, of, sizeof(of) / sizeof(*(of)))

/*
 * The first failure, of either end.  Gone is gone for both, whoever is the
 * first to see it.
 */
static bool right_error(const struct run *r)
{
	if (!r->err || r->err == -fault_errno(r->kind))
		return true;
	if (r->s->part == CONFIG && AMONG(r->err, in_config))
		return true;
	switch (r->kind) {
	case FAULT_CRYPTO_ALLOC:
	case FAULT_CRYPTO:
		return r->err == -ENOMEM || AMONG(r->err, refusals);
	case FAULT_END:
	case FAULT_ECONNRESET:
	case FAULT_EPIPE:
		return r->err == -KTLS_E_TRUNCATED || r->err == -EPIPE;
	default:
		return false;
	}
}

#define WHERE(r)							\
	TH_LOG("%s: %s %u, in %s: %s: %s", (r)->s->name,		\
	       fault_name((r)->kind), (r)->n, fault_where(), (r)->what,	\
	       ktls_strerror((r)->err))

/* By how many of libcrypto's blocks there are more now */
static long one(const struct scenario *s, enum fault kind, unsigned int n,
		struct run *r)
{
	struct blocks before = fault_blocks(), after;
	unsigned int fds = descriptors();

	*r = (struct run){ .s = s, .kind = kind, .n = n, .file = -1 };
	r->file = memfd_create("mark", MFD_CLOEXEC);
	ASSERT_EQ(write(r->file, FAULT_MARK, sizeof(FAULT_MARK)),
		  sizeof(FAULT_MARK));
	once(r);
	close(r->file);
	after = fault_blocks();
	EXPECT_EQ(after.ours, before.ours) WHERE(r);
	EXPECT_EQ(descriptors(), fds) WHERE(r);
	EXPECT_TRUE(right_error(r)) WHERE(r);
	EXPECT_EQ(ERR_peek_error(), 0) WHERE(r);
	EXPECT_TRUE(!secret_freed()) TH_LOG("%s", secret_freed()), WHERE(r);
	EXPECT_EQ(mark_sent(), 0) WHERE(r);
	return after.crypto - before.crypto;
}

/*
 * Of libcrypto's allocations, thousands, one in seven after the first ones,
 * unless KTLS_FAULTS_ALL is set
 */
static unsigned int next_fault(enum fault kind, unsigned int n)
{
	return n + (kind == FAULT_CRYPTO_ALLOC && n > 64 &&
		    !getenv("KTLS_FAULTS_ALL") ? 7 : 1);
}

#define STACK	(1 << 20)

struct sweep {
	const struct scenario *s;
	enum fault kind;
	uint8_t *stack;
	unsigned int faults, tolerated;
};

/* On a stack of its own, whose part below is looked at each time */
static void *sweep(void *arg)
{
	struct sweep *w = arg;
	struct run r, again;

	/* what is made once, libcrypto's and the kernel's */
	for (int i = 0; i < 2; i++) {
		one(w->s, w->kind, 0, &r);
		ASSERT_OK(r.err) TH_LOG("%s", r.what);
		ASSERT_EQ(r.resumed, w->s->resumed);
	}
	for (unsigned int n = 1; ; n = next_fault(w->kind, n)) {
		uint8_t *here = __builtin_frame_address(0);
		const char *found;

		/* what it keeps for later, it keeps once */
		if (one(w->s, w->kind, n, &r) > 0 && r.taken)
			EXPECT_LE(one(w->s, w->kind, n, &again), 0)
				WHERE(&again);
		found = secret_find(w->stack, (size_t)(here - 512 - w->stack));
		EXPECT_TRUE(!found)
			TH_LOG("%s: %s %u, in %s: on the stack: %s",
			       w->s->name, fault_name(w->kind), n,
			       fault_where(), found);
		secret_forget_all();
		if (!r.taken)
			break;
		w->faults++;
		w->tolerated += !r.err;
	}
	return NULL;
}

FIXTURE(fault) {
	int unused;
};

FIXTURE_VARIANT(fault) {
	const struct scenario *s;
	enum fault kind;
};

FIXTURE_TIMEOUT(fault, 300);

static bool each(size_t i, FIXTURE_VARIANT(fault) *v, char *name, size_t size)
{
	if (i >= N_SCENARIOS * FAULT_KINDS)
		return false;
	v->s = &scenarios[i / FAULT_KINDS];
	v->kind = (enum fault)(i % FAULT_KINDS);
	snprintf(name, size, "%s.%s", v->s->name, fault_name(v->kind));
	return true;
}

FIXTURE_VARIANT_GEN(fault, each);

TEST_F(fault, harmless)
{
	struct sweep w = { .s = variant->s, .kind = variant->kind };
	pthread_attr_t attr;
	pthread_t thread;

	read_key();
	w.stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_TRUE(w.stack != MAP_FAILED);
	ASSERT_OK(pthread_attr_init(&attr));
	ASSERT_EQ(pthread_attr_setstack(&attr, w.stack, STACK), 0);
	ASSERT_EQ(pthread_create(&thread, &attr, sweep, &w), 0);
	ASSERT_EQ(pthread_join(thread, NULL), 0);
	TH_LOG("%u faults, %u of them tolerated", w.faults, w.tolerated);
}

HARNESS_MAIN
