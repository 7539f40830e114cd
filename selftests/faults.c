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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "faults_run_lib.h"
#include "harness.h"
#include "peer.h"

#define V12	.max_version = KTLS_TLS12
#define MUTUAL	.client_cert = "client", .server.verify = KTLS_VERIFY_REQUIRE
#define KERNEL_ONLY							\
	.client.tx = KTLS_PATH_KERNEL, .client.rx = KTLS_PATH_KERNEL,	\
	.server.tx = KTLS_PATH_KERNEL, .server.rx = KTLS_PATH_KERNEL

#define K(kind)		(1u << FAULT_##kind)
#define LIBCRYPTO	(K(CRYPTO_ALLOC) | K(CRYPTO))
#define ON_SOCKET	(K(SHORT) | K(END) | K(EINTR) | K(EAGAIN) |	\
			 K(ECONNRESET) | K(EPIPE) | K(ENOMEM))
#define GET_OPTION	(K(ENOPROTOOPT) | K(EINVAL) | K(EBUSY))
#define SET_OPTION	(GET_OPTION | K(ENOENT) | K(EEXIST))

#define SHAKE								\
	.stage = HANDSHAKE, .run = shake_hands,				\
	.kinds = K(ALLOC) | LIBCRYPTO | ON_SOCKET | SET_OPTION
#define LIVE								\
	.stage = HAND_OFF, .run = live, .where = BOTH,			\
	.kinds = K(ALLOC) | ON_SOCKET | K(EIO) | GET_OPTION,		\
	.user = LIBCRYPTO
#define TYPED		(SET_OPTION | K(CTRUNC) | K(EBADMSG))
/* the hand-off itself, and each later change of keys */
#define KEYS								\
	.stage = HANDSHAKE, .run = live_whole, .only = "setsockopt",	\
	.where = KERNEL, .kinds = SET_OPTION | K(ENOMEM)
#define CALL(from, call)						\
	.name = #call, .stage = from, .run = call, .where = BOTH
#define IN_ONE								\
	.kinds = K(ALLOC) | LIBCRYPTO | ON_SOCKET | SET_OPTION,		\
	.again = LIBCRYPTO
#define RIDE								\
	.stage = HANDSHAKE, .run = ride, .where = BOTH,			\
	.kinds = K(ALLOC) | LIBCRYPTO | ON_SOCKET | SET_OPTION |	\
		 K(EIO) | K(ECANCELED),					\
	.kernel = K(ENOBUFS) | K(EBADMSG)

static const struct scenario scenarios[] = {
	{ .name = "config", .stage = CONFIG, .run = make_configs, MUTUAL,
	  .kinds = K(ALLOC) | LIBCRYPTO | K(SHORT) | K(EINTR) | K(ENOMEM) |
		   K(EIO) | K(ENOENT) | K(EINVAL) },
	{ .name = "full13", SHAKE },
	{ .name = "mutual13", SHAKE, MUTUAL, .again = SET_OPTION },
	{ .name = "resumed13", SHAKE, .resumed = true, .again = SET_OPTION },
	{ .name = "full12", SHAKE, .client = { V12 } },
	{ .name = "mutual12", SHAKE, .client = { V12 }, MUTUAL,
	  .again = SET_OPTION },
	{ .name = "ticket12", SHAKE, .client = { V12 }, .resumed = true,
	  .again = SET_OPTION },
	{ .name = "id12", SHAKE, .client = { V12 }, .resumed = true,
	  .server.flags = KTLS_F_NO_TICKETS, .again = SET_OPTION },
	{ .name = "life13", LIVE, .kernel = TYPED | LIBCRYPTO },
	{ .name = "life12", LIVE, .client = { V12 }, .kernel = TYPED },
	{ .name = "keys13", KEYS },
	{ .name = "keys12", KEYS, .client = { V12 } },
	{ .name = "limited13", KEYS, .client.record_size_limit = 512,
	  .server.record_size_limit = 512 },
	{ .name = "required13", KEYS, KERNEL_ONLY },
	{ .name = "required12", KEYS, KERNEL_ONLY, .client V12 },
	{ CALL(CONNECTION, pass), .user = LIBCRYPTO,
	  .kinds = K(ALLOC) | ON_SOCKET | GET_OPTION | K(CTRUNC) },
	{ CALL(CONNECTION, ask_agent), .user = LIBCRYPTO,
	  .kinds = K(ALLOC) | (ON_SOCKET & ~K(SHORT)) | SET_OPTION |
		   K(EMFILE) | K(ENOBUFS) },
	{ CALL(HANDSHAKE, connect_it), IN_ONE },
	{ CALL(HANDSHAKE, accept_it), IN_ONE },
	{ .name = "uring13", RIDE, .again = K(CRYPTO_ALLOC) },
	{ .name = "uring12", RIDE, .client = { V12 }, .again = LIBCRYPTO },
};

