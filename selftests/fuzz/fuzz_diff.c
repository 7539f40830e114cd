// SPDX-License-Identifier: GPL-2.0-only
/*
 * An input is what a client and a server want.  What becomes of it with libssl
 * at both ends has to become of it with one of ours at either end, and at both:
 * of a first connection, and of a second, which may resume it.
 */
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../harness.h"
#include "fuzz_party.h"

/* Which ends are ours, a bit for each */
#define OUR_CLIENT	(1u << CLIENT)
#define OUR_SERVER	(1u << SERVER)
#define WAYS		4

#define CONNS		2

struct outcomes {
	struct outcome of[CONNS][ENDS];
	char why[ENDS][256];	/* of the last connection */
};

const uint8_t early_bytes[EARLY_SENT] = "early data";

/* ---- two connections --------------------------------------------------- */

/* More flights than any handshake has */
#define FLIGHTS		12
/* More than a record of the longest fragment there is */
#define DATA		5000

/* Both are done, or it is not to be */
static bool shake(struct party p[ENDS])
{
	for (int n = 0; n < FLIGHTS; n++)
		for (int i = 0; i < ENDS; i++)
			if (!p[i].state)
				p[i].ops->step(&p[i]);
	return p[CLIENT].state == 1 && p[SERVER].state == 1;
}

/* The tickets of 1.3 come with it */
static bool talk(struct party *from, struct party *to)
{
	static uint8_t sent[DATA], got[DATA];

	for (size_t i = 0; i < DATA; i++)
		sent[i] = (uint8_t)(i * 7 + i / 251);
	memset(got, 0, sizeof(got));
	return from->ops->send(from, sent, DATA) &&
	       to->ops->recv(to, got, DATA) && !memcmp(sent, got, DATA);
}

static bool meet(struct party p[ENDS], struct outcome o[ENDS])
{
	int fd[ENDS];

	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
			     SOCK_NONBLOCK, 0, fd));
	for (int i = 0; i < ENDS; i++) {
		p[i].fd = fd[i];
		p[i].state = 0;
		p[i].early_len = 0;
		p[i].ops->next(&p[i]);
	}
	if (shake(p)) {
		bool data;

		for (int i = 0; i < ENDS; i++)
			p[i].ops->outcome(&p[i], &o[i]);
		data = talk(&p[CLIENT], &p[SERVER]) &&
		       talk(&p[SERVER], &p[CLIENT]);
		o[CLIENT].data = o[SERVER].data = data;
		o[CLIENT].done = o[SERVER].done = true;
	}
	for (int i = 0; i < ENDS; i++)
		close(fd[i]);
	if (o[SERVER].early_len)
		ASSERT_FALSE(memcmp(p[SERVER].early, early_bytes,
				    o[SERVER].early_len));
	return o[CLIENT].done;
}

static void run(const struct side s[ENDS], unsigned int ours,
		struct outcomes *o)
{
	static struct party p[ENDS];
	bool able = true;

	memset(o, 0, sizeof(*o));
	memset(p, 0, sizeof(p));
	for (int i = 0; i < ENDS; i++) {
		p[i].ops = ours & 1u << i ? &party_ours : &party_libssl;
		p[i].side = &s[i];
		p[i].server = i == SERVER;
		able &= p[i].ops->begin(&p[i]);
	}
	for (int i = 0; able && i < CONNS && meet(p, o->of[i]); i++)
		;
	for (int i = 0; i < ENDS; i++) {
		memcpy(o->why[i], p[i].why, sizeof(p[i].why));
		p[i].ops->end(&p[i]);
	}
}

/* ---- what libssl cannot be told, or does not ---------------------------- */

/* Does it take another hello, in TLS 1.3? */
static bool retries(const struct side s[ENDS])
{
	char share[LIST_MAX];

	snprintf(share, sizeof(share), "%s", s[CLIENT].groups[OURS]);
	share[strcspn(share, ":")] = '\0';
	return !strstr(s[SERVER].groups[OURS], share);
}

static bool without_ems(const struct outcome *o)
{
	return o->version == KTLS_TLS12 && !o->ems;
}

/* libssl has no option to demand it */
static void needs_ems(const struct side s[ENDS], unsigned int ours,
		      struct outcomes *want)
{
	for (int i = 0; i < ENDS; i++)
		if (ours & 1u << i && s[i].need_ems &&
		    without_ems(&want->of[0][i]))
			memset(want->of, 0, sizeof(want->of));
}

/*
 * libssl's server that takes early data gives tickets for one use, which it has
 * had when the second hello comes
 */
static void retries_early(const struct side s[ENDS], unsigned int ours,
			  struct outcomes *want)
{
	if (!(ours & OUR_SERVER) || !s[SERVER].early || !retries(s) ||
	    s[CLIENT].no_tickets || s[SERVER].no_tickets)
		return;
	for (int i = 0; i < ENDS; i++)
		if (want->of[1][i].version == KTLS_TLS13)
			want->of[1][i].resumed = true;
}

