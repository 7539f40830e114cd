// SPDX-License-Identifier: GPL-2.0-only
/*
 * Answers of the application, at once or later: signatures made elsewhere, the
 * choice of a credential, the verdict on a certificate.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "hs_lib.h"
#include "mitm_lib.h"
#include "sign_lib.h"

#define V12	KTLS_TLS12
#define V13	KTLS_TLS13

/* ---- an application ---------------------------------------------------- */

/* What one end's hooks are to do, and have seen */
struct app {
	bool later;		/* all of them */
	int cred, verdict;	/* the answers */
	const char *key;	/* with which it signs; NULL: it refuses */
	bool spoil;		/* the signature */

	unsigned int asked;	/* KTLS_WANT_* of all that were */
	unsigned int times;
	struct ktls_sign_request sign;
	struct ktls_cred_request choose;
	struct ktls_verify_request verify;
	char name[256];
	size_t fits[4];
	uint8_t named[4];
	struct ktls_info info;	/* when it was asked last */
};

static struct app *called(struct ktls_hs *hs, unsigned int want)
{
	struct app *a = ktls_hs_data(hs);

	/* not while a hook runs */
	EXPECT_EQ(ktls_hs_sign_answer(hs, "", 0), -KTLS_E_STATE);
	EXPECT_EQ(ktls_hs_cred_answer(hs, 0), -KTLS_E_STATE);
	EXPECT_EQ(ktls_hs_verify_answer(hs, 0), -KTLS_E_STATE);
	a->asked |= want;
	a->times++;
	ktls_hs_info(hs, &a->info);
	return a;
}

static ssize_t app_signature(const struct app *a,
			     const struct ktls_sign_request *r, void *sig)
{
	ssize_t n = a->key ? sign_with(a->key, r, sig) : -1;

	if (a->spoil && n > 0)
		((uint8_t *)sig)[n / 2] ^= 1;
	return n;
}

static ssize_t on_sign(void *arg, struct ktls_hs *hs,
		       const struct ktls_sign_request *r, void *sig,
		       size_t size)
{
	struct app *a = called(hs, KTLS_WANT_SIGN);

	(void)arg;
	a->sign = *r;
	EXPECT_EQ(size, r->max_len);
	return a->later ? KTLS_LATER : app_signature(a, r, sig);
}

static int on_choose(void *arg, struct ktls_hs *hs,
		     const struct ktls_cred_request *r)
{
	struct app *a = called(hs, KTLS_WANT_CRED);

	(void)arg;
	a->choose = *r;
	ASSERT_LE(r->fits_len, 4);
	memcpy(a->fits, r->fits, r->fits_len * sizeof(*r->fits));
	memcpy(a->named, r->named, r->fits_len);
	snprintf(a->name, sizeof(a->name), "%s", r->server_name);
	return a->later ? KTLS_LATER : a->cred;
}

static int on_verify(void *arg, struct ktls_hs *hs,
		     const struct ktls_verify_request *r)
{
	struct app *a = called(hs, KTLS_WANT_VERIFY);

	(void)arg;
	a->verify = *r;
	snprintf(a->name, sizeof(a->name), "%s", r->name);
	return a->later ? KTLS_LATER : a->verdict;
}

static const struct ktls_hooks hooks = {
	.sign = on_sign, .choose_cred = on_choose, .verify = on_verify,
};

/* ---- two ends, each with one ------------------------------------------- */

FIXTURE(app) {
	struct two two;
	struct app app[2];
};

FIXTURE_VARIANT(app) {
	uint16_t version;
	enum end end;		/* that has the hooks */
	bool later;
};

#define APP(name, ...)	FIXTURE_VARIANT_ADD(app, name) { __VA_ARGS__ }
APP(client13_at_once, V13, CLIENT_END, false);
APP(client13_later, V13, CLIENT_END, true);
APP(server13_at_once, V13, SERVER_END, false);
APP(server13_later, V13, SERVER_END, true);
APP(client12_at_once, V12, CLIENT_END, false);
APP(client12_later, V12, CLIENT_END, true);
APP(server12_at_once, V12, SERVER_END, false);
APP(server12_later, V12, SERVER_END, true);

