// SPDX-License-Identifier: MIT
/* ktls kernel: TLS endpoints inside the kernel, of the module ktls_consumer */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "kernel_endpoint.h"
#include "kernel_nl.h"
#include "kernel_print.h"
#include "log.h"
#include "options.h"

static const char help[] =
	"Usage: ktls kernel listen [OPTION]... SERVICE HOST:PORT\n"
	"       ktls kernel connect [OPTION]... SERVICE HOST:PORT\n"
	"       ktls kernel list | stats [--json]\n"
	"       ktls kernel show [--json] ID\n"
	"       ktls kernel close ID... | all\n"
	"\n"
	"TLS endpoints inside the kernel, of the module ktls_consumer: sources\n"
	"and sinks without system calls, whose handshakes an agent does\n"
	"('ktls agent --kernel', or tlshd).  SERVICE is echo, discard or\n"
	"chargen (RFC 862 to 864).\n"
	"\n"
	"  listen                 serve it, until closed\n"
	"  connect                use it, until --bytes have passed, or Ctrl-C,\n"
	"                         then say how it went, and close\n"
	"  list                   the endpoints there are, and what they count\n"
	"  show                   one, and its connections\n"
	"  close                  with all its connections\n"
	"  stats                  the sum, of closed endpoints too\n"
	"\n"
	"Options of listen and connect:\n"
	"  --auth HOW             x509, the default, psk, or (connect) anon\n"
	"  --certificate SERIAL, --private-key SERIAL, --keyring SERIAL\n"
	"  --psk SERIAL           keys of the kernel's (see keyctl(1)); several\n"
	"                         --psk are possible for connect\n"
	"  --timeout SECONDS      for the connection and for the handshake (10, at\n"
	"                         most 600)\n"
	"  --idle SECONDS         for which nothing may move (60, at most 3600)\n"
	"  --connections N        at a time (listen: 64), or in all (1)\n"
	"Options of connect:\n"
	"  --bytes N              for each connection; 0, the default: no end\n"
	"  --peername NAME        to verify (HOST, if that is a name)\n"
	"  --detach               print the ID, and leave it to 'close'\n"
	"\n"
	"  -j, --json             the answer for programs\n"
	"  -h, --help             this text\n"
	"\n"
	"Exit status: 0; 1 for a mistake, no module, no right; of connect: 2 the\n"
	"connection was refused, or nothing leads there, 3 no handshake, or no\n"
	"answer at all, 5 it ended too early.\n"
	"\n"
	"Examples:\n"
	"  ktls kernel listen echo 127.0.0.1:7\n"
	"  ktls kernel connect --bytes 67108864 echo localhost:7\n"
	"  ktls kernel close all\n";