/*
 * What ours does not resume: a session without EMS (7627 5.3), as a client one
 * of a server that has no name to find it by
 */
static void resumes_less(const struct side s[ENDS], unsigned int ours,
			 struct outcomes *want)
{
	if ((ours && without_ems(&want->of[0][SERVER])) ||
	    (ours & OUR_CLIENT && !s[CLIENT].name))
		memcpy(want->of[1], want->of[0], sizeof(want->of[1]));
}

/* RFC 8449 4: in 1.3 the type of the content is a byte of the limit */
static uint16_t content_of(unsigned int limit, uint16_t version)
{
	unsigned int max = 16384 + (version == KTLS_TLS13);

	return (uint16_t)((limit && limit < max ? limit : max) - (max - 16384));
}

/* libssl does not know record_size_limit, which counts where both ends do */
static void record_limit(const struct side s[ENDS], unsigned int ours,
			 struct outcomes *want)
{
	if (ours != (OUR_CLIENT | OUR_SERVER) || !s[CLIENT].record_limit)
		return;
	for (int i = 0; i < CONNS * ENDS; i++) {
		int end = i % ENDS, other = 1 - end;
		struct outcome *o = &want->of[i / ENDS][end];

		o->tx_record = content_of(s[other].record_limit, o->version);
		o->rx_record = content_of(s[end].record_limit, o->version);
	}
}

static void (*const rules[])(const struct side s[ENDS], unsigned int ours,
			     struct outcomes *want) = {
	needs_ems, retries_early, resumes_less, record_limit,
};

#define COUNT(a)	(sizeof(a) / sizeof(*(a)))

/* What is to become of it: of libssl that has what ours always has */
static void expect(const struct side s[ENDS], unsigned int ours,
		   const struct outcomes *libssl, struct outcomes *want)
{
	struct side able[ENDS] = { s[CLIENT], s[SERVER] };
	bool other = false;

	for (int i = 0; i < ENDS; i++) {
		if (!(ours & 1u << i) || !s[i].no_ems)
			continue;
		able[i].no_ems = false;
		other = true;
	}
	if (other)
		run(able, 0, want);
	else
		*want = *libssl;
	for (size_t i = 0; i < COUNT(rules); i++)
		rules[i](able, ours, want);
}

/* ---- where they may differ --------------------------------------------- */

/*
 * libssl's server wants the curve of a client's certificate among the groups of
 * both (as RFC 8422 5.1.1 says of a server's); ours takes what it can verify
 */
static bool client_curve(const struct side s[ENDS],
			 const struct outcome *libssl,
			 const struct outcome *ours)
{
	return s[CLIENT].cert && s[SERVER].verify != KTLS_VERIFY_NONE &&
	       !(strstr(s[SERVER].groups[OURS], "secp256r1") &&
		 strstr(s[CLIENT].groups[OURS], "secp256r1")) &&
	       !libssl->done && ours->version == KTLS_TLS12;
}

/*
 * Who asks for another share (HelloRetryRequest) heeds whose order it is, if it
 * is ours; libssl's server then always takes its own first
 */
static bool retry_order(const struct side s[ENDS],
			const struct outcome *libssl,
			const struct outcome *ours)
{
	return s[SERVER].client_order && retries(s) &&
	       libssl->version == KTLS_TLS13 && ours->version == KTLS_TLS13 &&
	       !strcmp(libssl->suite, ours->suite) &&
	       !strcmp(libssl->alpn, ours->alpn);
}

/*
 * A server that can sign in 1.2 alone chooses that.  libssl's looks at the
 * curve of an ECDSA key for it and at no other key; and when it has a callback
 * for names, takes it that this may change the certificate.
 */
static bool signs_in_12(const struct side s[ENDS],
			const struct outcome *libssl,
			const struct outcome *ours)
{
	bool ecdsa = s[SERVER].cert[0] == 'p';

	return (s[SERVER].strict_name || !ecdsa) &&
	       *s[SERVER].sigalgs[OURS] && !libssl->done &&
	       ours->version == KTLS_TLS12 && s[CLIENT].max == KTLS_TLS13 &&
	       s[SERVER].max == KTLS_TLS13;
}

/* Of the first connection, as the server sees it */
static bool (*const differences[])(const struct side s[ENDS],
				   const struct outcome *libssl,
				   const struct outcome *ours) = {
	client_curve, retry_order, signs_in_12,
};

/* ---- comparing --------------------------------------------------------- */

static bool same(const struct outcome *a, const struct outcome *b)
{
	bool tls12 = a->version == KTLS_TLS12;

	if (a->done != b->done || !a->done)
		return a->done == b->done;
	return a->version == b->version && a->resumed == b->resumed &&
	       a->data == b->data && (!tls12 || a->ems == b->ems) &&
	       a->tx_record == b->tx_record && a->rx_record == b->rx_record &&
	       a->early == b->early && a->early_len == b->early_len &&
	       !strcmp(a->suite, b->suite) && !strcmp(a->alpn, b->alpn) &&
	       /* in 1.2 an end of libssl does not always know */
	       ((tls12 && a->resumed) || !strcmp(a->name, b->name)) &&
	       (tls12 || !strcasecmp(a->group, b->group));
}

