// SPDX-License-Identifier: GPL-2.0-only
/* What a client or a server wants: reading it, and showing it */
#include "fuzz_side.h"

#include <stdio.h>

#include "fuzz_mutate.h"

/* What is said to both libraries alike, and libssl's name for it */
struct item_name {
	const char *name, *ssl;
};

static const struct item_name suites13[] = {
	{ "TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256" },
	{ "TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384" },
	{ "TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256" },
	{ NULL, NULL },
}, suites12[] = {
	{ "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
	  "ECDHE-ECDSA-AES128-GCM-SHA256" },
	{ "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
	  "ECDHE-RSA-AES128-GCM-SHA256" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
	  "ECDHE-ECDSA-AES256-GCM-SHA384" },
	{ "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
	  "ECDHE-RSA-AES256-GCM-SHA384" },
	{ "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
	  "ECDHE-ECDSA-CHACHA20-POLY1305" },
	{ "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
	  "ECDHE-RSA-CHACHA20-POLY1305" },
	{ NULL, NULL },
}, curves[] = {
	{ "x25519", "x25519" }, { "secp256r1", "secp256r1" },
	{ "secp384r1", "secp384r1" }, { "secp521r1", "secp521r1" },
	{ NULL, NULL },
}, sigalgs[] = {
	{ "ecdsa_secp256r1_sha256", "ecdsa_secp256r1_sha256" },
	{ "ecdsa_secp384r1_sha384", "ecdsa_secp384r1_sha384" },
	{ "ed25519", "ed25519" },
	{ "rsa_pss_rsae_sha256", "rsa_pss_rsae_sha256" },
	{ "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha384" },
	{ "rsa_pss_pss_sha256", "rsa_pss_pss_sha256" },
	{ "rsa_pkcs1_sha256", "rsa_pkcs1_sha256" },
	{ NULL, NULL },
}, protocols[] = {
	{ "h2", "h2" }, { "http/1.1", "http/1.1" }, { "x", "x" },
	{ NULL, NULL },
};

static const char *const certs[] = {
	"p256", "p384", "ed25519", "rsa2048", "rsapss",
};

/* All of certs are for the first and the third, and none for the second */
static const char *const names[4] = {
	"localhost", "other.test", "a.example.test", NULL,
};

static const unsigned int fragments[] = { 0, 512, 1024, 2048, 4096 };
static const unsigned int limits[] = { 0, 64, 1000, 16385 };

#define COUNT(a)	(sizeof(a) / sizeof(*(a)))

/* Some of them, from one of them on; @all where none would be */
static void read_list(struct input *in, const struct item_name *of, bool all,
		      const char *sep, char to[LIBS][LIST_MAX])
{
	unsigned int mask = in_uint(in, 1), from = in_uint(in, 1), n = 0;

	while (of[n].name)
		n++;
	mask &= (1u << n) - 1;
	if (!mask && all)
		mask = (1u << n) - 1;
	for (unsigned int i = 0; i < n; i++) {
		unsigned int k = (i + from) % n;

		for (int lib = 0; mask & 1u << k && lib < LIBS; lib++) {
			size_t at = strlen(to[lib]);

			snprintf(to[lib] + at, LIST_MAX - at, "%s%s",
				 at ? sep : "",
				 lib == OURS ? of[k].name : of[k].ssl);
		}
	}
}

static void read_side(struct input *in, struct side *s, bool server)
{
	unsigned int how = in_uint(in, 1), cert = in_uint(in, 1);

	s->min = how % 3 == 2 ? KTLS_TLS13 : KTLS_TLS12;
	s->max = how % 3 == 1 ? KTLS_TLS12 : KTLS_TLS13;
	s->client_order = how & 0x80;
	s->verify = server ? KTLS_VERIFY_NONE + (how >> 4 & 7) % 3 :
			     KTLS_VERIFY_REQUIRE;
	if (server)
		s->cert = certs[cert % COUNT(certs)];
	else if (cert % 2)
		s->cert = "client";
	read_list(in, suites13, true, ":", s->suites13);
	read_list(in, suites12, true, ":", s->suites12);
	read_list(in, curves, true, ":", s->groups);
	read_list(in, sigalgs, false, ":", s->sigalgs);
	read_list(in, protocols, false, ",", s->alpn);
}

static void read_more(struct input *in, struct side *s, bool server)
{
	unsigned int how = in_uint(in, 1), sizes = in_uint(in, 1);

	s->no_ems = how & SIDE_NO_EMS;
	s->need_ems = how & SIDE_NEED_EMS;
	s->no_tickets = how & SIDE_NO_TICKETS;
	s->early = how & SIDE_EARLY;
	s->record_limit = limits[(sizes >> 4) % COUNT(limits)];
	s->strict_name = server && how & SIDE_STRICT;
	if (server)
		return;
	s->name = names[how >> SIDE_NAME & 3];
	s->max_fragment = fragments[(sizes & 15) % COUNT(fragments)];
	/* without a name there is nothing that the certificate could be for */
	if (how & SIDE_NO_VERIFY || !s->name)
		s->verify = KTLS_VERIFY_NONE;
}

void sides_read(struct input *in, struct side s[ENDS])
{
	for (int i = 0; i < ENDS; i++)
		read_side(in, &s[i], i == SERVER);
	for (int i = 0; i < ENDS; i++)
		read_more(in, &s[i], i == SERVER);
}

void side_show(const char *who, const struct side *s)
{
	fprintf(stderr, "%s: %x-%x cert %s verify %d%s\n  %s\n  %s\n  %s\n"
		"  sigalgs %s alpn %s\n", who, s->min, s->max,
		s->cert ? s->cert : "none", s->verify,
		s->client_order ? " client's order" : "", s->suites13[OURS],
		s->suites12[OURS], s->groups[OURS], s->sigalgs[OURS],
		s->alpn[OURS]);
	fprintf(stderr, "  name %s%s%s%s%s%s, fragment %u, record limit %u\n",
		s->name ? s->name : "none", s->strict_name ? ", strict" : "",
		s->no_ems ? ", no EMS" : "", s->need_ems ? ", needs EMS" : "",
		s->no_tickets ? ", no tickets" : "",
		s->early ? ", early data" : "", s->max_fragment,
		s->record_limit);
}

/*
 * Much of it at once: what two sides make of their options does not show in
 * what is covered.  Zeros are many, since who has little of each list has
 * nothing in common with anybody.
 */
static size_t mutate_sides(uint8_t *p, size_t len, size_t max, uint32_t *seed)
{
	uint8_t b[SIDES_BYTES] = { 0 };

	if (max < sizeof(b))
		return mutate_bytes(p, len, max, seed);
	memcpy(b, p, len < sizeof(b) ? len : sizeof(b));
	for (size_t i = 0; i < sizeof(b); i++)
		if (!chance(seed, 2))
			b[i] = chance(seed, 2) ? 0 :
			       (uint8_t)chance(seed, 256);
	memcpy(p, b, sizeof(b));
	return sizeof(b);
}

const struct mutator mutator_sides = { .mutate = mutate_sides };
