// SPDX-License-Identifier: GPL-2.0-only
/*
 * The messages of a whole handshake dropped, repeated, out of order, one in
 * place of another, and others in between.  Who gets them stops at the first
 * that does not belong there; and whatever they are, he never finishes.
 */
#include <string.h>

#include "harness.h"
#include "mitm_lib.h"
#include "peer.h"

/* ---- what belongs where ------------------------------------------------ */

struct handshake {
	bool retry, auth, tls12;
	bool supp, twice;	/* SupplementalData, in a second handshake */
};

struct walk {
	const struct handshake *h;
	enum hs_state state;
	bool second;
};

/* RFC 4680 4: under protection, or else in the first one */
static bool has_supp(const struct walk *w)
{
	return w->h->supp && (w->second || !w->h->twice);
}

static void begin_second(struct walk *w, enum hs_state first)
{
	if (w->state != HS_DONE || !w->h->twice || w->second)
		return;
	w->second = true;
	w->state = first;
}

/* RFC 9846 appendix A.1, RFC 5246 7.3; ChangeCipherSpec is a CCS in 1.2 */
#define CCS	255
static bool walk_client(struct walk *w, const struct wr *msg)
{
	static const struct {
		enum hs_state from;
		uint8_t msg;
		enum hs_state to;
	} steps[] = {
		{ C_SH2, HT_SERVER_HELLO, C_EE },
		{ C_EE, HT_ENCRYPTED_EXTENSIONS, C_CERT_CR },
		{ C_CERT_CR, HT_CERTIFICATE_REQUEST, C_CERT },
		{ C_CERT_CR, HT_CERTIFICATE, C_CV },
		{ C_CERT, HT_CERTIFICATE, C_CV },
		{ C_CV, HT_CERTIFICATE_VERIFY, C_FIN },
		{ C_FIN, HT_FINISHED, HS_DONE },
		{ C12_SUPP, HT_SUPPLEMENTAL_DATA, C12_CERT },
		{ C12_SUPP, HT_CERTIFICATE, C12_SKE },
		{ C12_CERT, HT_CERTIFICATE, C12_SKE },
		{ C12_SKE, HT_SERVER_KEY_EXCHANGE, C12_CR_DONE },
		{ C12_CR_DONE, HT_CERTIFICATE_REQUEST, C12_DONE },
		{ C12_CR_DONE, HT_SERVER_HELLO_DONE, C12_CCS },
		{ C12_DONE, HT_SERVER_HELLO_DONE, C12_CCS },
		{ C12_CCS, CCS, C12_FIN },
		{ C12_FIN, HT_FINISHED, HS_DONE },
	};
	bool hrr = msg->len > 38 && !memcmp(msg->buf + 6, retry_random, 32);

	if (w->state == C_SH && msg->buf[0] == HT_SERVER_HELLO) {
		w->state = w->h->tls12 ? has_supp(w) ? C12_SUPP : C12_CERT :
			   hrr ? C_SH2 : C_EE;
		return true;
	}
	/* 5246 7.4.1.1: it means nothing now */
	if (w->h->tls12 && w->state != HS_DONE &&
	    msg->buf[0] == HT_HELLO_REQUEST)
		return true;
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		if (steps[i].from != w->state || steps[i].msg != msg->buf[0])
			continue;
		w->state = steps[i].to;
		begin_second(w, C_SH);
		return !hrr;
	}
	return false;
}

static bool walk_server(struct walk *w, const struct wr *msg)
{
	const struct handshake *h = w->h;
	const struct {
		enum hs_state from;
		uint8_t msg;
		enum hs_state to;
	} steps[] = {
		{ S_CH, HT_CLIENT_HELLO, h->retry ? S_CH2 : has_supp(w) ?
		  h->auth ? S12_SUPP_CERT : S12_SUPP_CKE : h->tls12 ?
		  h->auth ? S12_CERT : S12_CKE : h->auth ? S_CERT : S_FIN },
		{ S_CH2, HT_CLIENT_HELLO, h->auth ? S_CERT : S_FIN },
		{ S_CERT, HT_CERTIFICATE, S_CV },
		{ S_CV, HT_CERTIFICATE_VERIFY, S_FIN },
		{ S_FIN, HT_FINISHED, HS_DONE },
		{ S12_SUPP_CERT, HT_SUPPLEMENTAL_DATA, S12_CERT },
		{ S12_SUPP_CERT, HT_CERTIFICATE, S12_CKE },
		{ S12_SUPP_CKE, HT_SUPPLEMENTAL_DATA, S12_CKE },
		{ S12_SUPP_CKE, HT_CLIENT_KEY_EXCHANGE, S12_CCS },
		{ S12_CERT, HT_CERTIFICATE, S12_CKE },
		{ S12_CKE, HT_CLIENT_KEY_EXCHANGE, h->auth ? S12_CV :
							      S12_CCS },
		{ S12_CV, HT_CERTIFICATE_VERIFY, S12_CCS },
		{ S12_CCS, CCS, S12_FIN },
		{ S12_FIN, HT_FINISHED, HS_DONE },
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		if (steps[i].from != w->state || steps[i].msg != msg->buf[0])
			continue;
		w->state = steps[i].to;
		begin_second(w, S_CH);
		return true;
	}
	return false;
}

