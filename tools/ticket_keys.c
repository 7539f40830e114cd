// SPDX-License-Identifier: MIT
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <string.h>

#include "cmd.h"
#include "log.h"
#include "options.h"
#include "secret_file.h"
#include "ticket_file.h"

#define PERIOD_MAX	604800

static const char help[] =
	"Usage: ktls ticket-keys [OPTION]... FILE\n"
	"\n"
	"Make FILE, with the keys that the servers of a fleet seal sessions\n"
	"with (an option of 'ktls serve' names it); or, when it is time for\n"
	"the next of its keys, drop the oldest and add another.\n"
	"\n"
	"Run it in one place, from cron for example, several times in each\n"
	"period, and copy FILE to all servers: they read it when it changes.\n"
	"It has the next key, too, so that all change to it at one time,\n"
	"whenever in the period before it they get it.\n"
	"\n"
	"  --period SECONDS       for how long a key seals (43200; at most\n"
	"                         604800); it opens for as long again; of a\n"
	"                         new FILE only\n"
	"  -h, --help             this text\n"
	"\n"
	"Whoever can read FILE can decrypt recorded connections.\n"
	"\n"
	"Examples:\n"
	"  ktls ticket-keys /etc/ktls/ticket.keys\n"
	"      and then, to each server:\n"
	"  rsync -p /etc/ktls/ticket.keys www2:/etc/ktls/ticket.keys\n";

enum {
	OPT_PERIOD = OPT_OWN,
};

static const struct option options[] = {
	{ "period", required_argument, NULL, OPT_PERIOD },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

struct ticket_keys {
	unsigned int period;	/* 0: the file's, or the library's */
	bool help;
	const char *file;
};

static int parse(struct ticket_keys *o, int argc, char **argv)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == 'h')
			o->help = true;
		else if (opt != OPT_PERIOD ||
			 !parse_number("--period", optarg, 1, PERIOD_MAX,
				       &o->period))
			return -1;
	}
	if (o->help)
		return 0;
	if (argc - optind != 1) {
		complain(optind == argc ? "which file?" :
			 "more than one file");
		return -1;
	}
	o->file = argv[optind];
	return 0;
}

/* The keys that follow @old, or the first ones where that is NULL */
static int next_keys(const uint8_t *old, unsigned int period,
		     const char *file, uint8_t keys[KTLS_TICKET_KEYS_SIZE])
{
	struct ktls_config *config;
	int err = ktls_config_new(&config, KTLS_OPTS(
		.role = KTLS_SERVER,
		/* it has no connections at all */
		.flags = KTLS_F_ESTABLISHED,
		.ticket_period = period));

	if (err)
		return err;
	if (old && ktls_ticket_keys_import(config, old))
		complain("%s: none of its keys is good, all are replaced", file);
	err = ktls_ticket_keys_export(config, keys);
	ktls_config_put(config);
	return err;
}

static int renew(const struct ticket_keys *o)
{
	uint8_t old[KTLS_TICKET_KEYS_SIZE], keys[KTLS_TICKET_KEYS_SIZE];
	unsigned int period = o->period;
	struct stat st;
	int err = ticket_file_read(o->file, old, &st);
	bool there = err != -ENOENT;

	if (!there)
		err = 0;
	else if (!err)
		period = ticket_file_period(old);
	if (!err)
		err = next_keys(there ? old : NULL, period, o->file, keys);
	/* when nothing is due, servers have nothing to read */
	if (!err && (!there || memcmp(old, keys, sizeof(keys))))
		err = -secret_write(o->file, keys, sizeof(keys),
				    there ? &st : NULL);
	explicit_bzero(old, sizeof(old));
	explicit_bzero(keys, sizeof(keys));
	if (err)
		ticket_file_complain(o->file, err);
	return err ? STATUS_USAGE : STATUS_OK;
}

static int run(int argc, char **argv)
{
	struct ticket_keys o = { 0 };

	if (parse(&o, argc, argv))
		return cmd_hint(&cmd_ticket_keys);
	if (o.help)
		return cmd_help(&cmd_ticket_keys);
	return renew(&o);
}

const struct cmd cmd_ticket_keys = {
	.name = "ticket-keys",
	.summary = "make and renew the ticket keys of several servers",
	.help = help,
	.run = run,
};
