// SPDX-License-Identifier: MIT
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <ktls.h>

#include "cmd.h"
#include "json.h"
#include "log.h"
#include "uring_probe.h"

static const char help[] =
	"Usage: ktls probe [--json]\n"
	"\n"
	"Tell what this kernel can do for TLS: which ciphers it encrypts and\n"
	"decrypts, for which version; whether keys can be changed; what its\n"
	"io_uring has.  It is tried, on connections of its own, as neither a\n"
	"kernel's version nor its headers tell.  And tell which suites,\n"
	"groups and signature schemes there are to negotiate.\n"
	"\n"
	"  -j, --json             the same for programs\n"
	"  -h, --help             this text\n"
	"\n"
	"Exit status: 0 if something could be found out, even if it is that\n"
	"there is no TLS in this kernel; 1 if not.\n"
	"\n"
	"Examples:\n"
	"  ktls probe\n"
	"  ktls probe --json | jq '.ktls.available'\n"
	"  ktls probe --json | jq -r '.ktls.ciphers[] | select(.tx == null) |\n"
	"                             .version + \" \" + .cipher'\n"
	"      the ciphers that this kernel encrypts\n";

static const struct option options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

struct report {
	struct utsname uts;
	struct ktls_caps ktls;
	struct uring_caps uring;
	bool tls_stat;
};

static const struct {
	const char *key, *title;
	const char *(*name)(size_t i);
} lists[] = {
	{ "suites", "Cipher suites", ktls_suite_list },
	{ "groups", "Groups", ktls_group_list },
	{ "signature_schemes", "Signature schemes", ktls_sigalg_list },
};

#define LISTS (sizeof(lists) / sizeof(*lists))

/* "ENOENT" */
static const char *errno_name(int err)
{
	const char *name = strerrorname_np(err < 0 ? -err : err);

	return name ? name : ktls_strerror(err);
}

/* ---- for people -------------------------------------------------------- */

static const char *yes_or(int err)
{
	return err ? errno_name(err) : "yes";
}

static void print_missing(int err)
{
	printf("kTLS: not available: %s (%s)\n", ktls_strerror(err),
	       errno_name(err));
	printf("  Load the module, as root: modprobe tls\n"
	       "  For every boot: echo tls > /etc/modules-load.d/tls.conf\n"
	       "  If there is none, the kernel was built without CONFIG_TLS.\n"
	       "  As long as it is missing, user space does the work.\n");
}

static void print_ktls(const struct report *r)
{
	const struct ktls_caps *c = &r->ktls;

	printf("Kernel: %s %s %s\n", r->uts.sysname, r->uts.release,
	       r->uts.machine);
	if (c->ulp_error)
		print_missing(c->ulp_error);
	else
		printf("kTLS: available\n");
	printf("/proc/net/tls_stat: %s\n\n", r->tls_stat ? "yes" : "no");
	if (c->ulp_error)
		return;
	printf("%-8s %-20s %-12s %s\n", "VERSION", "CIPHER", "SEND",
	       "RECEIVE");
	for (unsigned int i = 0; i < c->caps_len; i++) {
		const struct ktls_cap *cap = &c->caps[i];
		const char *name = ktls_cipher_name(cap->cipher);

		printf("%-8s %-20s %-12s %s\n",
		       ktls_version_name(cap->version), name ? name : "?",
		       yes_or(cap->tx_error), yes_or(cap->rx_error));
	}
	printf("\n%-29s %-12s %s\n", "change of keys (TLS 1.3)",
	       yes_or(c->rekey_tx_error), yes_or(c->rekey_rx_error));
	printf("%-29s %s\n", "payload limit",
	       yes_or(c->max_payload_error));
	printf("%-29s %-12s %s\n\n", "no padding expected", "",
	       yes_or(c->no_pad_error));
}

static void print_uring(const struct uring_caps *u)
{
	if (u->error) {
		printf("io_uring: not available: %s%s\n\n",
		       ktls_strerror(u->error),
		       u->disabled > 0 ? " (sysctl kernel.io_uring_disabled)" :
		       "");
		return;
	}
	printf("io_uring: available\n");
	for (size_t i = 0; i < u->len; i++)
		printf("  %-30s %-12s %s\n", u->caps[i].name,
		       yes_or(u->caps[i].error), u->caps[i].what);
	printf("\n");
}

