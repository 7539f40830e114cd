// SPDX-License-Identifier: MIT
#include <errno.h>
#include <getopt.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ktls.h>

#include "cn.h"
#include "sample.h"

static const char help[] =
"Usage: connections [-t TABLES] [-r ROUNDS] [-n IDLE] [-k CONNECTIONS]\n"
"                   [-c PART] [-o FILE]\n"
"\n"
"What a connection over loopback costs with libktls, and with libssl on the\n"
"same libcrypto. TABLES (sri): s, memory of a handshake in flight and of a\n"
"connection; r, connections a second, of rounds of CONNECTIONS (300); i, up to\n"
"IDLE (10000) idle ones. Medians of ROUNDS (3). -c: only cases whose name has\n"
"PART in it. -o: the figures as TSV, to FILE.\n";

#define DESCRIPTORS_KEPT	50
#define IDLE_MAX		100000

const struct cn_impl *const cn_impls[CN_IMPLS] = { &cn_ktls, &cn_ssl };

static const struct hs_case cases[] = {
	HS_13("full, P-256", "p256", .resume = HS_FULL),
	HS_13("full, RSA-2048", "rsa2048", .resume = HS_FULL),
	HS_13("mutual, P-256", "p256", .mutual = true),
	HS_13("PSK, one ticket", "p256", .resume = HS_TICKET),
	HS_12("full, P-256", .resume = HS_FULL),
	HS_12("mutual, P-256", .mutual = true),
	HS_12("by id", .resume = HS_ID),
	HS_12("by ticket", .resume = HS_TICKET),
};

void cn_emit(const struct cn_options *o, const char *table, const char *name,
	     const char *side, const char *lib, const char *what,
	     double value)
{
	if (o->tsv)
		fprintf(o->tsv, "%s\t%s\t%s\t%s\t%s\t%.0f\n", table, name,
			side, lib, what, value);
}

/* ---- what there is to work with ---------------------------------------- */

/* Each end of an idle connection is a descriptor, in a process of its own */
static void limit_idle(struct cn_options *o)
{
	rlim_t need = (rlim_t)o->idle_max + DESCRIPTORS_KEPT;
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_max != RLIM_INFINITY && files.rlim_max < need &&
	    !setrlimit(RLIMIT_NOFILE, &(struct rlimit){ need, need }))
		return;		/* who is root may */
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_max != RLIM_INFINITY && files.rlim_max < need) {
		o->idle_max = (int)files.rlim_max - DESCRIPTORS_KEPT;
		printf("%d idle connections at most: RLIMIT_NOFILE\n",
		       o->idle_max);
	}
}

/* Nothing of libktls's own: what the kernel says to it on a real connection */
static void say_kernel(void)
{
	struct ktls_caps caps;
	int err = ktls_probe(&caps);

	printf("%s; kernel TLS: %s\n", OpenSSL_version(OPENSSL_VERSION),
	       err ? ktls_strerror(err) : caps.ulp_error ?
	       "none, records are made in user space" : "yes");
}

/* ---- tables ------------------------------------------------------------ */

struct table {
	char letter;
	int (*run)(const struct hs_case *c, const struct hs_pki *pki,
		   const struct cn_options *o);
	bool one;		/* only the first case */
	const char *head;
};

static const struct table tables[] = {
	{ 's', cn_sizes, false,
	  "Memory, bytes/allocations: of a handshake in flight, at its height "
	  "(libktls\nitself, libcrypto under it, libssl with libcrypto), and of "
	  "a connection; who\ncarries its records, libktls/libssl\n" },
	{ 'r', cn_rate, false,
	  "Connections a second (lowest-highest), CPU us of the server for "
	  "each: libktls, libssl\n" },
	{ 'i', cn_idle, true,
	  "Idle connections, bytes for each: heap of the server, resident, and "
	  "the\nkernel's slabs for both ends\n" },
};

static int run_case(const struct table *t, const struct hs_case *c,
		    const struct cn_options *o)
{
	struct hs_pki pki;
	int err = hs_pki_new(&pki, c->key);

	if (err)
		return err;
	err = t->run(c, &pki, o);
	hs_pki_free(&pki);
	return err;
}

static int run_table(const struct table *t, const struct cn_options *o)
{
	int err = 0;

	printf("\n%s", t->head);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (o->part && !strstr(cases[i].name, o->part))
			continue;
		err |= run_case(t, &cases[i], o);
		if (t->one)
			break;
	}
	return err;
}

static int parse(struct cn_options *o, const char **letters, int argc,
		 char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "t:r:n:k:c:o:h")) != -1) {
		switch (opt) {
		case 't':
			*letters = optarg;
			break;
		case 'r':
			o->rounds = atoi(optarg);
			break;
		case 'n':
			o->idle_max = atoi(optarg);
			break;
		case 'k':
			o->rate = atoi(optarg);
			break;
		case 'c':
			o->part = optarg;
			break;
		case 'o':
			o->tsv = fopen(optarg, "w");
			if (!o->tsv) {
				perror(optarg);
				return -1;
			}
			break;
		default:
			return -1;
		}
	}
	return o->rounds < 1 || o->rounds > SAMPLES_MAX || o->rate < 1 ||
	       o->idle_max < 1 || o->idle_max > IDLE_MAX ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct cn_options o = { .rounds = 3, .idle_max = 10000, .rate = 300 };
	const char *letters = "sri";
	int err = 0;

	if (parse(&o, &letters, argc, argv)) {
		fputs(help, stderr);
		return 2;
	}
	say_kernel();
	limit_idle(&o);
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		if (strchr(letters, tables[i].letter))
			err |= run_table(&tables[i], &o);
	if (o.tsv)
		fclose(o.tsv);
	return err ? 1 : 0;
}