/* ---- the handshake as it should be ------------------------------------- */

#define MESSAGES_MAX	24

FIXTURE(order) {
	struct mitm m;
	const struct handshake *h;
	struct wr msg[2][MESSAGES_MAX];	/* by who sends them */
	bool ends[2][MESSAGES_MAX];	/* its flight */
	size_t n[2];
};

FIXTURE_VARIANT(order) {
	struct handshake h;
};

FIXTURE_VARIANT_ADD(order, plain) { { .auth = false } };
FIXTURE_VARIANT_ADD(order, retry) { { .retry = true } };
FIXTURE_VARIANT_ADD(order, auth) { { .auth = true } };
FIXTURE_VARIANT_ADD(order, retry_auth) { { .retry = true, .auth = true } };
FIXTURE_VARIANT_ADD(order, tls12) { { .tls12 = true } };
FIXTURE_VARIANT_ADD(order, tls12_auth) { { .tls12 = true, .auth = true } };
FIXTURE_VARIANT_ADD(order, supp) { { .tls12 = true, .supp = true } };
FIXTURE_VARIANT_ADD(order, supp_auth) {
	{ .tls12 = true, .supp = true, .auth = true }
};
FIXTURE_VARIANT_ADD(order, supp_twice) {
	{ .tls12 = true, .supp = true, .auth = true, .twice = true }
};
FIXTURE_TIMEOUT(order, 180);

/* In 1.2 it has its place, in 1.3 it means nothing */
static bool counts(const struct handshake *h, const struct item *it)
{
	return it->type == CT_HANDSHAKE ||
	       (it->type == CT_CHANGE_CIPHER_SPEC && h->tls12);
}

static void record_order(struct mitm *m, enum end from, struct flight *f,
			 void *arg)
{
	FIXTURE_DATA(order) *self = arg;

	(void)m;
	for (size_t i = 0; i < f->n; i++) {
		size_t *n = &self->n[from];
		struct wr *w = &self->msg[from][*n];

		if (!counts(self->h, &f->item[i]))
			continue;
		ASSERT_LT(*n, MESSAGES_MAX);
		if (f->item[i].type == CT_HANDSHAKE)
			wr_bytes(w, f->item[i].data.buf, f->item[i].data.len);
		else
			wr_u8(w, CCS);
		++*n;
	}
	self->ends[from][self->n[from] - 1] = true;
}

static const struct ktls_supp supp = {
	.type = 65280, .extension = 65300, .data = "data", .data_len = 4,
};

FIXTURE_SETUP(order)
{
	const struct ktls_cred cred = pki_cred("client");
	const struct handshake *h = &variant->h;
	uint16_t version = h->tls12 ? KTLS_TLS12 : KTLS_TLS13;
	unsigned int flags = KTLS_F_NO_TICKETS |
			     (h->twice ? KTLS_F_DOUBLE_HANDSHAKE : 0);
	unsigned int times = 1u + h->twice;

	self->h = h;
	mitm_begin(&self->m, KTLS_OPTS(.creds = &cred, .creds_len = 1,
				       .min_version = version,
				       .max_version = version,
				       .sessions = KTLS_NO_SESSIONS,
				       .supp = &supp, .supp_len = h->supp,
				       .flags = flags),
		   KTLS_OPTS(.verify = h->auth ? KTLS_VERIFY_REQUIRE :
			     KTLS_VERIFY_NONE,
			     .min_version = version, .max_version = version,
			     .sessions = KTLS_NO_SESSIONS,
			     .supp = &supp, .supp_len = h->supp,
			     .flags = flags | (h->retry ? KTLS_F_COOKIE : 0)),
		   NULL);
	mitm_run(&self->m, record_order, self);
	mitm_agree(&self->m);
	/* and a HelloRequest */
	ASSERT_EQ(self->n[CLIENT_END], times * (2u + h->retry + 2u * h->auth +
						2u * h->tls12) + h->supp);
	ASSERT_EQ(self->n[SERVER_END], times * ((h->tls12 ? 6u : 5u) +
						h->retry + h->auth) +
		  h->supp + h->twice);
}

