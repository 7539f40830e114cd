// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client_state.h"

#define REST_PAUSE	16384	/* of requests that wait: nothing more is read */
#define REST_MAX	65536	/* ... before the answer that is behind them */

void rest_free(struct client *c)
{
	free(c->rest);
	c->rest = NULL;
	c->rest_len = c->rest_at = 0;
}

int rest_keep(struct client *c, const char *data, size_t len)
{
	size_t left = c->rest_len - c->rest_at;
	char *rest;

	if (!len)
		return 0;
	if (len > REST_MAX - left)
		return -ENOBUFS;
	if (c->x->req.keep_alive) {
		if (c->rest_at)
			memmove(c->rest, c->rest + c->rest_at, left);
		rest = realloc(c->rest, left + len);
		if (!rest)
			return -ENOMEM;
		memcpy(rest + left, data, len);
		c->rest = rest;
	}
	c->rest_at = 0;
	c->rest_len = (uint32_t)(left + len);
	/* what the answer to stream_ask() stands behind has to be read */
	if (c->rest_len > REST_PAUSE && c->state != AUTH && !c->paused) {
		c->paused = true;
		stream_pause(&c->stream);
	}
	return 0;
}