static const struct option options[] = {
	ENDPOINT_LONG_OPTIONS,
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

struct command {
	struct kernel kernel;
	struct endpoint_options endpoint;
	bool json;
	char **args;
	int args_len;
};

static int status(int err)
{
	return err ? STATUS_USAGE : STATUS_OK;
}

/* ---- answers, as lines or in an array ---------------------------------- */

struct printer {
	const struct kernel_set *set;
	struct json *json;	/* NULL: as text */
};

static void print(const struct nlattr *attrs, int len, void *arg)
{
	struct printer *p = arg;

	if (p->json)
		kernel_json(p->json, NULL, p->set, attrs, len);
	else
		kernel_print(p->set, attrs, len);
}

/* ---- listen, connect --------------------------------------------------- */

static int run_listen(struct command *c)
{
	struct json json = { .out = stdout };
	struct printer p = { &kernel_endpoint, c->json ? &json : NULL };
	struct nl_msg *msg;

	msg = endpoint_request(&c->kernel, KTLS_CONSUMER_CMD_LISTEN,
			       &c->endpoint, c->args[0], c->args[1]);
	return msg ? status(kernel_ask(&c->kernel, msg, print, &p)) :
		     STATUS_USAGE;
}

static int run_connect(struct command *c)
{
	struct json json = { .out = stdout };
	struct printer p = { &kernel_endpoint, c->json ? &json : NULL };
	struct endpoint_result r = { .print = print, .arg = &p };
	struct nl_msg *msg;
	int err;

	msg = endpoint_request(&c->kernel, KTLS_CONSUMER_CMD_CONNECT,
			       &c->endpoint, c->args[0], c->args[1]);
	if (!msg)
		return STATUS_USAGE;
	if (c->endpoint.detach)
		return status(kernel_ask(&c->kernel, msg, print, &p));
	err = endpoint_follow(&c->kernel, msg, &r);
	return err ? STATUS_USAGE : r.status;
}

/* ---- list, show, stats ------------------------------------------------- */

static int ask_id(struct command *c, uint8_t cmd, uint32_t id,
		  kernel_answer answer, void *arg)
{
	struct nl_msg *msg = kernel_request(&c->kernel, cmd, 0);

	nla_put_u32(msg, KTLS_CONSUMER_A_ENDPOINT_ID, id);
	return kernel_ask(&c->kernel, msg, answer, arg);
}

static int run_list(struct command *c)
{
	struct json json = { .out = stdout };
	struct printer p = { &kernel_endpoint, c->json ? &json : NULL };
	struct nl_msg *msg = kernel_request(&c->kernel,
					    KTLS_CONSUMER_CMD_ENDPOINT_GET,
					    NLM_F_DUMP);
	int err;

	if (c->json)
		json_begin(&json, NULL, '[');
	err = kernel_ask(&c->kernel, msg, print, &p);
	if (c->json)
		json_end(&json, ']');
	return status(err);
}

static int run_stats(struct command *c)
{
	struct json json = { .out = stdout };
	struct printer p = { &kernel_stats, c->json ? &json : NULL };
	struct nl_msg *msg = kernel_request(&c->kernel,
					    KTLS_CONSUMER_CMD_STATS_GET, 0);

	return status(kernel_ask(&c->kernel, msg, print, &p));
}

static void print_endpoint(const struct nlattr *attrs, int len, void *arg)
{
	struct printer *p = arg;

	if (p->json)
		kernel_json(p->json, "endpoint", &kernel_endpoint, attrs, len);
	else
		kernel_print(&kernel_endpoint, attrs, len);
}

static int show_conns(struct command *c, uint32_t id, struct json *json)
{
	struct printer p = { &kernel_conn, json };
	struct nl_msg *msg = kernel_request(&c->kernel,
					    KTLS_CONSUMER_CMD_CONN_GET,
					    NLM_F_DUMP);
	int err;

	nla_put_u32(msg, KTLS_CONSUMER_A_CONN_ENDPOINT, id);
	if (json)
		json_begin(json, "connections", '[');
	err = kernel_ask(&c->kernel, msg, print, &p);
	if (json)
		json_end(json, ']');
	return err;
}

static int run_show(struct command *c)
{
	struct json json = { .out = stdout };
	struct printer p = { &kernel_endpoint, c->json ? &json : NULL };
	unsigned int id;
	int err;

	if (!parse_number("endpoint", c->args[0], 1, INT32_MAX, &id))
		return STATUS_USAGE;
	if (c->json)
		json_begin(&json, NULL, '{');
	err = ask_id(c, KTLS_CONSUMER_CMD_ENDPOINT_GET, id, print_endpoint, &p);
	if (!err)
		err = show_conns(c, id, p.json);
	if (c->json)
		json_end(&json, '}');
	return status(err);
}

/* ---- close ------------------------------------------------------------- */

#define IDS_MAX	KTLS_CONSUMER_ENDPOINTS_MAX

struct ids {
	uint32_t id[IDS_MAX];
	unsigned int len;
};

static void collect(const struct nlattr *attrs, int len, void *arg)
{
	const struct nlattr *attr = nla_find(attrs, len,
					     KTLS_CONSUMER_A_ENDPOINT_ID);
	struct ids *ids = arg;

	if (attr && ids->len < IDS_MAX)
		ids->id[ids->len++] = (uint32_t)kernel_number(attr);
}

static int all_ids(struct command *c, struct ids *ids)
{
	struct nl_msg *msg = kernel_request(&c->kernel,
					    KTLS_CONSUMER_CMD_ENDPOINT_GET,
					    NLM_F_DUMP);

	return kernel_ask(&c->kernel, msg, collect, ids);
}

static bool given_ids(struct command *c, struct ids *ids)
{
	if (c->args_len > IDS_MAX) {
		complain("too many endpoints");
		return false;
	}
	for (int i = 0; i < c->args_len; i++)
		if (!parse_number("endpoint", c->args[i], 1, INT32_MAX,
				  &ids->id[ids->len++]))
			return false;
	return true;
}

static int run_close(struct command *c)
{
	struct ids ids = { .len = 0 };
	int err = 0, one;

	if (strcmp(c->args[0], "all")) {
		if (!given_ids(c, &ids))
			return STATUS_USAGE;
	} else {
		err = all_ids(c, &ids);
	}
	for (unsigned int i = 0; i < ids.len; i++) {
		one = ask_id(c, KTLS_CONSUMER_CMD_CLOSE, ids.id[i], NULL, NULL);
		err = err ? err : one;
	}
	return status(err);
}

/* ---- the command line -------------------------------------------------- */

static const struct {
	const char *name;
	int (*run)(struct command *c);
	int least, most;	/* arguments */
} verbs[] = {
	{ "listen", run_listen, 2, 2 },
	{ "connect", run_connect, 2, 2 },
	{ "list", run_list, 0, 0 },
	{ "show", run_show, 1, 1 },
	{ "close", run_close, 1, INT32_MAX },
	{ "stats", run_stats, 0, 0 },
};

#define VERBS	(sizeof(verbs) / sizeof(*verbs))

static int run_verb(struct command *c, const char *name)
{
	for (size_t i = 0; i < VERBS; i++) {
		int result;

		if (strcmp(verbs[i].name, name))
			continue;
		if (c->args_len < verbs[i].least ||
		    c->args_len > verbs[i].most) {
			complain("wrong number of arguments for '%s'", name);
			return cmd_hint(&cmd_kernel);
		}
		result = kernel_open(&c->kernel) ? STATUS_USAGE :
						   verbs[i].run(c);
		kernel_close(&c->kernel);
		return result;
	}
	complain("no such thing as '%s'", name);
	return cmd_hint(&cmd_kernel);
}

static int run(int argc, char **argv)
{
	struct command c = { .json = false };
	int opt;

	while ((opt = getopt_long(argc, argv, "jh", options, NULL)) >= 0) {
		switch (opt) {
		case 'j':
			c.json = true;
			break;
		case 'h':
			return cmd_help(&cmd_kernel);
		case '?':
			return cmd_hint(&cmd_kernel);
		default:
			if (!endpoint_option(&c.endpoint, opt, optarg))
				return STATUS_USAGE;
		}
	}
	if (optind >= argc) {
		complain("what?");
		return cmd_hint(&cmd_kernel);
	}
	c.args = argv + optind + 1;
	c.args_len = argc - optind - 1;
	return run_verb(&c, argv[optind]);
}

const struct cmd cmd_kernel = {
	.name = "kernel",
	.summary = "endpoints inside the kernel: echo, discard, chargen",
	.help = help,
	.run = run,
};