FIXTURE_TEARDOWN(order)
{
	for (size_t i = 0; i < MESSAGES_MAX; i++) {
		wr_free(&self->msg[CLIENT_END][i]);
		wr_free(&self->msg[SERVER_END][i]);
	}
	mitm_end(&self->m);
}

/* ---- a change to it ---------------------------------------------------- */

enum op { DROP, REPEAT, SWAP, REPLACE, INSERT };

struct change {
	const struct handshake *h;
	enum op op;
	enum end from;
	size_t at;		/* the message that it befalls */
	struct slice with;
	bool apart;		/* in records of their own */
};

static void make_change(const struct change *c, struct flight *f, size_t i)
{
	struct item *it = &f->item[i];
	bool join = it->join;

	switch (c->op) {
	case DROP:
		flight_remove(f, i);
		break;
	case REPEAT:
		flight_copy(f, i + 1, it);
		it->join = !c->apart;
		f->item[i + 1].join = join;
		/* as it must be, once there is a key: in 1.2 */
		f->item[i + 1].sealed |= it->type == CT_CHANGE_CIPHER_SPEC;
		break;
	case SWAP:
		flight_swap(f, i, i + 1);
		f->item[i].join = !c->apart;
		f->item[i + 1].join = false;
		break;
	case REPLACE:
		it->type = CT_HANDSHAKE;
		item_set(it, c->with.p, c->with.len);
		break;
	case INSERT:
		it = flight_insert(f, i, CT_HANDSHAKE, it->sealed, c->with.p,
				   c->with.len);
		it->join = !c->apart;
		break;
	}
}

static void edit(struct mitm *m, enum end from, struct flight *f, void *arg)
{
	const struct change *c = arg;
	size_t number = 0;

	if (from != c->from)
		return;
	if (c->apart)
		flight_part(f);
	for (size_t i = 0; i < f->n; i++) {
		if (!counts(c->h, &f->item[i]))
			continue;
		if (m->messages[from] + number++ != c->at)
			continue;
		make_change(c, f, i);
		return;
	}
}

/* What comes where it should not, or is not there to come */
static const struct wr *odd_one(const FIXTURE_DATA(order) *self,
				const struct change *c, struct wr *with)
{
	const struct wr *msg = self->msg[c->from];

	*with = (struct wr){ .buf = (uint8_t *)c->with.p,
			     .len = c->with.len };
	switch (c->op) {
	case DROP:
	case SWAP:
		return self->ends[c->from][c->at] ? NULL : &msg[c->at + 1];
	case REPEAT:
		return &msg[c->at];
	default:
		return with;
	}
}

/* Does the automaton of the RFC take the odd one, where it comes? */
static bool is_taken(const FIXTURE_DATA(order) *self, const struct change *c,
		     const struct wr *odd)
{
	bool to_client = c->from == SERVER_END;
	struct walk w = { .h = self->h, .state = to_client ? C_SH : S_CH };
	bool (*walk)(struct walk *w, const struct wr *msg) =
		to_client ? walk_client : walk_server;

	for (size_t i = 0; i < c->at + (c->op == REPEAT); i++)
		ASSERT_TRUE(walk(&w, &self->msg[c->from][i]));
	return walk(&w, odd);
}

static void try(FIXTURE_DATA(order) *self, struct change *c)
{
	enum end to = OTHER(c->from);
	struct wr with;
	const struct wr *odd = odd_one(self, c, &with);
	struct mitm *m = &self->m;
	bool silent;

	/* a request that comes, or does not, changes nothing */
	silent = c->op == DROP ?
		 self->msg[c->from][c->at].buf[0] == HT_HELLO_REQUEST :
		 c->op != REPLACE && odd->buf[0] == HT_HELLO_REQUEST &&
		 is_taken(self, c, odd);
	c->h = self->h;
	mitm_again(m);
	mitm_run(m, edit, c);
	if (silent) {
		mitm_agree(m);
		return;
	}
	EXPECT_NE(m->hs[to]->state, HS_DONE);
	if (!odd) {
		EXPECT_EQ(ktls_hs_error(m->hs[to]), 0);
	} else if (!is_taken(self, c, odd)) {
		EXPECT_NE(ktls_hs_error(m->hs[to]), 0);
		EXPECT_EQ(m->alert[to], KTLS_ALERT_UNEXPECTED_MESSAGE)
			TH_LOG("%s", ktls_hs_error_text(m->hs[to]));
	} else {
		EXPECT_FALSE(mitm_done(m));
	}
}

