/* SPDX-License-Identifier: MIT */
/* The file in which the servers of a fleet have the same ticket keys. */
#ifndef TOOLS_TICKET_FILE_H
#define TOOLS_TICKET_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include <ktls.h>

struct ticket_file {
	const char *name;	/* NULL: there is none */
	struct stat seen;	/* when it was last looked at */
};

/*
 * What it holds, and its state: 0, -errno, -EPERM if it is for others than its
 * owner and group, -KTLS_E_TICKET_KEYS if these are no keys.
 */
int ticket_file_read(const char *name, uint8_t keys[KTLS_TICKET_KEYS_SIZE],
		     struct stat *st);
/* ticket_period of the servers that it is for */
unsigned int ticket_file_period(const uint8_t keys[KTLS_TICKET_KEYS_SIZE]);
void ticket_file_complain(const char *name, int err);

/* Has it been replaced or changed since this was last asked, or since taken? */
bool ticket_file_changed(struct ticket_file *f);
/* The period of what is there now: 0, or -1 after a complaint */
int ticket_file_look(struct ticket_file *f, unsigned int *period);
/* Its keys are the config's: 0, or -1 after a complaint */
int ticket_file_take(struct ticket_file *f, struct ktls_config *config);

#endif
