/* SPDX-License-Identifier: MIT */
/* One program, one file per subcommand; ktls.c has the table of them. */
#ifndef TOOLS_CMD_H
#define TOOLS_CMD_H

/* The exit status of every subcommand; ktls(1) documents them */
enum {
	STATUS_OK	= 0,
	STATUS_USAGE	= 1,	/* the command line, or something local */
	STATUS_CONNECT	= 2,	/* no address, no connection */
	STATUS_TLS	= 3,	/* the handshake, or a fatal alert */
	STATUS_HTTP	= 4,	/* the server answered 400 or above */
	STATUS_TRANSFER	= 5,	/* cut short, or malformed */
};

struct cmd {
	const char *name;
	const char *summary;
	const char *help;	/* all of it, for --help */
	int (*run)(int argc, char **argv);
};

extern const struct cmd cmd_connect;
extern const struct cmd cmd_agent;
extern const struct cmd cmd_get;
extern const struct cmd cmd_kernel;
extern const struct cmd cmd_probe;
extern const struct cmd cmd_run;
extern const struct cmd cmd_serve;
extern const struct cmd cmd_ticket_keys;

/* Print @cmd's help on stdout; STATUS_OK */
int cmd_help(const struct cmd *cmd);
/* Point at the help after a mistake on the command line; STATUS_USAGE */
int cmd_hint(const struct cmd *cmd);

#endif
