// SPDX-License-Identifier: MIT
#include <string.h>
#include <sys/wait.h>

#include "acceptor.h"
#include "addresses.h"
#include "cmd.h"
#include "environment.h"
#include "identity.h"
#include "log.h"
#include "options.h"
#include "reload.h"
#include "resident.h"
#include "run_conn.h"

static const char help[] =
	"Usage: ktls run [OPTION]... -c CERT [-k KEY] [--] PROGRAM [ARG]...\n"
	"       ktls run [OPTION]... -c CERT [-k KEY] --to HOST:PORT|PATH\n"
	"\n"
	"Accept TLS connections, and for each of them run PROGRAM, which\n"
	"reads from stdin what comes and writes to stdout what is to be\n"
	"sent, and need not know anything of TLS.  Or connect to a server\n"
	"without TLS.\n"
	"\n"
	"  -l, --listen ADDR:PORT where to listen (127.0.0.1:4433); ':PORT'\n"
	"                         is any address, port 0 a free one;\n"
	"                         up to 8 times\n"
	"  -c, --cert FILE        certificate chain, PEM; of several, the one\n"
	"                         for the name that the client asks for\n"
	"  -k, --key FILE         private key for the -c before it; without,\n"
	"                         it is looked for in the same file\n"
	"  --client-ca FILE       ask for a client's certificate, and verify\n"
	"                         it with those in FILE\n"
	"  --client-optional      ... but serve those that have none\n"
	"  --to HOST:PORT         connect there for each connection, or to the\n"
	"                         Unix socket at a path with a '/'\n"
	"  --proxy                ... and begin with a header of the PROXY\n"
	"                         protocol (2), which tells who the client is\n"
	"  --resident             run PROGRAM once: it accepts connections from\n"
	"                         a Unix socket that it is handed as systemd\n"
	"                         does (LISTEN_FDS), and each of ours is one\n"
	"  --socket               the connection's socket is PROGRAM's stdin\n"
	"                         and stdout; the kernel has to carry it, and\n"
	"                         PROGRAM to know when to stop reading\n"
	TLS_HELP
	"  --user NAME            be this user for all that meets the network,\n"
	"                         and for PROGRAM; needs root, who alone then\n"
	"                         can read the key\n"
	"  --max N                connections, and programs, at once (100)\n"
	"  --max-per-address N    ... from an address of IPv4 or a /64 of\n"
	"                         IPv6; further ones are closed\n"
	"  --timeout S            seconds for a handshake (20)\n"
	"  --stall-timeout S      seconds in which a client has to take some of\n"
	"                         what is left when PROGRAM has ended (120)\n"
	"  --drain-timeout S      seconds to finish after a signal (10)\n"
	"  -q, --quiet            no line for each connection\n"
	"  -h, --help             this text\n"
	"\n"
	"PROGRAM finds in its environment, as UCSPI has it: PROTO,\n"
	"TCPLOCALIP, TCPLOCALPORT, TCPREMOTEIP, TCPREMOTEPORT; SSL_PROTOCOL,\n"
	"SSL_CIPHER, and if there are any SSL_TLS_SNI_SERVERNAME, SSL_ALPN,\n"
	"SSL_PEER_VERIFIED, SSL_PEER_CERT_SUBJECT, SSL_PEER_CERT_HASH;\n"
	"KTLS_TX, KTLS_RX ('kernel' or 'user').\n"
	"\n"
	"It sees the end of its input when the client has closed, and gets\n"
	"SIGHUP if the connection was cut.  When its output ends it is closed\n"
	"in good order, unless a signal has killed PROGRAM.\n"
	"\n"
	"SIGHUP reads certificates and keys again; SIGTERM or SIGINT lets\n"
	"what runs finish; a second one ends it.\n"
	"\n"
	"Examples:\n"
	"  ktls run -l :8443 -c site.pem -k site.key -- cat\n"
	"      an echo\n"
	"  ktls run -l :8443 -c site.pem -k site.key --to localhost:8080\n"
	"      in front of a server without TLS\n"
	"  ktls run -c s.pem -k s.key --client-ca staff.pem -- \\\n"
	"      sh -c 'echo \"Hello, $SSL_PEER_CERT_SUBJECT\"'\n";

