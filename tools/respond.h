/* SPDX-License-Identifier: MIT */
/* From a request to an answer: its head, and the part of a file to send. */
#ifndef TOOLS_RESPOND_H
#define TOOLS_RESPOND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <ktls_uring.h>

#include "filecache.h"
#include "http.h"
#include "site.h"
#include "text.h"

struct response {
	struct text head;	/* with the body of an error, or a listing */
	size_t listed;		/* bytes of that */
	struct file *file;	/* NULL: no body from one */
	off_t offset;
	uint64_t left;		/* of the file, bytes to send */
	int status;
	bool close;		/* the connection ends after it */
	bool varies;		/* with Accept-Encoding */
};

/*
 * Answer @req with what is in @site, by way of @files.  @close: even if the
 * client would rather keep the connection.  False when memory ran out.
 */
bool respond(struct response *res, const struct http_request *req,
	     const struct site *site, struct filecache *files, bool close);
/* The same for a request that may not be whole, as with 408 */
bool respond_error(struct response *res, const struct http_request *req,
		   int status);
/*
 * Put the body behind the head, if it is small and in memory: both are sent by
 * one call then.  False, and nothing has changed, if not.
 */
bool response_join(struct response *res);
/* Set @job to send the body, for as long as @res is there */
void response_body(const struct response *res, struct ktls_job *job);
void response_free(struct response *res);

#endif
