/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_LOG_H
#define TOOLS_LOG_H

/* What messages begin with: "ktls get" */
void log_name(const char *name);

/* A message for the person at the terminal: "ktls get: ...", on stderr */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A line of a server's log: time of day first, one write(2), on stderr */
void log_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