enum {
	OPT_CLIENT_CA = OPT_OWN,
	OPT_CLIENT_OPTIONAL,
	OPT_TO,
	OPT_PROXY,
	OPT_RESIDENT,
	OPT_SOCKET,
	OPT_USER,
	OPT_MAX,
	OPT_PER_ADDRESS,
	OPT_TIMEOUT,
	OPT_STALL_TIMEOUT,
	OPT_DRAIN_TIMEOUT,
};

static const struct option options[] = {
	TLS_LONG_OPTIONS,
	{ "listen", required_argument, NULL, 'l' },
	{ "client-ca", required_argument, NULL, OPT_CLIENT_CA },
	{ "client-optional", no_argument, NULL, OPT_CLIENT_OPTIONAL },
	{ "to", required_argument, NULL, OPT_TO },
	{ "proxy", no_argument, NULL, OPT_PROXY },
	{ "resident", no_argument, NULL, OPT_RESIDENT },
	{ "socket", no_argument, NULL, OPT_SOCKET },
	{ "user", required_argument, NULL, OPT_USER },
	{ "max", required_argument, NULL, OPT_MAX },
	{ "max-per-address", required_argument, NULL, OPT_PER_ADDRESS },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "stall-timeout", required_argument, NULL, OPT_STALL_TIMEOUT },
	{ "drain-timeout", required_argument, NULL, OPT_DRAIN_TIMEOUT },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

#define MAX_DEFAULT	100

struct run {
	struct tls_options tls;
	struct net_hosts listen;
	struct acceptor acceptor;
	struct run_conn conn;
	struct identity user;
	struct resident program;	/* of --resident */
	unsigned int per_address;
	bool resident;
	bool client_optional;
	bool help;
};

/* ---- the command line -------------------------------------------------- */

static int take_limit(struct run *o, int opt, const char *arg)
{
	switch (opt) {
	case OPT_MAX:
		return parse_number("--max", arg, 1, 100000,
				    &o->acceptor.max) ? 0 : -1;
	case OPT_PER_ADDRESS:
		return parse_number("--max-per-address", arg, 1, 100000,
				    &o->per_address) ? 0 : -1;
	case OPT_TIMEOUT:
		return parse_seconds("--timeout", arg,
				     &o->conn.timeout) ? 0 : -1;
	case OPT_STALL_TIMEOUT:
		return parse_seconds("--stall-timeout", arg,
				     &o->conn.stall) ? 0 : -1;
	case OPT_DRAIN_TIMEOUT:
		return parse_seconds("--drain-timeout", arg,
				     &o->acceptor.drain_ms) ? 0 : -1;
	default:
		return -1;	/* getopt_long() has complained */
	}
}

static int take_option(struct run *o, int opt, const char *arg)
{
	int taken = tls_option(&o->tls, opt, arg);

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
	case OPT_TO:
		return backend_parse(&o->conn.to, arg);
	case OPT_PROXY:
		o->conn.to.announces = true;
		return 0;
	case OPT_RESIDENT:
		o->resident = true;
		return 0;
	case OPT_USER:
		return identity_find(&o->user, arg);
	case OPT_SOCKET:
		o->conn.socket = true;
		o->tls.tx = o->tls.rx = KTLS_PATH_KERNEL;
		return 0;
	case 'q':
		o->conn.quiet = true;
		return 0;
	case 'h':
		o->help = true;
		return 0;
	default:
		return take_limit(o, opt, arg);
	}
}

/* A session says nothing of the certificate's hash, nor if it still holds */
static int set_verify(struct run *o)
{
	bool verifies = o->tls.ca_file || o->tls.peer_keys ||
			o->tls.peer_key_hashes;

	if (o->client_optional && !o->tls.ca_file) {
		complain("--client-optional needs --client-ca");
		return -1;
	}
	if (!verifies)
		return 0;
	o->tls.verify = o->client_optional ? KTLS_VERIFY_OPTIONAL :
					     KTLS_VERIFY_REQUIRE;
	o->tls.flags |= KTLS_F_NO_TICKETS;
	o->tls.peer = environment_peer;
	return 0;
}

