/* SPDX-License-Identifier: MIT */
/* From a request to an answer: its head, and the part of a file to send. */
#ifndef TOOLS_RESPOND_H
#define TOOLS_RESPOND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "http.h"
#include "text.h"

struct response {
	struct text head;	/* with the body of an error */
	size_t head_sent;
	int fd;			/* the file, -1: no body from one */
	off_t offset;
	uint64_t left;		/* of the file, bytes */
	int status;
	bool close;		/* the connection ends after it */
};

/*
 * Answer @req, from below the directory @root.  @close: even if the client
 * would rather keep the connection.  False when memory ran out.
 */
bool respond(struct response *res, const struct http_request *req, int root,
	     bool close);
/* The same for a request that is not whole, as with 408 */
bool respond_error(struct response *res, int status);
void response_free(struct response *res);

#endif