#define N_SCENARIOS	(sizeof(scenarios) / sizeof(*scenarios))

/* ---- once --------------------------------------------------------------- */

/* What is there before anything fails */
static void prepare(struct run *r)
{
	if (r->s->stage == CONFIG)
		return;
	ASSERT_TRUE(make_configs(r));
	learn_ticket_keys(r);
	if (r->s->resumed)
		prime(r);
	open_sockets(r);
	if (r->s->stage > HANDSHAKE)
		ASSERT_TRUE(shake_hands(r));
	if (r->s->stage > HAND_OFF)
		ASSERT_TRUE(hand_over(r));
}

/* Everything that is not to fail is there; nothing of it is left */
static void once(struct run *r)
{
	struct ktls_info info;

	learn_key();
	prepare(r);
	fault_only(r->s->only);
	fault_arm(r->kind, r->n);
	r->s->run(r);
	if (r->err && r->s->stage != CONFIG)
		go_on(r);
	r->taken = fault_disarm();
	if (r->s->resumed && !r->err) {
		ktls_hs_info(r->hs[SERVER_END], &info);
		r->resumed = info.resumed;
	}
	if (r->s->stage != CONFIG)
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

/* ... and where a kernel is asked for what it has or does */
static const int of_kernel[] = {
	KTLS_E_NO_KERNEL, KTLS_E_NO_REKEY, KTLS_E_CONN_SOCKET,
};

/* Gone is gone for both ends, whoever is the first to see it */
static const int gone[] = {
	EPIPE, ECONNRESET, ENOTCONN, KTLS_E_TRUNCATED, KTLS_E_AGENT_GONE,
	KTLS_E_CONN_SAVED,
};

/* ... and what is said in other words */
static const struct {
	enum fault kind;
	const char *where;
	int err;
} other_words[] = {
	{ FAULT_EAGAIN, "connect", ETIMEDOUT },
	{ FAULT_EINVAL, "mmap", ENOMEM },
	{ FAULT_EINVAL, "io_uring_register_buf_ring", ENOTSUP },
};

static bool in_other_words(const struct run *r)
{
	for (size_t i = 0; i < sizeof(other_words) / sizeof(*other_words); i++)
		if (other_words[i].kind == r->kind &&
		    other_words[i].err == -r->err &&
		    !strcmp(other_words[i].where, fault_where()))
			return true;
	return false;
}

/* The first failure, of either end */
static bool right_error(const struct run *r)
{
	if (!r->err || r->err == -fault_errno(r->kind) || in_other_words(r))
		return true;
	if (r->s->stage == CONFIG && AMONG(r->err, in_config))
		return true;
	switch (r->kind) {
	case FAULT_CRYPTO_ALLOC:
	case FAULT_CRYPTO:
		return r->err == -ENOMEM || AMONG(r->err, refusals);
	case FAULT_END:
	case FAULT_ECONNRESET:
	case FAULT_EPIPE:
		return AMONG(r->err, gone);
	case FAULT_CTRUNC:
		/* the kernel gives no control record whose type has no room */
		return r->err == -KTLS_E_RECORD_TYPE || r->err == -EIO ||
		       r->err == -KTLS_E_CONN_SAVED;
	case FAULT_EBADMSG:
		return r->err == -KTLS_E_RECORD_MAC;
	default:
		return strstr(fault_where(), "sockopt") &&
		       AMONG(r->err, of_kernel);
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
	EXPECT_EQ(r->wire.marks, 0) WHERE(r);
	return after.crypto - before.crypto;
}

/* Of libcrypto's allocations, thousands, not all after the first ones */
static unsigned int next_fault(enum fault kind, unsigned int n)
{
	if (kind != FAULT_CRYPTO_ALLOC || n <= 64 || getenv("KTLS_FAULTS_ALL"))
		return n + 1;
	return n + (getenv("KTLS_FAULTS_FEW") ? 29 : 7);
}

#define STACK	(1 << 20)

struct sweep {
	const struct scenario *s;
	enum fault kind;
	bool kernel;			/* ... carries what follows */
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
		ASSERT_EQ(r.carried, w->kernel ? 4 : 0);
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

/* Where nothing is otherwise, once will do */
static bool listed(const struct scenario *s, enum fault kind)
{
	bool kernel = has_ktls();
	unsigned int kinds = s->kinds | (kernel ? s->kernel : s->user);

	if (getenv("KTLS_FAULTS_FEW"))
		kinds &= ~s->again;
	return (s->where == BOTH || (s->where == KERNEL) == kernel) &&
	       kinds & 1u << kind;
}

static bool each(size_t i, FIXTURE_VARIANT(fault) *v, char *name, size_t size)
{
	if (i >= N_SCENARIOS * FAULT_KINDS)
		return false;
	v->s = &scenarios[i / FAULT_KINDS];
	v->kind = (enum fault)(i % FAULT_KINDS);
	if (listed(v->s, v->kind))
		snprintf(name, size, "%s.%s", v->s->name,
			 fault_name(v->kind));
	return true;
}

FIXTURE_VARIANT_GEN(fault, each);

TEST_F(fault, harmless)
{
	struct sweep w = { .s = variant->s, .kind = variant->kind,
			   .kernel = has_ktls() };
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
	EXPECT_GT(w.faults, 0);
	TH_LOG("%u faults, %u of them tolerated", w.faults, w.tolerated);
}

/* ---- what waits keeps time ---------------------------------------------- */

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ll + ts.tv_nsec / 1000000;
}

/* For a peer who says nothing, though it is woken again and again */
static void keeps_time(enum storm storm)
{
	for (int i = 0; i < 2; i++) {
		struct ktls_config *cfg = config(&(struct ktls_opts){
			.size = sizeof(struct ktls_opts),
			.role = i ? KTLS_SERVER : KTLS_CLIENT });
		long long begin = now_ms(), took;
		struct ktls_conn *conn;
		int fd[2];

		tcp_pair(fd);
		fault_storm(storm);
		EXPECT_EQ(i ? ktls_accept(&conn, fd[0], cfg, 200, NULL, 0) :
			      ktls_connect(&conn, fd[0], cfg, "localhost", 200,
					   NULL, 0), -ETIMEDOUT);
		fault_storm(STORM_NONE);
		took = now_ms() - begin;
		EXPECT_TRUE(!conn);
		EXPECT_GE(took, 200);
		EXPECT_LT(took, harness_ms(10000));
		close(fd[0]);
		close(fd[1]);
		ktls_config_put(cfg);
	}
}

TEST(deadline_interrupted)
{
	keeps_time(STORM_EINTR);
}

TEST(deadline_woken_for_nothing)
{
	keeps_time(STORM_READY);
}

/* ---- what is learnt once is true ---------------------------------------- */

/* In a process of its own, that has not learnt it yet: 2, nothing has failed */
static int probe_once(enum fault kind, unsigned int n, struct ktls_caps *truth)
{
	unsigned int fds = descriptors();
	struct ktls_caps caps = { 0 };
	int err;

	fault_arm(kind, n);
	err = ktls_probe(&caps);
	if (!fault_disarm()) {
		*truth = caps;
		return err ? 1 : 2;
	}
	/* what lacked may be there now */
	if (err)
		err = ktls_probe(&caps);
	return err || memcmp(&caps, truth, sizeof(caps)) ||
	       descriptors() != fds;
}

static int probe_apart(enum fault kind, unsigned int n,
		       struct ktls_caps *truth)
{
	pid_t pid = fork();
	int status;

	ASSERT_OK(pid);
	if (!pid)
		_exit(probe_once(kind, n, truth));
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_TRUE(WIFEXITED(status));
	return WEXITSTATUS(status);
}

TEST(lists)
{
	fault_arm(FAULT_ALLOC, 1);
	EXPECT_TRUE(!ktls_suite_list(0));
	EXPECT_TRUE(fault_disarm());
	EXPECT_TRUE(ktls_suite_list(0));
	EXPECT_TRUE(ktls_group_list(0));
	EXPECT_TRUE(ktls_sigalg_list(0));
}

TEST_TIMEOUT(probe, 120)
{
	static const enum fault kinds[] = { FAULT_ENOMEM, FAULT_EMFILE };
	struct ktls_caps *truth = mmap(NULL, sizeof(*truth),
				       PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_TRUE(truth != MAP_FAILED);
	ASSERT_EQ(probe_apart(FAULT_ENOMEM, 0, truth), 2);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		unsigned int n = 1;
		int status;

		while (!(status = probe_apart(kinds[i], n, truth)))
			n++;
		EXPECT_EQ(status, 2)
			TH_LOG("%s %u", fault_name(kinds[i]), n);
		EXPECT_GT(n, 10);
	}
}

HARNESS_MAIN