FIXTURE_TEARDOWN(app)
{
	two_end(&self->two);
}

static struct ktls_cred elsewhere(const char *name)
{
	return (struct ktls_cred){ .cert_file = pki(name),
				   .key_elsewhere = 1 };
}

/* @creds: the end's; the other has p256, or as a client "client" */
static void begin(FIXTURE_DATA(app) *self, const FIXTURE_VARIANT(app) *v,
		  struct ktls_cred *creds, size_t len,
		  const struct ktls_hooks *h, unsigned int flags)
{
	struct ktls_cred other = pki_cred(v->end == SERVER_END ? "client" :
					  "p256");
	struct ktls_opts o[2] = {
		{ .size = sizeof(o[0]), .role = KTLS_CLIENT,
		  .verify = KTLS_VERIFY_REQUIRE, .sessions = KTLS_NO_SESSIONS },
		{ .size = sizeof(o[0]), .role = KTLS_SERVER,
		  .verify = KTLS_VERIFY_REQUIRE, .flags = KTLS_F_NO_TICKETS,
		  .sessions = KTLS_NO_SESSIONS },
	};
	struct ktls_opts *mine = &o[v->end];

	for (int i = 0; i < 2; i++) {
		o[i].min_version = o[i].max_version = v->version;
		o[i].creds = &other;
		o[i].creds_len = 1;
	}
	mine->creds = creds;
	mine->creds_len = len;
	mine->hooks = h;
	mine->flags |= flags;
	/* both have to ask for that */
	o[OTHER(v->end)].flags |= flags & KTLS_F_DOUBLE_HANDSHAKE;
	two_begin(&self->two, &o[0], &o[1], "localhost");
	self->app[v->end].later = v->later;
	ktls_hs_set_data(self->two.client, &self->app[CLIENT_END]);
	ktls_hs_set_data(self->two.server, &self->app[SERVER_END]);
}

static struct ktls_hs *end_of(const struct two *t, enum end end)
{
	return end == CLIENT_END ? t->client : t->server;
}

/* What answers that do not fit do: nothing */
static void check_suspended(struct ktls_hs *hs, unsigned int want)
{
	struct ktls_sign_request s;
	struct ktls_cred_request c;
	struct ktls_verify_request v;
	const struct app *a = ktls_hs_data(hs);
	size_t len;

	EXPECT_EQ(ktls_hs_wants(hs), want);
	EXPECT_FALSE(ktls_hs_in(hs, &len));
	EXPECT_EQ(len, 0);
	EXPECT_EQ(ktls_hs_received(hs, 0), -EINVAL);
	EXPECT_EQ(ktls_hs_renegotiate(hs, NULL), -KTLS_E_STATE);
	if (want != KTLS_WANT_SIGN) {
		EXPECT_EQ(ktls_hs_sign_answer(hs, "x", 1), -KTLS_E_STATE);
		EXPECT_EQ(ktls_hs_sign_request(hs, &s), -KTLS_E_STATE);
	}
	/* what it waits for is what the hook was told */
	if (want != KTLS_WANT_CRED) {
		EXPECT_EQ(ktls_hs_cred_answer(hs, 0), -KTLS_E_STATE);
		EXPECT_EQ(ktls_hs_cred_request(hs, &c), -KTLS_E_STATE);
	} else {
		ASSERT_OK(ktls_hs_cred_request(hs, &c));
		EXPECT_MEMEQ(&c, &a->choose, sizeof(c));
	}
	if (want != KTLS_WANT_VERIFY) {
		EXPECT_EQ(ktls_hs_verify_answer(hs, 0), -KTLS_E_STATE);
		EXPECT_EQ(ktls_hs_verify_request(hs, &v), -KTLS_E_STATE);
	} else {
		ASSERT_OK(ktls_hs_verify_request(hs, &v));
		EXPECT_MEMEQ(&v, &a->verify, sizeof(v));
	}
	EXPECT_EQ(ktls_hs_error(hs), 0);
}

