// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "client.h"
#include "cmd.h"
#include "engine.h"
#include "log.h"
#include "ops.h"
#include "options.h"
#include "path.h"
#include "reload.h"
#include "selfsigned.h"
#include "service.h"

static const char help[] =
	"Usage: ktls serve [OPTION]... DIR\n"
	"\n"
	"Serve the files below DIR by HTTP/1.1 over TLS, from one process\n"
	"with a thread for each CPU.\n"
	"The kernel encrypts where it can, and then sends files without\n"
	"a copy.\n"
	"\n"
	"  -l, --listen ADDR:PORT where to listen (127.0.0.1:4433); ':PORT'\n"
	"                         is any address, port 0 a free one;\n"
	"                         up to 8 times\n"
	"  -c, --cert FILE        certificate chain, PEM; of several, the one\n"
	"                         for the name that the client asks for and\n"
	"                         that it can verify; without any, one is\n"
	"                         made, self-signed, to be thrown away\n"
	"  -k, --key FILE         private key for the -c before it; without,\n"
	"                         it is looked for in the same file\n"
	"  --key-process          have the private keys in another process,\n"
	"                         which does nothing but sign with them\n"
	"  --client-ca FILE       ask for a client's certificate, and verify\n"
	"                         it with those in FILE\n"
	"  --client-optional      ... but serve those that have none\n"
	"  --post-auth PATH       TLS 1.3: ask for it only when PATH or what\n"
	"                         is below it is requested, which is 403 to\n"
	"                         whoever shows none\n"
	"  --strict-name          refuse a name that no certificate is for\n"
	"  --retry                always answer with HelloRetryRequest and a\n"
	"                         cookie first\n"
	TLS_HELP
	"  --tickets N            TLS 1.3: tickets for each full handshake\n"
	"                         (2; at most 16)\n"
	"  --single-use-tickets   TLS 1.3: ... good for one use each, as long\n"
	"                         as this process keeps their sessions\n"
	"  --early-data BYTES     TLS 1.3: take requests that come with the\n"
	"                         hello (0-RTT), each hello once\n"
	"  --user-mapping         TLS 1.2: ask clients for a hint as to who\n"
	"                         their user is, and log it\n"
	SITE_HELP
	OPS_HELP
	"  --max-conns N          connections at once (10000, or as many as\n"
	"                         file descriptors allow)\n"
	"  --threads N            how many (1 to 1024); as many as there are\n"
	"                         CPUs\n"
	"  --engine NAME          how they wait: 'epoll', 'uring', or 'auto',\n"
	"                         the default: io_uring where it can be used\n"
	"  --timeout S            seconds for a handshake, for a request to\n"
	"                         come in, and for some of what is sent to\n"
	"                         be taken (20)\n"
	"  --idle-timeout S       seconds between two requests (60)\n"
	"  --drain-timeout S      seconds to finish after a signal (10)\n"
	"  -q, --quiet            no line for each connection\n"
	"  -v, --verbose          a line for each request, too\n"
	"  -h, --help             this text\n"
	"\n"
	"'listening on ADDR:PORT' goes to stdout once clients may come.  The\n"
	"log goes to stderr: a line for each connection, when it is over,\n"
	"that tells what was negotiated and which directions the kernel\n"
	"carried.\n"
	"\n"
	"SIGHUP reads certificates and keys again, for new connections,\n"
	"looks at all files anew and begins the access log anew.\n"
	"SIGTERM or SIGINT finishes what is in flight and ends; a second\n"
	"one ends at once.  SSLKEYLOGFILE names a file for the secrets that\n"
	"let Wireshark read a capture.\n"
	"\n"
	"Examples:\n"
	"  ktls serve .\n"
	"      this directory, for this machine, without a certificate\n"
	"  ktls serve -l :443 -c site.pem -k site.key /srv/www\n"
	"      a site, on all addresses\n"
	"  ktls serve --tx kernel --rx user -l :8443 /srv\n"
	"      fail rather than encrypt in user space; decrypt there\n"
	"  ktls serve -l :8443 -c s.pem -k s.key --client-ca staff.pem /srv\n"
	"      for those only who have a certificate from staff.pem\n"
	"  ktls serve -l :8443 -c s.pem -k s.key --client-ca staff.pem \\\n"
	"             --post-auth /internal /srv\n"
	"      all for everybody but what is below /internal\n";

