// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cmd.h"
#include "environment.h"
#include "identity.h"
#include "log.h"
#include "negotiated.h"
#include "net.h"
#include "options.h"
#include "program.h"
#include "relay.h"
#include "terminal.h"

static const char help[] =
	"Usage: ktls connect [OPTION]... HOST PORT [--] [PROGRAM [ARG]...]\n"
	"\n"
	"Connect by TLS, and run PROGRAM, which reads what comes from\n"
	"descriptor 6 and writes what is to be sent to descriptor 7, as UCSPI\n"
	"has it.  Without PROGRAM, stdin is sent and what comes is written to\n"
	"stdout, until the server closes.\n"
	"The server's certificate and name are verified.\n"
	"\n"
	"  --stdio                PROGRAM has the connection as stdin and\n"
	"                         stdout instead\n"
	"  --keep-open            do not close when stdin ends, but wait for\n"
	"                         the server to; for those that take a client\n"
	"                         that closes for one that is gone\n"
	"  --name NAME            whom the certificate must be for (HOST)\n"
	"  -v, --verbose          tell what was negotiated, and which\n"
	"                         directions the kernel carries, or why not\n"
	TRUST_HELP
	"  -c, --cert FILE        our certificate, if the server asks, in\n"
	"                         the handshake or (TLS 1.3) after it\n"
	"  -k, --key FILE         ... and its key, if it is in another file\n"
	TLS_HELP
	"  --timeout S            seconds to connect and negotiate (30)\n"
	"  -h, --help             this text\n"
	"\n"
	"PROGRAM finds the same variables in its environment as with 'ktls\n"
	"run', and the same is true of the end of the connection.\n"
	"\n"
	"Exit status: that of PROGRAM, 128 more than the signal that killed\n"
	"it; of ours, 1 usage, or something local; 2 no connection; 3 TLS\n"
	"failed; 5 the connection was cut.\n"
	"\n"
	"Examples:\n"
	"  printf 'HEAD / HTTP/1.0\\r\\n\\r\\n' |\n"
	"      ktls connect --keep-open example.org 443\n"
	"  ktls connect --stdio backup.example.org 8443 -- tar xf -\n";

enum {
	OPT_STDIO = OPT_OWN,
	OPT_KEEP_OPEN,
	OPT_NAME,
	OPT_TIMEOUT,
};