static int answer(struct ktls_hs *hs, const struct app *a, unsigned int want)
{
	struct ktls_sign_request r;
	uint8_t sig[1024];
	ssize_t n;

	if (want == KTLS_WANT_CRED)
		return ktls_hs_cred_answer(hs, a->cred);
	if (want == KTLS_WANT_VERIFY)
		return ktls_hs_verify_answer(hs, a->verdict);
	ASSERT_OK(ktls_hs_sign_request(hs, &r));
	n = app_signature(a, &r, sig);
	return ktls_hs_sign_answer(hs, sig, n);
}

/* To the end, answering what @end waits for; the wants, in their order */
static int run(struct two *t, enum end end, const struct app *a,
	       unsigned int *order)
{
	struct ktls_hs *hs = end_of(t, end);
	unsigned int want;
	int err;

	*order = 0;
	while ((err = pump(t->client, t->server, 0)) == -EDEADLK) {
		want = ktls_hs_wants(hs);
		ASSERT_TRUE(want & KTLS_WANT_ANSWER);
		check_suspended(hs, want);
		*order = (*order & 0xffff) << 8 | want;
		err = answer(hs, a, want);
		EXPECT_EQ(err, ktls_hs_error(hs));
		/* that was it, and once is enough */
		EXPECT_FALSE(ktls_hs_wants(hs) & want);
		EXPECT_EQ(answer(hs, a, want == KTLS_WANT_SIGN ?
				 KTLS_WANT_CRED : want),
			  err ? err : -KTLS_E_STATE);
		if (err) {
			/* the other gets the alert */
			EXPECT_NE(pump(t->client, t->server, 0), 0);
			break;
		}
	}
	return err;
}

static const unsigned int sign_only = KTLS_WANT_SIGN;

TEST_F(app, answers_everything)
{
	const bool client = variant->end == CLIENT_END;
	struct ktls_cred creds[2] = { pki_cred("rsa2048"), elsewhere("p384") };
	struct app *a = &self->app[variant->end];
	struct ktls_info info;
	unsigned int order;

	begin(self, variant, creds, 2, &hooks, 0);
	a->cred = 1;
	a->key = "p384";
	ASSERT_OK(run(&self->two, variant->end, a, &order))
		TH_LOG("%s, %s", ktls_hs_error_text(self->two.client),
		       ktls_hs_error_text(self->two.server));
	EXPECT_EQ(order, !variant->later ? 0 : client ?
		  KTLS_WANT_VERIFY << 16 | KTLS_WANT_CRED << 8 |
		  KTLS_WANT_SIGN :
		  KTLS_WANT_CRED << 16 | KTLS_WANT_SIGN << 8 |
		  KTLS_WANT_VERIFY);
	EXPECT_EQ(a->times, 3);
	EXPECT_EQ(a->asked, KTLS_WANT_ANSWER);
	ktls_hs_info(end_of(&self->two, OTHER(variant->end)), &info);
	EXPECT_STREQ(info.peer_subject, "CN = p384");
	ktls_hs_info(end_of(&self->two, variant->end), &info);
	EXPECT_STREQ(info.peer_subject, client ? "CN = p256" : "CN = client");
	EXPECT_EQ(info.peer_verified, 1);
	EXPECT_NE(info.sigalg, 0);
	EXPECT_EQ(a->sign.cred, 1);
	EXPECT_EQ(a->sign.version, variant->version);
	EXPECT_EQ(a->sign.scheme, info.sigalg);
	EXPECT_EQ(a->choose.version, variant->version);
	EXPECT_EQ(a->choose.fits_len, 2);
	EXPECT_EQ(a->fits[0], 0);
	EXPECT_EQ(a->fits[1], 1);
	EXPECT_EQ(a->named[0], client ? 0 : 1);
	EXPECT_EQ(a->verify.version, variant->version);
	EXPECT_EQ(a->verify.verified, 1);
	EXPECT_EQ(a->verify.chain_len, 1);
	EXPECT_STREQ(a->name, "localhost");
	if (variant->version == V13)
		two_agree(&self->two);
}

