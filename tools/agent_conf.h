/* SPDX-License-Identifier: MIT */
/* The credentials of 'ktls agent', and who may use each: its file, read. */
#ifndef TOOLS_AGENT_CONF_H
#define TOOLS_AGENT_CONF_H

#include "agent_cred.h"

/*
 * Read @file, and what is named there.  0, or -1 after a complaint that says
 * which line.  Every line has to make sense.
 */
int agent_conf_read(struct agent_conf *conf, const char *file);
/* Wipes, too */
void agent_conf_free(struct agent_conf *conf);

#endif
