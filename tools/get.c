// SPDX-License-Identifier: MIT
#include <http_parser.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "fetch.h"
#include "log.h"
#include "options.h"
#include "session_file.h"
#include "text.h"

static const char help[] =
	"Usage: ktls get [OPTION]... URL\n"
	"\n"
	"Fetch an https URL by HTTP/1.1 and write it to stdout, or to a\n"
	"file.  The server's certificate and name are verified.\n"
	"\n"
	"  -o, --output FILE      write to FILE, which appears once it is\n"
	"                         whole; until then, and after a failure,\n"
	"                         it is FILE.part\n"
	"  -r, --range RANGE      some bytes only: 0-99, or 100-, or -100\n"
	"                         (the last)\n"
	"  -L, --location         follow redirects, at most 10\n"
	"  -v, --verbose          tell what was negotiated, and which\n"
	"                         directions the kernel carries, or why not\n"
	TRUST_HELP
	"  -c, --cert FILE        our certificate, if the server asks, in\n"
	"                         the handshake or (TLS 1.3) after it\n"
	"  -k, --key FILE         ... and its key, if it is in another file\n"
	TLS_HELP
	"  --session-file FILE    resume the session that is in FILE,\n"
	"                         if any, and keep this one's there (a secret)\n"
	"  --early-data           TLS 1.3: send the request with the hello, if\n"
	"                         the session allows it: it may be replayed\n"
	"  --user-mapping HINT    TLS 1.2: tell the server, if it asks, who\n"
	"                         the user is: USER@DOMAIN, or @DOMAIN\n"
	"  --connect-to HOST:PORT connect there, whatever the URL says\n"
	"  --timeout S            seconds to connect and negotiate, and\n"
	"                         without receiving anything (30)\n"
	"  -h, --help             this text\n"
	"\n"
	"SSLKEYLOGFILE names a file for the secrets that let Wireshark read\n"
	"a capture.\n"
	"\n"
	"Exit status: 0 all is well; 1 usage, or something local; 2 no\n"
	"connection; 3 TLS failed; 4 the server answered 400 or above; 5 the\n"
	"transfer was cut short.\n"
	"\n"
	"Examples:\n"
	"  ktls get -o linux.tar.xz https://example.org/linux.tar.xz\n"
	"  ktls get -v --insecure https://localhost:4433/ > /dev/null\n"
	"      what is negotiated, and does the kernel carry it?\n"
	"  ktls get --rx kernel -o big https://example.org/big\n"
	"      fail rather than decrypt in user space\n"
	"  ktls get --groups X25519MLKEM768 -v https://example.org/\n"
	"      insist on a post-quantum key exchange\n";

enum {
	OPT_CONNECT_TO = OPT_OWN,
	OPT_TIMEOUT,
	OPT_USER_MAPPING,
	OPT_SESSION_FILE,
	OPT_EARLY_DATA,
};

static const struct option options[] = {
	TLS_LONG_OPTIONS,
	TRUST_LONG_OPTIONS,
	{ "output", required_argument, NULL, 'o' },
	{ "range", required_argument, NULL, 'r' },
	{ "location", no_argument, NULL, 'L' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "connect-to", required_argument, NULL, OPT_CONNECT_TO },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "user-mapping", required_argument, NULL, OPT_USER_MAPPING },
	{ "session-file", required_argument, NULL, OPT_SESSION_FILE },
	{ "early-data", no_argument, NULL, OPT_EARLY_DATA },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

#define REDIRECTS_MAX	10

struct get {
	struct tls_options tls;
	struct net_host connect_to;
	const char *file;
	const char *range;
	const char *session_file;
	const char *url;
	int timeout;
	bool follow;
	bool verbose;
	bool help;
};

/* ---- the command line -------------------------------------------------- */

static int set_range(struct get *o, const char *arg)
{
	size_t first = strspn(arg, "0123456789");
	const char *last = arg + first + 1;

	if (arg[first] != '-' || (!first && !*last) ||
	    last[strspn(last, "0123456789")]) {
		complain("-r %s: not a range; write 0-99, 100- or -100", arg);
		return -1;
	}
	o->range = arg;
	return 0;
}

/* What is sent for it, the library looks at */
static int set_user(struct get *o, const char *arg)
{
	const char *at = strchr(arg, '@');

	if (!at || !at[1] || strchr(at + 1, '@')) {
		complain("--user-mapping %s: not USER@DOMAIN or @DOMAIN", arg);
		return -1;
	}
	if (at == arg)
		o->tls.user_domain = at + 1;
	else
		o->tls.user_principal = arg;
	return 0;
}

static int take_peer(struct get *o, int opt, const char *arg)
{
	switch (opt) {
	case OPT_TIMEOUT:
		return parse_seconds("--timeout", arg, &o->timeout) ? 0 : -1;
	case OPT_EARLY_DATA:
		o->tls.early_data = 16384;
		return 0;
	case OPT_SESSION_FILE:
		o->session_file = arg;
		return 0;
	case OPT_USER_MAPPING:
		return set_user(o, arg);
	case OPT_CONNECT_TO:
		if (net_parse(&o->connect_to, arg, "443") &&
		    *o->connect_to.host)
			return 0;
		complain("--connect-to %s: not HOST:PORT", arg);
		return -1;
	default:
		return -1;	/* getopt_long() has complained */
	}
}