static int parse(struct run *o, int argc, char **argv)
{
	int opt;

	/* '+': the options behind PROGRAM are its own */
	while ((opt = getopt_long(argc, argv, "+l:c:k:qh", options,
				  NULL)) != -1)
		if (take_option(o, opt, optarg))
			return -1;
	if (o->help)
		return 0;
	if (o->conn.to.given + o->resident + o->conn.socket > 1) {
		complain("only one of --to, --resident and --socket");
		return -1;
	}
	if (o->conn.to.announces && !o->conn.to.given && !o->resident) {
		complain("--proxy needs --to or --resident");
		return -1;
	}
	if ((optind == argc) != o->conn.to.given) {
		complain(o->conn.to.given ? "--to leaves no room for a program" :
			 "which program?");
		return -1;
	}
	if (o->conn.socket && (o->tls.tx != KTLS_PATH_KERNEL ||
			       o->tls.rx != KTLS_PATH_KERNEL)) {
		complain("--socket is for what the kernel carries");
		return -1;
	}
	if (!o->tls.creds_len) {
		complain("which certificate?  -c names it");
		return -1;
	}
	if (!o->listen.len && net_hosts_add(&o->listen, "-l",
					    "127.0.0.1:4433"))
		return -1;
	o->conn.argv = argv + optind;
	return set_verify(o);
}

/* ---- running ----------------------------------------------------------- */

/* Connections of before have processes, and configs, of their own */
static void hang_up(void *arg)
{
	struct run *o = arg;
	struct ktls_config *old = o->conn.config;

	if (reload(&o->conn.config, old, &o->tls, NULL)) {
		log_line("not reloaded; going on as before");
		return;
	}
	ktls_config_put(old);
	log_line("reloaded");
}

/* New keys of tickets must be made here, for all that come from here */
static void before(void *arg)
{
	struct run *o = arg;
	uint8_t keys[KTLS_TICKET_KEYS_SIZE];

	if (!ktls_ticket_keys_export(o->conn.config, keys))
		explicit_bzero(keys, sizeof(keys));
}

static int serve(void *arg, int fd, const union net_addr *peer)
{
	struct run *o = arg;

	if (identity_take(&o->user))
		return STATUS_USAGE;
	return run_conn(&o->conn, fd, peer);
}

static void ended(void *arg, pid_t pid, int status)
{
	struct run *o = arg;

	if (pid != o->program.pid)
		return;
	log_line("%s: ended with %s %d", o->conn.argv[0],
		 WIFSIGNALED(status) ? "signal" : "status",
		 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	o->program.pid = 0;
	acceptor_end(&o->acceptor);
}

static int set_up(struct run *o)
{
	/* a program of the same user must not read the key out of this one */
	if (identity_hide(true))
		return -1;
	addresses_limit(o->per_address);
	o->acceptor.arg = o;
	if (reload(&o->conn.config, NULL, &o->tls, NULL) ||
	    acceptor_open(&o->acceptor, &o->listen))
		return -1;
	return o->resident ? resident_start(&o->program, o->conn.argv,
					    &o->user, &o->conn.to) : 0;
}

static int run(int argc, char **argv)
{
	struct run o = {
		.acceptor = {
			.max = MAX_DEFAULT,
			.drain_ms = 10000,
			.hang_up = hang_up,
			.before = before,
			.stranger = ended,
			.serve = serve,
			.signal_fd = -1,
		},
		.conn.timeout = 20000,
		.conn.stall = 120000,
		.program.path_fd = -1,
	};
	int err;

	if (parse(&o, argc, argv))
		return cmd_hint(&cmd_run);
	if (o.help)
		return cmd_help(&cmd_run);
	err = set_up(&o);
	if (!err)
		err = acceptor_run(&o.acceptor);
	/* it was to stay */
	if (o.resident && resident_stop(&o.program))
		err = -1;
	acceptor_close(&o.acceptor);
	ktls_config_put(o.conn.config);
	suppdata_free(&o.tls.supp);
	/* what there was to hide is gone */
	if (identity_hide(false))
		err = -1;
	return err ? STATUS_USAGE : STATUS_OK;
}

const struct cmd cmd_run = {
	.name = "run",
	.summary = "run a program for each TLS connection",
	.help = help,
	.run = run,
};
