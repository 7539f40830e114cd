// SPDX-License-Identifier: GPL-2.0-only
/*
 * 'ktls serve': a request, in pieces as they come, and what it asks of a file
 * (http).  In how many pieces makes no difference to what is answered.
 */
#include <stdlib.h>
#include <string.h>

#include "../../tools/http.h"
#include "../../tools/path.h"
#include "../../tools/precond.h"
#include "../harness.h"
#include "fuzz_lib.h"

#define FILE_SIZE	1000

/* ---- what it comes to -------------------------------------------------- */

/* Below the directory, whatever it is */
static void check_path(const struct path *p)
{
	size_t len = strnlen(p->name, sizeof(p->name));

	ASSERT_TRUE(len && len < sizeof(p->name) && *p->name != '/');
	for (const char *s = p->name; s; s = (s = strchr(s, '/')) ? s + 1 : s) {
		size_t n = strcspn(s, "/");

		ASSERT_GT(n, 0);
		ASSERT_FALSE(n == 2 && !strncmp(s, "..", 2));
		ASSERT_TRUE(len == 1 || n != 1 || *s != '.');
	}
}

static void check_file(const struct http_request *r)
{
	const struct stat st = { .st_size = FILE_SIZE, .st_mtime = 784111777 };
	struct entity e = { .st = &st, .seen = 784111787 };
	char tag[ETAG_MAX];
	uint64_t first, len;
	int status;

	etag(tag, &st, "gzip");
	e.tag = tag;
	status = precond_check(r, &e);
	ASSERT_TRUE(!status || status == HTTP_STATUS_NOT_MODIFIED ||
		    status == HTTP_STATUS_PRECONDITION_FAILED);
	status = precond_range(r, &e, &first, &len);
	if (status == HTTP_STATUS_RANGE_NOT_SATISFIABLE)
		return;
	ASSERT_TRUE(len && len <= FILE_SIZE && first <= FILE_SIZE - len);
	ASSERT_TRUE(status == HTTP_STATUS_PARTIAL_CONTENT ||
		    (status == HTTP_STATUS_OK && len == FILE_SIZE));
}

/* ---- a request --------------------------------------------------------- */

/* In pieces of @max bytes, each of which ends where its memory does */
static size_t feed(struct http_request *r, const uint8_t *p, size_t len,
		   size_t max)
{
	size_t at = 0;

	http_request_init(r);
	while (at < len && !r->done) {
		size_t n = len - at < max ? len - at : max, used;
		char *piece = malloc(n);

		memcpy(piece, p + at, n);
		used = http_request_feed(r, piece, n);
		free(piece);
		ASSERT_LE(used, n);
		ASSERT_TRUE(used == n || r->done);
		at += used;
	}
	ASSERT_TRUE(r->done || !r->status);
	return at;
}

void fuzz_http(const uint8_t *p, size_t len)
{
	struct http_request r, pieces;
	struct path path;
	size_t used, also;

	if (!len)
		return;
	used = feed(&r, p + 1, len - 1, len);
	also = feed(&pieces, p + 1, len - 1, *p + 1u);
	/* of two faults it may be either that is seen first */
	ASSERT_EQ(pieces.done, r.done);
	ASSERT_EQ(!pieces.status, !r.status);
	if (r.done && !r.status) {
		ASSERT_EQ(also, used);
		ASSERT_FALSE(strcmp(http_request_target(&pieces),
				    http_request_target(&r)));
		check_file(&r);
		if (!path_parse(&path, http_request_target(&r)))
			check_path(&path);
	}
	http_request_free(&r);
	http_request_free(&pieces);
}

void seed_http(void)
{
	static const char *const requests[] = {
		"GET /a/%2e/b//./c?x=y HTTP/1.1\r\nHost: x\r\n"
		"Range: bytes=5-9\r\nIf-Range: \"2ebc98a1.0-3e8-gzip\"\r\n\r\n",
		"HEAD http://x:1/%61?b HTTP/1.1\r\nhost:x\r\nIf-None-Match: "
		"W/\"a\", \"2ebc98a1.0-3e8-gzip\"\r\nConnection: close\r\n\r\n",
		"GET / HTTP/1.0\r\nIf-Modified-Since: "
		"Sunday, 06-Nov-94 08:49:37 GMT\r\nRange: bytes=-5\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nIf-Match: *\r\nIf-Unmodified-"
		"Since: Sun Nov  6 08:49:37 1994\r\nRange: bytes=7-\r\n\r\n",
		"\r\nGET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
		"\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
		"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
		"Upgrade: h2c\r\n\r\n",
	};
	struct wr w = { 0 };

	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++)
		for (unsigned int step = 0; step < 256; step += 85)
			seed_with((uint8_t)step, slice_str(requests[i]));
	/* the longest path, and an end that does not fit behind it */
	wr_u8(&w, 255);
	wr_slice(&w, slice_str("GET "));
	for (int i = 0; i < PATH_MAX / 2; i++)
		wr_slice(&w, slice_str("/a"));
	wr_slice(&w, slice_str("// HTTP/1.1\r\nHost: x\r\n\r\n"));
	seed(w.buf, w.len);
	wr_free(&w);
}