static bool all_same(const struct outcomes *a, const struct outcomes *b)
{
	bool is = true;

	for (int i = 0; i < CONNS * ENDS; i++)
		is &= same(&a->of[i / ENDS][i % ENDS],
			   &b->of[i / ENDS][i % ENDS]);
	return is;
}

static bool may_differ(const struct side s[ENDS],
		       const struct outcomes *libssl,
		       const struct outcomes *ours)
{
	for (size_t i = 0; i < COUNT(differences); i++)
		if (differences[i](s, &libssl->of[0][SERVER],
				   &ours->of[0][SERVER]))
			return true;
	return false;
}

static void show_outcome(const struct outcome *o)
{
	if (!o->done) {
		fprintf(stderr, "  failed\n");
		return;
	}
	fprintf(stderr, "  %x %s %s alpn '%s' name '%s'%s%s%s, records %u %u, "
		"early data %d, %zu bytes\n", o->version, o->suite, o->group,
		o->alpn, o->name, o->resumed ? ", resumed" : "",
		o->ems ? ", EMS" : "", o->data ? "" : ", NO DATA",
		o->tx_record, o->rx_record, (int)o->early, o->early_len);
}

static void show(const char *name, const struct outcomes *o)
{
	fprintf(stderr, "%s: client, server, and both again\n", name);
	for (int i = 0; i < CONNS * ENDS; i++)
		show_outcome(&o->of[i / ENDS][i % ENDS]);
	for (int i = 0; i < ENDS; i++)
		if (*o->why[i])
			fprintf(stderr, "  %s: %s\n",
				i == SERVER ? "server" : "client", o->why[i]);
}

void fuzz_diff(const uint8_t *p, size_t len)
{
	static const char *const who[WAYS] = {
		"libssl", "our client", "our server", "both ours",
	};
	static struct side s[ENDS];
	static struct outcomes libssl, want, is;
	struct input in = { p, p + len };

	memset(s, 0, sizeof(s));
	sides_read(&in, s);
	run(s, 0, &libssl);
	for (unsigned int ours = 1; ours < WAYS; ours++) {
		run(s, ours, &is);
		expect(s, ours, &libssl, &want);
		if (all_same(&want, &is) || may_differ(s, &want, &is))
			continue;
		side_show("client", &s[CLIENT]);
		side_show("server", &s[SERVER]);
		show(who[0], &libssl);
		show("expected", &want);
		show(who[ours], &is);
		ASSERT_TRUE(false);
	}
}

/* ---- seeds ------------------------------------------------------------- */

static void seed_more(uint8_t version, uint8_t client, uint8_t client_sizes,
		      uint8_t server, uint8_t server_sizes)
{
	uint8_t b[SIDES_BYTES] = { version };

	b[SIDE_MORE_AT] = client;
	b[SIDE_MORE_AT + 1] = client_sizes;
	b[SIDE_MORE_AT + 2] = server;
	b[SIDE_MORE_AT + 3] = server_sizes;
	seed(b, sizeof(b));
}

void seed_diff(void)
{
	static const uint8_t bits[] = {
		SIDE_NO_EMS, SIDE_NEED_EMS, SIDE_NO_TICKETS, SIDE_EARLY,
		SIDE_STRICT, 2 << SIDE_NAME, 3 << SIDE_NAME, SIDE_NO_VERIFY,
		SIDE_NO_VERIFY | 1 << SIDE_NAME,
	};
	static const uint8_t sizes[] = { 1, 2, 3, 4, 0x10, 0x20, 0x30, 0x21 };
	uint8_t b[SIDE_MORE_AT] = { 0 };

	for (uint8_t cert = 0; cert < 5; cert++) {
		for (uint8_t how = 0; how < 64; how += 5) {
			b[0] = how & 3;
			b[12] = (uint8_t)(how * 4 + how / 16);
			b[1] = how & 1;
			b[13] = cert;
			seed(b, sizeof(b));
		}
	}
	for (uint8_t how = 0; how < 2; how++) {
		for (size_t i = 0; i < sizeof(bits); i++)
			for (unsigned int who = 1; who < WAYS; who++)
				seed_more(how, who & OUR_CLIENT ? bits[i] : 0,
					  0, who & OUR_SERVER ? bits[i] : 0,
					  0);
		for (size_t i = 0; i < sizeof(sizes); i++)
			for (size_t j = 0; j < sizeof(sizes); j += 4)
				seed_more(how, SIDE_EARLY, sizes[i],
					  SIDE_EARLY, sizes[j]);
	}
}