/* Without a hook at all, it always comes later */
TEST_F(app, signs_without_a_hook)
{
	static const char *const keys[] = { "rsa2048", "p256", "ed25519",
					    "rsapss", "p521" };
	struct app *a = &self->app[variant->end];
	unsigned int order;

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		struct ktls_cred cred = elsewhere(keys[i]);

		two_end(&self->two);
		begin(self, variant, &cred, 1, NULL, 0);
		a->key = keys[i];
		ASSERT_OK(run(&self->two, variant->end, a, &order))
			TH_LOG("%s", keys[i]);
		EXPECT_EQ(order, sign_only);
	}
}

TEST_F(app, signs_something_else)
{
	struct ktls_cred cred = elsewhere("p384");
	struct app *a = &self->app[variant->end];
	unsigned int order;

	for (int i = 0; i < 3; i++) {
		two_end(&self->two);
		begin(self, variant, &cred, 1, &hooks, 0);
		*a = (struct app){ .later = variant->later, .spoil = i == 0,
				   /* another key, then none */
				   .key = i == 1 ? "p256" : "p384" };
		if (i == 2)
			a->key = NULL;
		EXPECT_EQ(run(&self->two, variant->end, a, &order),
			  i == 2 ? -KTLS_E_SIGN_REFUSED : -KTLS_E_SIGN_BAD);
		check_failure(end_of(&self->two, variant->end),
			      end_of(&self->two, OTHER(variant->end)),
			      i == 2 ? -KTLS_E_SIGN_REFUSED : -KTLS_E_SIGN_BAD,
			      KTLS_ALERT_INTERNAL_ERROR);
	}
}

TEST_F(app, refuses_the_peer)
{
	static const struct {
		int verdict, err;
		enum ktls_alert alert;
	} rows[] = {
		{ -KTLS_E_CERT_REVOKED, -KTLS_E_CERT_REVOKED,
		  KTLS_ALERT_CERTIFICATE_REVOKED },
		{ -KTLS_E_CERT_OTHER, -KTLS_E_CERT_OTHER,
		  KTLS_ALERT_CERTIFICATE_UNKNOWN },
		{ -KTLS_E_SIGNATURE, -KTLS_E_CERT_REFUSED,
		  KTLS_ALERT_ACCESS_DENIED },
		{ -EPERM, -KTLS_E_CERT_REFUSED, KTLS_ALERT_ACCESS_DENIED },
		{ 1, -KTLS_E_CERT_REFUSED, KTLS_ALERT_ACCESS_DENIED },
	};
	struct ktls_cred cred = pki_cred("client");
	struct app *a = &self->app[variant->end];
	struct ktls_info info;
	unsigned int order;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		two_end(&self->two);
		if (variant->end == SERVER_END)
			cred = pki_cred("p256");
		begin(self, variant, &cred, 1, &hooks, 0);
		a->verdict = rows[i].verdict;
		EXPECT_EQ(run(&self->two, variant->end, a, &order),
			  rows[i].err);
		check_failure(end_of(&self->two, variant->end),
			      end_of(&self->two, OTHER(variant->end)),
			      rows[i].err, (uint8_t)rows[i].alert);
		ktls_hs_info(end_of(&self->two, variant->end), &info);
		EXPECT_EQ(info.peer_verified, 0);
	}
}

/* Who would not verify by itself is judged by the hook alone */
TEST_F(app, verifies_in_place_of_the_library)
{
	struct ktls_cred cred = pki_cred(variant->end == SERVER_END ? "p256" :
					 "client");
	struct app *a = &self->app[variant->end];
	struct ktls_config *stranger;
	struct ktls_cred strange = pki_cred("stranger");
	struct ktls_hs **other;
	unsigned int order;

	begin(self, variant, &cred, 1, &hooks, KTLS_F_VERIFY_ELSEWHERE);
	stranger = config(KTLS_OPTS(.role = variant->end == SERVER_END ?
					    KTLS_CLIENT : KTLS_SERVER,
				    .min_version = variant->version,
				    .max_version = variant->version,
				    .creds = &strange, .creds_len = 1));
	other = variant->end == SERVER_END ? &self->two.client :
					     &self->two.server;
	ktls_hs_free(*other);
	ASSERT_OK(ktls_hs_new(other, stranger, variant->end == SERVER_END ?
			      "localhost" : NULL));
	ktls_config_put(stranger);
	EXPECT_OK(run(&self->two, variant->end, a, &order));
	EXPECT_EQ(a->verify.verified, 0);
	EXPECT_EQ(a->info.peer_verified, 0);
	EXPECT_EQ(end_of(&self->two, variant->end)->info.peer_verified, 1);
}