enum {
	OPT_CLIENT_CA = OPT_OWN,
	OPT_CLIENT_OPTIONAL,
	OPT_STRICT_NAME,
	OPT_RETRY,
	OPT_MAX_CONNS,
	OPT_TIMEOUT,
	OPT_IDLE_TIMEOUT,
	OPT_DRAIN_TIMEOUT,
	OPT_USER_MAPPING,
	OPT_KEY_PROCESS,
	OPT_POST_AUTH,
	OPT_TICKETS,
	OPT_SINGLE_USE_TICKETS,
	OPT_EARLY_DATA,
	OPT_THREADS,
	OPT_ENGINE,
};

static const struct option options[] = {
	TLS_LONG_OPTIONS,
	SITE_LONG_OPTIONS,
	OPS_LONG_OPTIONS,
	{ "listen", required_argument, NULL, 'l' },
	{ "client-ca", required_argument, NULL, OPT_CLIENT_CA },
	{ "client-optional", no_argument, NULL, OPT_CLIENT_OPTIONAL },
	{ "strict-name", no_argument, NULL, OPT_STRICT_NAME },
	{ "retry", no_argument, NULL, OPT_RETRY },
	{ "max-conns", required_argument, NULL, OPT_MAX_CONNS },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "idle-timeout", required_argument, NULL, OPT_IDLE_TIMEOUT },
	{ "drain-timeout", required_argument, NULL, OPT_DRAIN_TIMEOUT },
	{ "user-mapping", no_argument, NULL, OPT_USER_MAPPING },
	{ "key-process", no_argument, NULL, OPT_KEY_PROCESS },
	{ "post-auth", required_argument, NULL, OPT_POST_AUTH },
	{ "tickets", required_argument, NULL, OPT_TICKETS },
	{ "single-use-tickets", no_argument, NULL, OPT_SINGLE_USE_TICKETS },
	{ "early-data", required_argument, NULL, OPT_EARLY_DATA },
	{ "engine", required_argument, NULL, OPT_ENGINE },
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "quiet", no_argument, NULL, 'q' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

struct serve {
	struct tls_options tls;
	struct site site;
	struct ops ops;
	struct selfsigned cert;	/* where there is no other */
	struct net_hosts listen;
	unsigned int max_conns;
	unsigned int threads;
	const struct engine *engine, *fallback;
	int timeout, idle_timeout, drain_timeout;
	struct keeper keeper;
	struct path post_auth;
	bool post_auth_given;
	bool client_optional;
	bool quiet;
	bool verbose;
	bool help;
	const char *dir;
};

/* ---- the command line -------------------------------------------------- */

static int set_post_auth(struct serve *o, const char *arg)
{
	if (*arg != '/' || path_parse(&o->post_auth, arg) ||
	    o->post_auth.query) {
		complain("--post-auth %s: not a path; write /internal", arg);
		return -1;
	}
	o->post_auth_given = true;
	return 0;
}

static int set_engine(struct serve *o, const char *arg)
{
	bool any = !strcmp(arg, "auto");

	o->fallback = any ? &engine_epoll : NULL;
	if (any || !strcmp(arg, "uring")) {
		o->engine = &engine_uring;
	} else if (!strcmp(arg, "epoll")) {
		o->engine = &engine_epoll;
	} else {
		complain("--engine %s: neither epoll nor uring nor auto", arg);
		return -1;
	}
	return 0;
}

static int take_limit(struct serve *o, int opt, const char *arg)
{
	switch (opt) {
	case OPT_TICKETS:
		return parse_number("--tickets", arg, 1, 16,
				    &o->tls.tickets) ? 0 : -1;
	case OPT_EARLY_DATA:
		return parse_number("--early-data", arg, 1, 16384,
				    &o->tls.early_data) ? 0 : -1;
	case OPT_MAX_CONNS:
		return parse_number("--max-conns", arg, 1, 1000000,
				    &o->max_conns) ? 0 : -1;
	case OPT_THREADS:
		return parse_number("--threads", arg, 1, THREADS_MAX,
				    &o->threads) ? 0 : -1;
	case OPT_TIMEOUT:
		return parse_seconds("--timeout", arg, &o->timeout) ? 0 : -1;
	case OPT_IDLE_TIMEOUT:
		return parse_seconds("--idle-timeout", arg,
				     &o->idle_timeout) ? 0 : -1;
	case OPT_DRAIN_TIMEOUT:
		return parse_seconds("--drain-timeout", arg,
				     &o->drain_timeout) ? 0 : -1;
	default:
		return -1;	/* getopt_long() has complained */
	}
}