static int take_option(struct get *o, int opt, const char *arg)
{
	int taken = tls_option(&o->tls, opt, arg);

	if (taken)
		return taken < 0 ? -1 : 0;
	switch (opt) {
	case 'o':
		o->file = arg;
		return 0;
	case 'r':
		return set_range(o, arg);
	case 'L':
		o->follow = true;
		return 0;
	case 'v':
		o->verbose = true;
		return 0;
	case 'h':
		o->help = true;
		return 0;
	default:
		return take_peer(o, opt, arg);
	}
}

static int parse(struct get *o, int argc, char **argv)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "o:r:Lvc:k:h", options,
				  NULL)) != -1)
		if (take_option(o, opt, optarg))
			return -1;
	if (o->help)
		return 0;
	if (argc - optind != 1) {
		complain(optind == argc ? "which URL?" : "more than one URL");
		return -1;
	}
	o->url = argv[optind];
	return 0;
}

/* ---- getting it -------------------------------------------------------- */

static bool is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 ||
	       status == 307 || status == 308;
}

/* It may be a server's, who is not to write to a terminal what he likes */
static int bad_url(const char *url, const char *why, int status)
{
	struct text t = { 0 };

	text_value(&t, url);
	complain("%s: %s", t.failed ? "URL" : t.buf, why);
	text_free(&t);
	return status;
}

/*
 * To @url[0], wherever it is redirected to; @url[1] is room for another URL.
 * @last: where it has ended
 */
static int follow(struct fetch *f, const struct get *o, struct url url[2],
		  const struct url **last)
{
	for (int i = 0; ; i++) {
		const struct url *from = &url[i % 2];
		struct url *to = &url[(i + 1) % 2];
		const char *why;
		int status;

		*last = from;
		status = fetch(f, from);
		if (status || !o->follow || !is_redirect(f->status) ||
		    !*f->location)
			return status;
		if (i == REDIRECTS_MAX)
			return bad_url(from->text, "too many redirects",
				       STATUS_HTTP);
		why = url_resolve(to, from, f->location);
		if (why)
			return bad_url(f->location, why, STATUS_HTTP);
		if (o->verbose)
			fprintf(stderr, "* redirected to %s\n", to->text);
	}
}

/* What an answer that came whole is worth */
static int judge(struct fetch *f, const struct get *o)
{
	const char *reason = http_status_str((enum http_status)f->status);

	if (f->status >= 400) {
		complain("%s: HTTP %d %s", o->url, f->status, reason);
		return STATUS_HTTP;
	}
	if (f->status >= 300) {
		struct text to = { 0 };

		text_value(&to, f->location);
		complain("%s: HTTP %d %s%s%s%s", o->url, f->status, reason,
			 *f->location ? ", to " : "",
			 *f->location && !to.failed ? to.buf : "",
			 *f->location && !o->follow ? " (-L follows)" : "");
		text_free(&to);
		return STATUS_HTTP;
	}
	if (o->range && f->status != 206)
		complain("the server ignored the range: this is all of it");
	return output_finish(f->output) ? STATUS_USAGE : STATUS_OK;
}

/* For whoever wants to know all */
static void tell_heard(struct ktls_hs *hs, const char *what)
{
	(void)hs;
	fprintf(stderr, "* supplemental data of the server: %s\n", what);
}

static int set_up_tls(struct fetch *f, const struct get *o)
{
	int err = tls_config(&f->config, KTLS_CLIENT, &o->tls);

	return err || !o->session_file ? err :
	       session_take(f->config, o->session_file);
}

/* The session that was taken out of its file: what is left of it goes back */
static int get_all(struct fetch *f, const struct get *o, struct url url[2])
{
	const struct url *last;
	int status = follow(f, o, url, &last);

	if (o->session_file &&
	    session_save(f->config, last->to.host, o->session_file) && !status)
		status = STATUS_USAGE;
	return status;
}

static int get(struct fetch *f, struct get *o)
{
	struct url *urls = calloc(2, sizeof(*urls));
	const char *why;
	int status;

	if (!urls)
		return STATUS_USAGE;
	why = url_parse(&urls[0], o->url);
	status = why ? bad_url(o->url, why, STATUS_USAGE) :
		       set_up_tls(f, o) ? STATUS_USAGE :
		       get_all(f, o, urls);
	if (!status)
		status = judge(f, o);
	if (status)
		output_abandon(f->output);
	ktls_config_put(f->config);
	suppdata_free(&o->tls.supp);
	free(urls);
	return status;
}

static int run(int argc, char **argv)
{
	struct get o = { .tls.alpn = "http/1.1", .timeout = 30000 };
	struct output output;
	struct fetch f;

	if (parse(&o, argc, argv))
		return cmd_hint(&cmd_get);
	if (o.help)
		return cmd_help(&cmd_get);
	signal(SIGPIPE, SIG_IGN);
	o.tls.supp.heard = o.verbose ? tell_heard : NULL;
	output_init(&output, o.file);
	f = (struct fetch){
		.connect_to = *o.connect_to.host ? &o.connect_to : NULL,
		.range = o.range,
		.timeout = o.timeout,
		.verbose = o.verbose,
		.output = &output,
	};
	return get(&f, &o);
}

const struct cmd cmd_get = {
	.name = "get",
	.summary = "fetch an https URL",
	.help = help,
	.run = run,
};