TEST_F(app, chooses_what_does_not_fit)
{
	static const int wrong[] = { 0, 2, 7, -2, KTLS_LATER };
	struct ktls_cred creds[2] = { pki_cred("rsa2048"), pki_cred("p256") };
	struct app *a = &self->app[variant->end];
	unsigned int order;

	for (size_t i = !variant->later; i < 4u + variant->later; i++) {
		two_end(&self->two);
		begin(self, variant, creds + !i, 2u - !i, &hooks, 0);
		a->cred = i ? wrong[i] : 1;
		EXPECT_EQ(run(&self->two, variant->end, a, &order),
			  -KTLS_E_CRED_CHOICE);
		check_failure(end_of(&self->two, variant->end),
			      end_of(&self->two, OTHER(variant->end)),
			      -KTLS_E_CRED_CHOICE, KTLS_ALERT_INTERNAL_ERROR);
	}
}

/* A client sends none then, a server has none for the name */
TEST_F(app, chooses_none)
{
	struct ktls_cred cred = pki_cred("p256");
	struct app *a = &self->app[variant->end];
	unsigned int order;

	begin(self, variant, &cred, 1, &hooks, 0);
	a->cred = -1;
	EXPECT_EQ(run(&self->two, variant->end, a, &order),
		  variant->end == SERVER_END ? -KTLS_E_UNKNOWN_NAME :
		  -KTLS_E_CERT_REQUIRED);
}

/* ---- the end of one that waits ----------------------------------------- */

/* Until it waits for @want */
static bool run_to(struct two *t, enum end end, const struct app *a,
		   unsigned int want)
{
	struct ktls_hs *hs = end_of(t, end);

	while (pump(t->client, t->server, 0) == -EDEADLK &&
	       ktls_hs_wants(hs) != want)
		ASSERT_OK(answer(hs, a, ktls_hs_wants(hs)));
	return ktls_hs_wants(hs) == want;
}

static const unsigned int all_wants[] = { KTLS_WANT_SIGN, KTLS_WANT_CRED,
					  KTLS_WANT_VERIFY };

TEST_F(app, may_go_away)
{
	struct ktls_cred cred = elsewhere("p256");
	struct app *a = &self->app[variant->end];

	for (size_t i = 0; i < 3; i++) {
		two_end(&self->two);
		begin(self, variant, &cred, 1, &hooks, 0);
		a->key = "p256";
		a->later = true;
		EXPECT_TRUE(run_to(&self->two, variant->end, a, all_wants[i]));
	}
}

TEST_F(app, may_fail_meanwhile)
{
	struct ktls_cred cred = elsewhere("p256");
	struct app *a = &self->app[variant->end];

	for (size_t i = 0; i < 3; i++) {
		struct ktls_hs *hs;
		struct ktls_info info;

		two_end(&self->two);
		begin(self, variant, &cred, 1, &hooks, 0);
		a->key = "p256";
		a->later = true;
		ASSERT_TRUE(run_to(&self->two, variant->end, a, all_wants[i]));
		hs = end_of(&self->two, variant->end);
		hs_fail(hs, -ETIMEDOUT);
		check_dead(hs);
		EXPECT_FALSE(hs->wait.want || hs->wait.bytes.buf ||
			     hs->wait.lists || hs->wait.msg.buf);
		EXPECT_EQ(answer(hs, a, KTLS_WANT_CRED), -ETIMEDOUT);
		EXPECT_EQ(ktls_hs_sign_answer(hs, "x", 1), -ETIMEDOUT);
		EXPECT_EQ(ktls_hs_verify_answer(hs, 0), -ETIMEDOUT);
		ktls_hs_info(hs, &info);
		EXPECT_EQ(info.alert_sent, KTLS_ALERT_INTERNAL_ERROR);
	}
}

