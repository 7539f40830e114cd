/* SPDX-License-Identifier: MIT */
/* A line for each request, in the Combined Log Format and a bit more. */
#ifndef TOOLS_ACCESSLOG_H
#define TOOLS_ACCESSLOG_H

#include <stdbool.h>
#include <stdint.h>

#include <ktls.h>

#include "http.h"
#include "net.h"

struct access {
	const union net_addr *peer;
	const struct http_request *request;
	int status;
	uint64_t bytes;		/* of the body, sent */
	const struct ktls_info *info;
};

/* Append to @file: 0, or -1 after a complaint */
int access_log_open(const char *file);
bool access_log_is_open(void);
/* The file may have been renamed: begin it anew; by any thread */
void access_log_reopen(void);
/* One write(2), by any thread; false: it is lost */
bool access_log_write(const struct access *a);
void access_log_close(void);

#endif