#define EACH_MESSAGE(self, c)						\
	((c).from = CLIENT_END; (c).from <= SERVER_END; (c).from++)	\
		for ((c).at = 0; (c).at < (self)->n[(c).from]; (c).at++)

static void log_change(const struct change *c, const char *what)
{
	TH_LOG("%s: %s's message %zu, with %u", what,
	       c->from == CLIENT_END ? "client" : "server", c->at,
	       c->with.len ? c->with.p[0] : 0);
}

/* ---- tests ------------------------------------------------------------- */

TEST_F(order, dropped)
{
	struct change c = { .op = DROP };

	for EACH_MESSAGE(self, c)
		for (int apart = 0; apart < 2; apart++) {
			c.apart = apart;
			log_change(&c, "dropped");
			try(self, &c);
		}
}

TEST_F(order, repeated)
{
	struct change c = { .op = REPEAT };

	for EACH_MESSAGE(self, c)
		for (int apart = 0; apart < 2; apart++) {
			/* after the last one it is for the connection */
			if (apart && c.at + 1 == self->n[c.from])
				continue;
			c.apart = apart;
			log_change(&c, "repeated");
			try(self, &c);
		}
}

TEST_F(order, swapped)
{
	struct change c = { .op = SWAP };

	for EACH_MESSAGE(self, c)
		for (int apart = 0; apart < 2; apart++) {
			if (self->ends[c.from][c.at])
				continue;
			/* 1.3 has CCS between its hello and the next */
			if (c.from == SERVER_END && !self->h->tls12 &&
			    self->msg[c.from][c.at].buf[0] == HT_SERVER_HELLO)
				continue;
			c.apart = apart;
			log_change(&c, "swapped");
			try(self, &c);
		}
}

/* Other messages of this handshake, and what belongs in none */
static const struct slice strange[] = {
#define MSG(s)	{ (const uint8_t *)(s), sizeof(s) - 1 }
	MSG("\0\0\0\0"),			/* HelloRequest */
	MSG("\3\0\0\0"),			/* HelloVerifyRequest */
	MSG("\4\0\0\17\0\0\1\0\0\0\0\0\0\0\2tt\0\0"),	/* a ticket */
	MSG("\5\0\0\0"),			/* EndOfEarlyData */
	MSG("\14\0\0\0"),			/* ServerKeyExchange */
	MSG("\15\0\0\13\0\0\10\0\15\0\4\0\2\4\3"),	/* a request */
	MSG("\16\0\0\0"),			/* ServerHelloDone */
	MSG("\20\0\0\0"),			/* ClientKeyExchange */
	MSG("\30\0\0\1\0"),			/* KeyUpdate */
	MSG("\31\0\0\0"),			/* CompressedCertificate */
	MSG("\376\0\0\0"),			/* message_hash */
#undef MSG
};

#define N_STRANGE	(sizeof(strange) / sizeof(*strange))

/* Each of those that are left, in turn; false at the end */
static bool each_other(const FIXTURE_DATA(order) *self, size_t i,
		       struct slice *with)
{
	size_t clients = self->n[CLIENT_END], servers = self->n[SERVER_END];
	const struct wr *w;

	if (i < N_STRANGE) {
		*with = strange[i];
		return true;
	}
	i -= N_STRANGE;
	if (i >= clients + servers)
		return false;
	w = i < clients ? &self->msg[CLIENT_END][i] :
	    &self->msg[SERVER_END][i - clients];
	*with = (struct slice){ w->buf, w->len };
	return true;
}

TEST_F(order, replaced)
{
	struct change c = { .op = REPLACE };

	for EACH_MESSAGE(self, c)
		for (size_t i = 0; each_other(self, i, &c.with); i++) {
			const struct wr *w = &self->msg[c.from][c.at];

			/* some are the same each time, and that is right */
			if ((slice_eq(c.with, (struct slice){ w->buf,
							      w->len }) &&
			     w->buf[0] != HT_FINISHED &&
			     w->buf[0] != HT_CERTIFICATE_VERIFY) ||
			    c.with.p[0] == CCS)
				continue;
			log_change(&c, "replaced");
			try(self, &c);
		}
}

TEST_F(order, inserted)
{
	struct change c = { .op = INSERT };

	for EACH_MESSAGE(self, c)
		for (size_t i = 0; each_other(self, i, &c.with); i++) {
			if (c.with.p[0] == CCS)
				continue;
			c.apart = i % 2;
			log_change(&c, "inserted");
			try(self, &c);
		}
}

HARNESS_MAIN
