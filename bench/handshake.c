// SPDX-License-Identifier: MIT
#include <getopt.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heap.h"
#include "hs.h"

static const char help[] =
"Usage: handshake [-r ROUNDS] [-n HANDSHAKES] [-c PART] [-l LIBRARY]\n"
"                 [-o FILE]\n"
"\n"
"What a handshake costs, in memory, on one core: libktls, libssl on the same\n"
"libcrypto, GnuTLS where it was there when this was built, and the floor, which\n"
"is the cryptography on libcrypto alone. They take turns, ROUNDS (15) of\n"
"HANDSHAKES (100) each; of each round the median handshake counts, of those the\n"
"median. -c: only cases whose name has PART in it. -l: only that one, for a\n"
"profile. -o: the figures as TSV, to FILE.\n";

#define ROUNDS_MAX	101

enum { IS_KTLS, IS_SSL, IS_GNUTLS, IS_FLOOR, IMPLS };

static const struct hs_impl *const impls[IMPLS] = {
	&hs_ktls, &hs_ssl, &hs_gnutls, &hs_floor,
};

static const struct hs_case cases[] = {
	HS_13("full, P-256", "p256", .resume = HS_FULL),
	HS_13("full, RSA-2048", "rsa2048", .resume = HS_FULL),
	HS_13("full, Ed25519", "ed25519", .resume = HS_FULL),
	HS_13("full, known chain", "p256", .known = true),
	HS_13("mutual, P-256", "p256", .mutual = true),
	HS_13("mutual, known chains", "p256", .mutual = true, .known = true),
	HS_13("PSK, one ticket", "p256", .resume = HS_TICKET),
	{ .name = "1.3 full, X25519MLKEM768", .version = 0x0304, .key = "p256",
	  .group = "X25519MLKEM768" },
	HS_12("full, P-256", .resume = HS_FULL),
	HS_12("by id", .resume = HS_ID),
	HS_12("by ticket", .resume = HS_TICKET),
};

struct options {
	int rounds, handshakes;
	const char *part, *only;
	FILE *tsv;
};

/* Of one library in one case */
struct result {
	struct hs_time round[ROUNDS_MAX];
	struct hs_time median;
	double calls, bytes;		/* of the heap, a handshake, both ends */
};

/* ---- medians ------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), compare);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static struct hs_time medians(const struct hs_time *t, size_t n)
{
	double *v = malloc(n * sizeof(*v));
	struct hs_time m;

	for (size_t i = 0; i < n; i++)
		v[i] = t[i].client;
	m.client = median(v, n);
	for (size_t i = 0; i < n; i++)
		v[i] = t[i].server;
	m.server = median(v, n);
	free(v);
	return m;
}

double hs_clock;

static void measure_clock(void)
{
	double t[1001];

	for (size_t i = 0; i < 1001; i++) {
		t[i] = 0;
		HS_TIMED(t[i], );
	}
	hs_clock = median(t, 1001);
}

/* ---- rounds -------------------------------------------------------------- */

static int run_round(const struct hs_impl *impl, void *state, int n,
		     struct hs_time *out)
{
	struct hs_time *t = calloc((size_t)n, sizeof(*t));
	int err = 0;

	for (int i = 0; i < n && !err; i++)
		err = impl->run(state, &t[i]);
	*out = medians(t, (size_t)n);
	free(t);
	return err;
}

static int count_heap(const struct hs_impl *impl, void *state,
		      struct result *r)
{
	struct heap h = { 0 };
	struct hs_time t = { 0 };
	int err = 0;

	heap_account(&h);
	for (int i = 0; i < 10 && !err; i++)
		err = impl->run(state, &t);
	heap_account(NULL);
	for (int i = 0; i < HEAP_OWNERS; i++) {
		r->calls += (double)h.of[i].calls / 10;
		r->bytes += (double)h.of[i].bytes / 10;
	}
	return err;
}

static int measure(const struct options *o, void *const state[IMPLS],
		   struct result *r)
{
	for (int i = 0; i < IMPLS; i++)
		if (state[i] && count_heap(impls[i], state[i], &r[i]))
			return -1;
	for (int n = 0; n < o->rounds; n++)
		for (int i = 0; i < IMPLS; i++)
			if (state[i] && run_round(impls[i], state[i],
						  o->handshakes,
						  &r[i].round[n]))
				return -1;
	for (int i = 0; i < IMPLS; i++)
		r[i].median = medians(r[i].round, (size_t)o->rounds);
	return 0;
}

