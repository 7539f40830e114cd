// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <ktls.h>

#include "cmd.h"
#include "log.h"

static const struct cmd *const cmds[] = {
	&cmd_serve,
	&cmd_get,
	&cmd_run,
	&cmd_connect,
	&cmd_agent,
	&cmd_probe,
	&cmd_kernel,
	&cmd_ticket_keys,
};

#define CMDS (sizeof(cmds) / sizeof(*cmds))

static const char usage[] =
	"Usage: ktls COMMAND [OPTION]... [ARGUMENT]...\n"
	"       ktls help COMMAND\n"
	"       ktls --help | --version\n"
	"\n"
	"TLS whose records the Linux kernel encrypts.\n"
	"\n"
	"Commands:\n";

static const char examples[] =
	"\n"
	"A first look, in two terminals:\n"
	"  ktls probe                          what this kernel can do\n"
	"  ktls serve .                        serve this directory\n"
	"  ktls get -v --insecure https://localhost:4433/README.md\n"
	"\n"
	"'ktls help COMMAND' tells the rest, and the manual is ktls(1).\n";

static void print_usage(FILE *to)
{
	fputs(usage, to);
	for (size_t i = 0; i < CMDS; i++)
		fprintf(to, "  %-11s %s\n", cmds[i]->name, cmds[i]->summary);
	fputs(examples, to);
}

int cmd_help(const struct cmd *cmd)
{
	fputs(cmd->help, stdout);
	return STATUS_OK;
}

int cmd_hint(const struct cmd *cmd)
{
	fprintf(stderr, "Try 'ktls %s --help'.\n", cmd->name);
	return STATUS_USAGE;
}

static const struct cmd *find(const char *name)
{
	for (size_t i = 0; i < CMDS; i++)
		if (!strcmp(cmds[i]->name, name))
			return cmds[i];
	complain("no command '%s'; see 'ktls --help'", name);
	return NULL;
}

static int help(int argc, char **argv)
{
	const struct cmd *cmd;

	if (argc < 2) {
		print_usage(stdout);
		return STATUS_OK;
	}
	cmd = find(argv[1]);
	return cmd ? cmd_help(cmd) : STATUS_USAGE;
}

static int run(const struct cmd *cmd, int argc, char **argv)
{
	static char name[64];

	/* getopt_long() begins its messages with argv[0] */
	snprintf(name, sizeof(name), "ktls %s", cmd->name);
	argv[0] = name;
	log_name(name);
	return cmd->run(argc, argv);
}

/* What stdout refused (a full disk) must not pass for success */
static int finish(int status)
{
	if (fflush(stdout) || ferror(stdout)) {
		complain("cannot write to stdout");
		return status ? status : STATUS_USAGE;
	}
	return status;
}

/*
 * What is opened next must not get the number of one of the three that is
 * closed, and a message then go to a peer.  It fails as it would have.
 */
static bool hold_places(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd)
			return false;
	return true;
}

int main(int argc, char **argv)
{
	const struct cmd *cmd;

	if (!hold_places())
		return STATUS_USAGE;
	if (argc < 2) {
		print_usage(stderr);
		return STATUS_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help"))
		return finish(help(argc - 1, argv + 1));
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("ktls %d.%d\n", KTLS_VERSION_MAJOR, KTLS_VERSION_MINOR);
		return finish(STATUS_OK);
	}
	cmd = find(argv[1]);
	if (!cmd)
		return STATUS_USAGE;
	return finish(run(cmd, argc - 1, argv + 1));
}