/* ---- a pool of threads ------------------------------------------------- */

struct job {
	struct ktls_sign_request request;
	const char *key;
	pthread_t thread;
	uint8_t sig[1024];
	ssize_t len;
};

static void *work(void *arg)
{
	struct job *job = arg;

	job->len = sign_with(job->key, &job->request, job->sig);
	return NULL;
}

/* Many handshakes wait at a time, one thread drives them, others sign */
TEST_F(app, has_threads_that_sign)
{
	enum { N = 8 };
	struct ktls_cred cred = elsewhere("rsa2048");
	struct two all[N] = { 0 };
	struct job job[N];

	begin(self, variant, &cred, 1, NULL, 0);
	for (int i = 0; i < N; i++) {
		struct two *t = &all[i];
		struct ktls_hs *hs;

		ASSERT_OK(ktls_hs_new(&t->client, self->two.client_config,
				      "localhost"));
		ASSERT_OK(ktls_hs_new(&t->server, self->two.server_config,
				      NULL));
		hs = end_of(t, variant->end);
		EXPECT_EQ(pump(t->client, t->server, 0), -EDEADLK);
		ASSERT_OK(ktls_hs_sign_request(hs, &job[i].request));
		job[i].key = "rsa2048";
		ASSERT_OK(-pthread_create(&job[i].thread, NULL, work, &job[i]));
	}
	for (int i = N - 1; i >= 0; i--) {
		struct two *t = &all[i];

		pthread_join(job[i].thread, NULL);
		EXPECT_OK(ktls_hs_sign_answer(end_of(t, variant->end),
					      job[i].sig, job[i].len));
		EXPECT_OK(pump(t->client, t->server, 0));
		if (variant->version == V13)
			two_agree(t);
		ktls_hs_free(t->client);
		ktls_hs_free(t->server);
	}
}

/* ---- one handshake after the other ------------------------------------- */

static void ask_twice(enum end end, bool later, unsigned int flags)
{
	const FIXTURE_VARIANT(app) v = { V12, end, later };
	FIXTURE_DATA(app) self = { 0 };
	struct ktls_cred cred = elsewhere("p256");
	struct app *a = &self.app[end];
	struct ktls_info info;
	unsigned int order[2] = { 0, 0 };

	begin(&self, &v, &cred, 1, &hooks, flags);
	a->key = "p256";
	ASSERT_OK(run(&self.two, end, a, &order[0]))
		TH_LOG("%s, %s", ktls_hs_error_text(self.two.client),
		       ktls_hs_error_text(self.two.server));
	if (!flags) {
		EXPECT_EQ(a->times, 3);
		ASSERT_OK(ktls_hs_renegotiate(self.two.client, NULL));
		ASSERT_OK(ktls_hs_renegotiate(self.two.server, NULL));
		ASSERT_OK(run(&self.two, end, a, &order[1]));
		EXPECT_EQ(order[0], order[1]);
	}
	EXPECT_EQ(a->times, 6);
	ktls_hs_info(end_of(&self.two, end), &info);
	EXPECT_EQ(info.renegotiated, 1);
	EXPECT_EQ(info.peer_verified, 1);
	two_end(&self.two);
}

TEST(another_handshake_asks_again)
{
	for (int i = 0; i < 8; i++)
		ask_twice(i & 1 ? SERVER_END : CLIENT_END, i & 2,
			  i & 4 ? KTLS_F_DOUBLE_HANDSHAKE : 0);
}

/* ---- who has the key --------------------------------------------------- */