/* ---- what came of it ----------------------------------------------------- */

static void print_ratio(double a, double b)
{
	if (a > 0 && b > 0)
		printf(" %8.2f", a / b);
	else
		printf(" %8s", "-");
}

static void print_side(const char *name, const char *side,
		       const double us[IMPLS])
{
	printf("%-26s %-6s", name, side);
	for (int i = 0; i < IMPLS; i++)
		printf(" %8.1f", us[i]);
	print_ratio(us[IS_SSL], us[IS_KTLS]);
	print_ratio(us[IS_KTLS], us[IS_FLOOR]);
	printf(" %9.0f", us[IS_KTLS] > 0 ? 1e6 / us[IS_KTLS] : 0);
}

static void print_case(const struct hs_case *c, const struct result *r,
		       const struct options *o)
{
	double server[IMPLS], client[IMPLS];

	for (int i = 0; i < IMPLS; i++) {
		server[i] = r[i].median.server / 1000;
		client[i] = r[i].median.client / 1000;
		if (o->tsv && server[i] > 0)
			fprintf(o->tsv, "%s\t%s\t%.2f\t%.2f\t%.0f\t%.0f\n",
				c->name, impls[i]->name, server[i], client[i],
				r[i].calls, r[i].bytes);
	}
	print_side(c->name, "server", server);
	printf(" %6.0f %6.0f %6.0f\n", r[IS_KTLS].calls, r[IS_SSL].calls,
	       r[IS_FLOOR].calls);
	print_side("", "client", client);
	printf(" %6.0f %6.0f %6.0f\n", r[IS_KTLS].bytes / 1024,
	       r[IS_SSL].bytes / 1024, r[IS_FLOOR].bytes / 1024);
	fflush(stdout);
}

static int run_case(const struct hs_case *c, const struct options *o)
{
	static struct result r[IMPLS];
	void *state[IMPLS] = { NULL };
	struct hs_pki pki;
	bool any = false;
	int err;

	if (hs_pki_new(&pki, c->key))
		return -1;
	memset(r, 0, sizeof(r));
	for (int i = 0; i < IMPLS; i++)
		if (!o->only || !strcmp(o->only, impls[i]->name)) {
			state[i] = impls[i]->open(c, &pki);
			any |= state[i] != NULL;
		}
	err = measure(o, state, r);
	if (!any)
		printf("%-26s not with this libcrypto\n", c->name);
	else if (!err)
		print_case(c, r, o);
	for (int i = 0; i < IMPLS; i++)
		if (state[i])
			impls[i]->close(state[i]);
	hs_pki_free(&pki);
	return err;
}

static int parse(struct options *o, int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "r:n:c:l:o:h")) != -1) {
		switch (opt) {
		case 'r':
			o->rounds = atoi(optarg);
			break;
		case 'n':
			o->handshakes = atoi(optarg);
			break;
		case 'c':
			o->part = optarg;
			break;
		case 'l':
			o->only = optarg;
			break;
		case 'o':
			o->tsv = fopen(optarg, "w");
			if (!o->tsv) {
				perror(optarg);
				return -1;
			}
			break;
		default:
			fputs(help, opt == 'h' ? stdout : stderr);
			return -1;
		}
	}
	if (o->rounds < 1 || o->rounds > ROUNDS_MAX || o->handshakes < 1) {
		fputs(help, stderr);
		return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = { .rounds = 15, .handshakes = 100 };
	int err = 0;

	if (parse(&o, argc, argv))
		return 2;
	measure_clock();
	printf("%s; us of a side, ratios, handshakes/s; of both ends: "
	       "allocations, then KiB\n", OpenSSL_version(OPENSSL_VERSION));
	printf("%-26s %-6s %8s %8s %8s %8s %8s %8s %9s %6s %6s %6s\n", "", "",
	       "libktls", "libssl", "GnuTLS", "floor", "ssl/ktls", "ktls/flr", "per s",
	       "ktls", "ssl", "floor");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (!o.part || strstr(cases[i].name, o.part))
			err |= run_case(&cases[i], &o);
	if (o.tsv)
		fclose(o.tsv);
	return err ? 1 : 0;
}