static const struct option options[] = {
	TLS_LONG_OPTIONS,
	TRUST_LONG_OPTIONS,
	{ "stdio", no_argument, NULL, OPT_STDIO },
	{ "keep-open", no_argument, NULL, OPT_KEEP_OPEN },
	{ "name", required_argument, NULL, OPT_NAME },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

/* UCSPI's, for clients */
#define FD_READ		6
#define FD_WRITE	7

struct connect {
	struct tls_options tls;
	struct net_host to;
	const char *name;
	char **argv;		/* NULL: no program */
	int timeout;
	bool stdio;
	bool keep_open;
	bool verbose;
	bool help;
};

/* ---- the command line -------------------------------------------------- */

static int take_option(struct connect *o, int opt, const char *arg)
{
	int taken = tls_option(&o->tls, opt, arg);

	if (taken)
		return taken < 0 ? -1 : 0;
	switch (opt) {
	case OPT_STDIO:
		o->stdio = true;
		return 0;
	case OPT_KEEP_OPEN:
		o->keep_open = true;
		return 0;
	case OPT_NAME:
		o->name = arg;
		return 0;
	case OPT_TIMEOUT:
		return parse_seconds("--timeout", arg, &o->timeout) ? 0 : -1;
	case 'v':
		o->verbose = true;
		return 0;
	case 'h':
		o->help = true;
		return 0;
	default:
		return -1;	/* getopt_long() has complained */
	}
}

static int set_host(struct connect *o, const char *host, const char *port)
{
	if (!*host || strlen(host) >= sizeof(o->to.host) || !*port ||
	    strlen(port) >= sizeof(o->to.port)) {
		complain("%s %s: not a host and a port", host, port);
		return -1;
	}
	strcpy(o->to.host, host);
	strcpy(o->to.port, port);
	if (!o->name)
		o->name = o->to.host;
	return 0;
}

static int parse(struct connect *o, int argc, char **argv)
{
	int opt;

	/* '+': the options behind PROGRAM are its own */
	while ((opt = getopt_long(argc, argv, "+c:k:vh", options,
				  NULL)) != -1)
		if (take_option(o, opt, optarg))
			return -1;
	if (o->help)
		return 0;
	if (argc - optind < 2) {
		complain("which host and port?");
		return -1;
	}
	if (set_host(o, argv[optind], argv[optind + 1]))
		return -1;
	optind += 2;
	if (optind < argc && !strcmp(argv[optind], "--"))
		optind++;
	if (optind < argc)
		o->argv = argv + optind;
	/* what a client that verifies nothing hears, it must not believe */
	if (o->tls.verify != KTLS_VERIFY_NONE)
		o->tls.peer = environment_peer;
	return 0;
}

/* ---- what is behind it ------------------------------------------------- */

static int relay_status(const struct relay *r)
{
	const char *what = r->rx_error ? "receiving" : "sending";
	int err = r->rx_error ? r->rx_error : r->tx_error;

	if (r->ended) {
		complain("ended by a signal");
		return STATUS_TRANSFER;
	}
	if (!err)
		return STATUS_OK;
	complain_tls(r->conn, what, err);
	/* a server refuses a client's certificate only now */
	return !r->received && err <= -KTLS_E_DECODE &&
	       err != -KTLS_E_TRUNCATED ? STATUS_TLS : STATUS_TRANSFER;
}

static int serve(struct relay *r, struct inside *inside)
{
	int err;

	r->inside = inside;
	err = relay(r);
	inside_close(inside);
	close(ktls_conn_fd(r->conn));
	if (!err)
		return relay_status(r);
	complain("relay: %s", strerror(-err));
	return STATUS_USAGE;
}

static int run_program(const struct connect *o, struct relay *r)
{
	struct program p;
	int status;

	if (environment_set(r->conn) ||
	    program_start(&p, o->argv, o->stdio ? STDIN_FILENO : FD_READ,
			  o->stdio ? STDOUT_FILENO : FD_WRITE, false))
		return STATUS_USAGE;
	status = serve(r, &p.inside);
	program_wait(&p, r->signal_fd);
	/* that it was hung up on is no reason, but follows from one */
	if (status && p.killed && p.status == SIGHUP)
		return status;
	if (p.killed)
		return 128 + p.status;
	return p.status ? p.status : status;
}

static int run_terminal(const struct connect *o, struct relay *r)
{
	/* its thread may wait for stdin when all else is over */
	static struct terminal t;
	int status;

	if (terminal_start(&t, o->keep_open))
		return STATUS_USAGE;
	status = serve(r, &t.inside);
	/* what else failed may be because of that */
	return terminal_finish(&t, r->broken) ? STATUS_USAGE : status;
}

static void take_note(int sig)
{
	(void)sig;
}

/* Caught, which unlike ignored does not pass to the program */
static void outlive(int sig)
{
	if (signal(sig, take_note) == SIG_IGN)
		signal(sig, SIG_IGN);
}

/* A terminal's are for the program, if there is one, to act upon */
static int block_signals(bool program)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	signal(SIGCHLD, SIG_DFL);
	if (program) {
		sigaddset(&set, SIGTERM);
		outlive(SIGINT);
		outlive(SIGQUIT);
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* ---- connecting -------------------------------------------------------- */

static int open_conn(const struct connect *o, struct ktls_config *config,
		     struct ktls_conn **conn)
{
	int64_t end = net_clock() + o->timeout;
	char error[512] = "";
	union net_addr addr = { 0 };
	int fd = net_connect(&o->to, o->timeout, &addr);
	int64_t left = end - net_clock();

	if (fd < 0)
		return STATUS_CONNECT;
	if (!ktls_connect(conn, fd, config, o->name, left > 0 ? (int)left : 0,
			  error, sizeof(error)))
		return STATUS_OK;
	complain("%s: TLS: %s", o->name, error);
	close(fd);
	return STATUS_TLS;
}

static int talk(const struct connect *o, struct ktls_config *config)
{
	struct relay *r = calloc(1, sizeof(*r));
	int status;

	if (!r)
		return STATUS_USAGE;
	status = open_conn(o, config, &r->conn);
	if (!status) {
		if (o->verbose)
			tell_negotiated(r->conn);
		r->signal_fd = block_signals(o->argv);
		status = o->argv ? run_program(o, r) : run_terminal(o, r);
		close(r->signal_fd);
	}
	ktls_conn_free(r->conn);
	free(r);
	return status;
}

static int run(int argc, char **argv)
{
	struct connect o = { .timeout = 30000 };
	struct ktls_config *config;
	int status;

	if (parse(&o, argc, argv))
		return cmd_hint(&cmd_connect);
	if (o.help)
		return cmd_help(&cmd_connect);
	signal(SIGPIPE, SIG_IGN);
	if (identity_hide(true) || tls_config(&config, KTLS_CLIENT, &o.tls))
		return STATUS_USAGE;
	status = talk(&o, config);
	ktls_config_put(config);
	suppdata_free(&o.tls.supp);
	if (identity_hide(false) && !status)
		status = STATUS_USAGE;
	return status;
}

const struct cmd cmd_connect = {
	.name = "connect",
	.summary = "connect a program, or stdin and stdout, by TLS",
	.help = help,
	.run = run,
};