static void print_lists(void)
{
	for (size_t i = 0; i < LISTS; i++) {
		const char *name;

		int column = 0;

		printf("%s, most preferred first:", lists[i].title);
		for (size_t k = 0; (name = lists[i].name(k)); k++) {
			int len = (int)strlen(name);

			if (!k || column + len > 76) {
				printf("\n ");
				column = 0;
			}
			column += printf(" %s", name);
		}
		printf("\n");
	}
}

static void print_report(const struct report *r)
{
	print_ktls(r);
	print_uring(&r->uring);
	print_lists();
}

/* ---- for programs ------------------------------------------------------ */

/* Null where it works, else the name of the errno */
static void json_error(struct json *j, const char *name, int err)
{
	json_string(j, name, err ? errno_name(err) : NULL);
}

static void json_ktls(struct json *j, const struct report *r)
{
	const struct ktls_caps *c = &r->ktls;

	json_begin(j, "ktls", '{');
	json_bool(j, "available", !c->ulp_error);
	json_number(j, "ulp_error", c->ulp_error);
	json_error(j, "ulp", c->ulp_error);
	json_bool(j, "tls_stat", r->tls_stat);
	json_begin(j, "ciphers", '[');
	for (unsigned int i = 0; i < c->caps_len; i++) {
		json_begin(j, NULL, '{');
		json_string(j, "version",
			    ktls_version_name(c->caps[i].version));
		json_string(j, "cipher", ktls_cipher_name(c->caps[i].cipher));
		json_number(j, "id", c->caps[i].cipher);
		json_error(j, "tx", c->caps[i].tx_error);
		json_error(j, "rx", c->caps[i].rx_error);
		json_end(j, '}');
	}
	json_end(j, ']');
	json_error(j, "rekey_tx", c->rekey_tx_error);
	json_error(j, "rekey_rx", c->rekey_rx_error);
	json_error(j, "max_payload", c->max_payload_error);
	json_error(j, "no_pad", c->no_pad_error);
	json_end(j, '}');
}

static void json_uring(struct json *j, const struct uring_caps *u)
{
	json_begin(j, "io_uring", '{');
	json_bool(j, "available", !u->error);
	json_error(j, "setup", u->error);
	json_number(j, "disabled", u->disabled);
	json_begin(j, "features", '{');
	for (size_t i = 0; i < u->len; i++)
		json_error(j, u->caps[i].name, u->caps[i].error);
	json_end(j, '}');
	json_end(j, '}');
}

static void json_lists(struct json *j)
{
	for (size_t i = 0; i < LISTS; i++) {
		const char *name;

		json_begin(j, lists[i].key, '[');
		for (size_t k = 0; (name = lists[i].name(k)); k++)
			json_string(j, NULL, name);
		json_end(j, ']');
	}
}

static void json_report(const struct report *r)
{
	struct json j = { .out = stdout };

	json_begin(&j, NULL, '{');
	json_begin(&j, "kernel", '{');
	json_string(&j, "system", r->uts.sysname);
	json_string(&j, "release", r->uts.release);
	json_string(&j, "machine", r->uts.machine);
	json_end(&j, '}');
	json_ktls(&j, r);
	json_uring(&j, &r->uring);
	json_lists(&j);
	json_end(&j, '}');
}

/* ------------------------------------------------------------------------ */

static int probe(bool json)
{
	struct report r = { 0 };
	int err = ktls_probe(&r.ktls);

	if (err) {
		complain("probing the kernel: %s", ktls_strerror(err));
		return STATUS_USAGE;
	}
	uname(&r.uts);
	/* after the probe, which may have had the module loaded */
	r.tls_stat = !access("/proc/net/tls_stat", R_OK);
	uring_probe(&r.uring);
	if (json)
		json_report(&r);
	else
		print_report(&r);
	return STATUS_OK;
}

static int run(int argc, char **argv)
{
	bool json = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		if (opt == 'h')
			return cmd_help(&cmd_probe);
		if (opt != 'j')
			return cmd_hint(&cmd_probe);
		json = true;
	}
	if (optind != argc) {
		complain("no argument is expected: '%s'", argv[optind]);
		return cmd_hint(&cmd_probe);
	}
	return probe(json);
}

const struct cmd cmd_probe = {
	.name = "probe",
	.summary = "tell what this kernel can do for TLS",
	.help = help,
	.run = run,
};