/* ... signs what TLS signs, and lends itself to nothing else */
TEST(a_signer_signs_for_tls_alone)
{
	char content[64 + 34 + 32 + 1], why[256];
	struct ktls_sign_request r = {
		.size = sizeof(r), .version = V13, .scheme = 0x0403,
		.content = content, .content_len = sizeof(content) - 1,
	};
	struct ktls_cred cred = pki_cred("p256"), none = elsewhere("p256");
	struct ktls_signer *s;
	uint8_t sig[128];

	memset(content, ' ', 64);
	snprintf(content + 64, sizeof(content) - 64, "%s",
		 "TLS 1.3, server CertificateVerify");
	ASSERT_OK(ktls_signer_new(&s, &cred, why, sizeof(why)));
	EXPECT_GT(ktls_signer_sign(s, &r, sig, sizeof(sig)), 0);
	EXPECT_EQ(ktls_signer_sign(s, &r, sig, 8), -EMSGSIZE);
	r.scheme = 0x0503;
	EXPECT_EQ(ktls_signer_sign(s, &r, sig, sizeof(sig)), -EINVAL);
	/* 1.2's is not 1.3's, and 1.1 is nobody's */
	r.version = V12;
	EXPECT_EQ(ktls_signer_sign(s, &r, sig, sizeof(sig)), -EINVAL);
	r.content_len = 64;
	EXPECT_GT(ktls_signer_sign(s, &r, sig, sizeof(sig)), 0);
	r.scheme = 0x0403;
	r.version = V13;
	EXPECT_EQ(ktls_signer_sign(s, &r, sig, sizeof(sig)), -EINVAL);
	r.version = 0x0302;
	EXPECT_EQ(ktls_signer_sign(s, &r, sig, sizeof(sig)), -EINVAL);
	r.version = V13;
	r.content_len = sizeof(content) - 1;
	content[3] = 'x';
	EXPECT_EQ(ktls_signer_sign(s, &r, sig, sizeof(sig)), -EINVAL);
	ktls_signer_free(s);
	EXPECT_EQ(ktls_signer_new(&s, &none, why, sizeof(why)), -EINVAL);
	EXPECT_FALSE(s);
	none = pki_cred("p384");
	none.cert_file = pki("p256");
	EXPECT_EQ(ktls_signer_new(&s, &none, NULL, 0), -KTLS_E_KEY_MISMATCH);
}

/* ---- options ----------------------------------------------------------- */

static void refused(const struct ktls_opts *opts, int err, const char *text)
{
	struct ktls_opts o = *opts;
	struct ktls_config *cfg;
	char why[256];

	o.error = why;
	o.error_size = sizeof(why);
	EXPECT_EQ(ktls_config_new(&cfg, &o), err);
	EXPECT_STREQ(why, text);
}

TEST(options)
{
	struct ktls_cred cred = pki_cred("p256");

	cred.key_elsewhere = 1;
	refused(KTLS_OPTS(.role = KTLS_SERVER, .creds = &cred, .creds_len = 1),
		-KTLS_E_OPTION, "credential with a key that is elsewhere");
	refused(KTLS_OPTS(.role = KTLS_CLIENT,
			  .flags = KTLS_F_VERIFY_ELSEWHERE), -KTLS_E_OPTION,
		"KTLS_F_VERIFY_ELSEWHERE without hooks.verify");
	refused(KTLS_OPTS(.role = KTLS_CLIENT, .hooks = &hooks,
			  .verify = KTLS_VERIFY_NONE,
			  .flags = KTLS_F_VERIFY_ELSEWHERE), -KTLS_E_OPTION,
		"KTLS_F_VERIFY_ELSEWHERE without verification");
	refused(KTLS_OPTS(.role = KTLS_CLIENT, .hooks = &hooks,
			  .flags = KTLS_F_VERIFY_ELSEWHERE | KTLS_F_STATUS),
		-KTLS_E_OPTION,
		"KTLS_F_VERIFY_ELSEWHERE with a flag that needs trust");
}

/* What cannot sign is of no use without its key, static ECDH or not */
TEST(key_agreement_is_not_done_elsewhere)
{
	struct ktls_cred cred = elsewhere("nosign");
	struct ktls_config *cfg;

	EXPECT_EQ(ktls_config_new(&cfg, KTLS_OPTS(.role = KTLS_SERVER,
			.creds = &cred, .creds_len = 1, .ciphers =
			"TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256")),
		  -KTLS_E_CERT_FILE);
}

HARNESS_MAIN