static int take_option(struct serve *o, int opt, const char *arg)
{
	int taken = tls_option(&o->tls, opt, arg);

	if (!taken)
		taken = site_option(&o->site, opt, arg);
	if (!taken)
		taken = ops_option(&o->ops, opt, arg);
	if (taken)
		return taken < 0 ? -1 : 0;
	switch (opt) {
	case 'l':
		return net_hosts_add(&o->listen, "-l", arg);
	case OPT_CLIENT_CA:
		o->tls.ca_file = arg;
		return 0;
	case OPT_CLIENT_OPTIONAL:
		o->client_optional = true;
		return 0;
	case OPT_STRICT_NAME:
		o->tls.flags |= KTLS_F_STRICT_NAME;
		return 0;
	case OPT_USER_MAPPING:
		o->tls.flags |= KTLS_F_USER_MAPPING;
		return 0;
	case OPT_KEY_PROCESS:
		o->tls.keeper = &o->keeper;
		return 0;
	case OPT_RETRY:
		o->tls.flags |= KTLS_F_COOKIE;
		return 0;
	case OPT_ENGINE:
		return set_engine(o, arg);
	case OPT_POST_AUTH:
		return set_post_auth(o, arg);
	case OPT_SINGLE_USE_TICKETS:
		o->tls.flags |= KTLS_F_SINGLE_USE;
		return 0;
	case 'q':
		o->quiet = true;
		return 0;
	case 'v':
		o->verbose = true;
		return 0;
	case 'h':
		o->help = true;
		return 0;
	default:
		return take_limit(o, opt, arg);
	}
}

/* Whom to ask for a certificate, and when */
static int set_verify(struct serve *o)
{
	if (!o->tls.ca_file && (o->client_optional || o->post_auth_given)) {
		complain("%s needs --client-ca", o->client_optional ?
			 "--client-optional" : "--post-auth");
		return -1;
	}
	if (o->tls.ca_file)
		o->tls.verify = o->client_optional || o->post_auth_given ?
				KTLS_VERIFY_OPTIONAL : KTLS_VERIFY_REQUIRE;
	if (o->post_auth_given)
		o->tls.flags |= KTLS_F_POST_HANDSHAKE_AUTH;
	/* with both the handshake asks as well, of TLS 1.2 for example */
	if (o->post_auth_given && !o->client_optional)
		o->tls.flags |= KTLS_F_AUTH_LATER;
	return 0;
}

static int parse(struct serve *o, int argc, char **argv)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "l:c:k:qvh", options,
				  NULL)) != -1)
		if (take_option(o, opt, optarg))
			return -1;
	if (o->help)
		return 0;
	if (argc - optind != 1) {
		complain(optind == argc ? "which directory?" :
			 "more than one directory");
		return -1;
	}
	if (set_verify(o))
		return -1;
	if (!o->listen.len && net_hosts_add(&o->listen, "-l",
					     "127.0.0.1:4433"))
		return -1;
	o->dir = argv[optind];
	return 0;
}

/* ---- setting up -------------------------------------------------------- */

/*
 * A connection needs a descriptor, and another while a file is sent; some are
 * for the files that nobody is being sent just now.
 */
static void limit_conns(struct serve *o)
{
	struct rlimit lim;
	rlim_t own = 64 + o->threads * (2 + o->listen.len);
	unsigned int most;

	if (getrlimit(RLIMIT_NOFILE, &lim))
		lim = (struct rlimit){ 1024, 1024 };
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
	site_share(&o->site, o->threads, lim.rlim_cur / 8);
	own += o->threads * o->site.cache.fds;
	most = lim.rlim_cur < own + 64 ? 32 : lim.rlim_cur > 2000000 + own ?
	       1000000 : (unsigned int)(lim.rlim_cur - own) / 2;
	if (!o->max_conns)
		o->max_conns = most < 10000 ? most : 10000;
	if (o->max_conns <= most)
		return;
	complain("--max-conns %u: %u, as only %llu files may be open",
		 o->max_conns, most, (unsigned long long)lim.rlim_cur);
	o->max_conns = most;
}

static int throw_away_cert(struct serve *o, struct selfsigned *s)
{
	const char *hosts[NET_HOSTS_MAX + 1];
	char name[256] = "";
	size_t n = 0;

	for (size_t i = 0; i < o->listen.len; i++)
		hosts[n++] = o->listen.at[i].host;
	gethostname(name, sizeof(name) - 1);
	hosts[n++] = name;
	if (selfsigned_new(s, hosts, n)) {
		complain("cannot make a certificate");
		return -1;
	}
	o->tls.creds[0].cert_pem = s->cert_pem;
	o->tls.creds[0].key_pem = s->key_pem;
	o->tls.creds_len = 1;
	complain("no -c: using a throw-away self-signed certificate, SHA-256 "
		 "%s", s->fingerprint);
	return 0;
}

static int set_up_tls(struct service *v, struct serve *o)
{
	int err = 0;

	if (o->ops.fleet.url) {
		o->tls.store = &fleet_sessions;
		o->tls.early_first = fleet_first;
	}
	if (!o->tls.creds_len)
		err = throw_away_cert(o, &o->cert);
	if (!err && o->tls.keeper)
		err = keeper_start(o->tls.keeper, o->tls.creds,
				   o->tls.creds_len);
	if (!err)
		err = reload(&v->config, NULL, &o->tls, &o->ops.ticket_keys);
	/* a new process for new keys cannot be forked beside threads */
	v->tls = o->tls.keeper ? NULL : &o->tls;
	v->keys_fd = o->tls.keeper ? o->keeper.fd : -1;
	v->ticket_keys = &o->ops.ticket_keys;
	return err ? -1 : 0;
}

static unsigned int usable_cpus(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);

	return n < 1 ? 1 : (unsigned int)n;
}

static void set_limits(struct service *v, const struct serve *o)
{
	v->site = o->site;
	v->post_auth = o->post_auth_given ? &o->post_auth : NULL;
	v->engine = o->engine;
	v->fallback = o->fallback;
	v->threads = o->threads;
	v->clients_max = o->max_conns;
	v->drain_ms = o->drain_timeout;
	v->quiet = o->quiet;
	v->verbose = o->verbose;
	v->deadline_ms[DEADLINE_HANDSHAKE] = o->timeout;
	v->deadline_ms[DEADLINE_REQUEST] = o->timeout;
	v->deadline_ms[DEADLINE_SEND] = o->timeout;
	v->deadline_ms[DEADLINE_IDLE] = o->idle_timeout;
	v->deadline_ms[DEADLINE_LINGER] = 2000;
}

static int set_up(struct service *v, struct serve *o)
{
	o->site.root = open(o->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (o->site.root < 0) {
		complain("%s: %s", o->dir, strerror(errno));
		return -1;
	}
	if (!o->threads)
		o->threads = usable_cpus();
	limit_conns(o);
	set_limits(v, o);
	if (service_init(v) || set_up_tls(v, o) || ops_start(&o->ops))
		return -1;
	for (size_t i = 0; i < o->listen.len; i++)
		if (service_listen(v, &o->listen.at[i]))
			return -1;
	return 0;
}

static int run(int argc, char **argv)
{
	struct serve o = {
		.tls.alpn = "http/1.1,http/1.0",
		.engine = &engine_uring,
		.fallback = &engine_epoll,
		.timeout = 20000,
		.idle_timeout = 60000,
		.drain_timeout = 10000,
	};
	struct service v = {
		.config_lock = PTHREAD_MUTEX_INITIALIZER,
		.signal_fd = -1, .told_fd = -1,
	};
	int err;

	site_init(&o.site);
	if (parse(&o, argc, argv))
		return cmd_hint(&cmd_serve);
	if (o.help)
		return cmd_help(&cmd_serve);
	o.tls.supp.heard = client_heard;
	err = set_up(&v, &o);
	if (!err)
		err = service_run(&v);
	service_free(&v);
	ops_stop();
	if (o.site.root >= 0)
		close(o.site.root);
	suppdata_free(&o.tls.supp);
	selfsigned_free(&o.cert);
	return err ? STATUS_USAGE : STATUS_OK;
}

const struct cmd cmd_serve = {
	.name = "serve",
	.summary = "serve a directory by HTTPS",
	.help = help,
	.run = run,
};
