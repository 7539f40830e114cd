// SPDX-License-Identifier: MIT
#include "respond.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <ktls.h>

#include "listing.h"
#include "mime.h"
#include "path.h"
#include "precond.h"
#include "variant.h"

#define LOAD_MAX	16384	/* a body that goes with its head */

#define STR_(x)	#x
#define STR(x)	STR_(x)

static const char server_name[] =
	"ktls/" STR(KTLS_VERSION_MAJOR) "." STR(KTLS_VERSION_MINOR);

void response_free(struct response *res)
{
	if (res->fd >= 0)
		close(res->fd);
	listing_release(res->listed);
	text_free(&res->head);
	*res = (struct response){ .fd = -1 };
}

static const char *reason(int status)
{
	return http_status_str((enum http_status)status);
}

/* ---- heads ------------------------------------------------------------- */

static void head_begin(struct response *res, int status, bool http10)
{
	static _Thread_local time_t date_of = -1;
	static _Thread_local char date[HTTP_DATE_MAX];
	time_t now = time(NULL);

	if (now != date_of)
		http_date(now, date);
	date_of = now;
	res->status = status;
	text_printf(&res->head, "HTTP/1.1 %d %s\r\nDate: %s\r\nServer: %s\r\n",
		    status, reason(status), date, server_name);
	if (res->close)
		text_puts(&res->head, "Connection: close\r\n");
	else if (http10)
		text_puts(&res->head, "Connection: keep-alive\r\n");
}

static void head_vary(struct response *res)
{
	if (res->varies)
		text_puts(&res->head, "Vary: Accept-Encoding\r\n");
}

static void head_validators(struct response *res, const struct entity *e)
{
	char date[HTTP_DATE_MAX];

	text_printf(&res->head, "Last-Modified: %s\r\nETag: %s\r\n",
		    http_date(e->st.st_mtime, date), e->tag);
	head_vary(res);
}

/* An answer that is only words; @extra: more fields, "" if none */
static void answer(struct response *res, const struct http_request *req,
		   int status, const char *extra)
{
	bool http10 = req->parser.http_major == 1 && !req->parser.http_minor;

	head_begin(res, status, http10);
	if (status == HTTP_STATUS_METHOD_NOT_ALLOWED)
		text_puts(&res->head, "Allow: GET, HEAD\r\n");
	head_vary(res);
	text_printf(&res->head, "%sContent-Type: text/plain; charset=utf-8\r\n"
		    "Content-Length: %zu\r\n\r\n", extra,
		    strlen(reason(status)) + 5);
	if (req->parser.method != HTTP_HEAD)
		text_printf(&res->head, "%d %s\n", status, reason(status));
}

static void redirect(struct response *res, const struct http_request *req,
		     const struct path *path)
{
	struct text location = { 0 };

	text_puts(&location, "Location: ");
	path_encode(&location, path->name);
	text_puts(&location, "/");
	if (path->query)
		text_put(&location, path->query, path->query_len);
	text_puts(&location, "\r\n");
	if (location.failed)
		res->head.failed = true;
	else
		answer(res, req, HTTP_STATUS_MOVED_PERMANENTLY, location.buf);
	text_free(&location);
}

/* ---- files ------------------------------------------------------------- */

static int open_status(int err)
{
	switch (-err) {
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG:
		return HTTP_STATUS_NOT_FOUND;
	case EACCES:
	case EPERM:
	case ELOOP:
	case EXDEV:		/* a link that leads out */
	case ENXIO:		/* a socket */
		return HTTP_STATUS_FORBIDDEN;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case EAGAIN:
		return HTTP_STATUS_SERVICE_UNAVAILABLE;
	default:
		return HTTP_STATUS_INTERNAL_SERVER_ERROR;
	}
}

/* Open and look at it: 0, or the status to refuse with */
static int open_file(struct response *res, int root, const char *name,
		     struct stat *st)
{
	if (res->fd >= 0)
		close(res->fd);
	res->fd = path_open(root, name);
	if (res->fd < 0)
		return open_status(res->fd);
	if (fstat(res->fd, st))
		return HTTP_STATUS_INTERNAL_SERVER_ERROR;
	if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
		return HTTP_STATUS_FORBIDDEN;
	return 0;
}

static int open_index(struct response *res, int root, struct path *path,
		      struct stat *st)
{
	static const char index[] = "/index.html";
	size_t len = strlen(path->name);
	int status;

	if (len + sizeof(index) > sizeof(path->name))
		return HTTP_STATUS_NOT_FOUND;
	memcpy(path->name + len, index, sizeof(index));
	status = open_file(res, root, path->name, st);
	if (!status && S_ISDIR(st->st_mode))
		status = HTTP_STATUS_NOT_FOUND;
	if (status == HTTP_STATUS_NOT_FOUND)
		path->name[len] = '\0';
	return status;
}

/* A directory without an index.html */
static int answer_listing(struct response *res, const struct http_request *req,
			  const struct site *site, const struct path *path)
{
	struct text page = { 0 };
	int status = HTTP_STATUS_FORBIDDEN;	/* it is there, no more */

	if (site->list)
		status = listing_write(&page, site->root, path->name);
	if (!status) {
		res->listed = page.len;
		head_begin(res, HTTP_STATUS_OK, !req->parser.http_minor);
		text_printf(&res->head,
			    "Content-Security-Policy: " LISTING_POLICY "\r\n"
			    "X-Content-Type-Options: nosniff\r\n"
			    "Content-Type: text/html; charset=utf-8\r\n"
			    "Content-Length: %zu\r\n\r\n", page.len);
		if (req->parser.method == HTTP_GET)
			text_put(&res->head, page.buf, page.len);
	}
	text_free(&page);
	return status;
}

static void head_file(struct response *res, const struct http_request *req,
		      const char *name, const struct entity *e)
{
	unsigned long long size = (unsigned long long)e->st.st_size;
	uint64_t first, len;
	int status = precond_range(req, e, &first, &len);

	if (status == HTTP_STATUS_RANGE_NOT_SATISFIABLE) {
		char range[64];

		snprintf(range, sizeof(range),
			 "Content-Range: bytes */%llu\r\n", size);
		answer(res, req, status, range);
		return;
	}
	head_begin(res, status, !req->parser.http_minor);
	head_validators(res, e);
	text_puts(&res->head, "Accept-Ranges: bytes\r\n");
	if (e->coding)
		text_printf(&res->head, "Content-Encoding: %s\r\n", e->coding);
	if (status == HTTP_STATUS_PARTIAL_CONTENT)
		text_printf(&res->head,
			    "Content-Range: bytes %llu-%llu/%llu\r\n",
			    (unsigned long long)first,
			    (unsigned long long)(first + len - 1), size);
	text_printf(&res->head,
		    "Content-Type: %s\r\nContent-Length: %llu\r\n\r\n",
		    mime_type(name), (unsigned long long)len);
	if (req->parser.method == HTTP_GET) {
		res->offset = (off_t)first;
		res->left = len;
	}
}

/* The regular file that is open: in which form, if at all, and which part */
static int answer_entity(struct response *res, const struct http_request *req,
			 const struct site *site, const char *name,
			 struct entity *e)
{
	int status = 0;

	if (site->precompressed)
		status = variant_choose(e, &res->fd, site->root, name,
			http_request_field(req, HTTP_FIELD_ACCEPT_ENCODING),
			&res->varies);
	if (status)
		return status;
	etag(e);
	status = precond_check(req, e);
	if (status == HTTP_STATUS_NOT_MODIFIED) {
		head_begin(res, status, !req->parser.http_minor);
		head_validators(res, e);
		text_puts(&res->head, "\r\n");
		return 0;
	}
	if (!status)
		head_file(res, req, name, e);
	return status;
}

/* The file that @path names: its answer is begun, or the status returned */
static int answer_file(struct response *res, const struct http_request *req,
		       const struct site *site, struct path *path)
{
	struct entity e = { 0 };
	int status = open_file(res, site->root, path->name, &e.st);

	if (status)
		return status;
	if (S_ISDIR(e.st.st_mode) && !path->directory) {
		redirect(res, req, path);
		return 0;
	}
	if (S_ISDIR(e.st.st_mode)) {
		status = open_index(res, site->root, path, &e.st);
		if (status == HTTP_STATUS_NOT_FOUND)
			return answer_listing(res, req, site, path);
	} else if (path->directory) {
		status = HTTP_STATUS_NOT_FOUND;
	}
	return status ? status : answer_entity(res, req, site, path->name, &e);
}

bool respond(struct response *res, const struct http_request *req,
	     const struct site *site, bool close_after)
{
	struct path path;
	int status = req->status;

	*res = (struct response){
		.fd = -1,
		.close = close_after || !req->keep_alive,
	};
	if (!status)
		status = path_parse(&path, http_request_target(req));
	if (!status)
		status = answer_file(res, req, site, &path);
	if (status)
		answer(res, req, status, "");
	if (!res->left && res->fd >= 0) {
		close(res->fd);
		res->fd = -1;
	}
	return !res->head.failed;
}

bool respond_error(struct response *res, int status)
{
	struct http_request none;

	http_request_init(&none);
	*res = (struct response){ .fd = -1, .close = true };
	answer(res, &none, status, "");
	return !res->head.failed;
}

bool response_load(struct response *res)
{
	struct iovec to = { .iov_len = (size_t)res->left };

	if (!res->left || res->left > LOAD_MAX)
		return false;
	to.iov_base = text_room(&res->head, to.iov_len);
	/* who would have to wait for a disk does not have to do it here */
	if (!to.iov_base || preadv2(res->fd, &to, 1, res->offset,
				    RWF_NOWAIT) != (ssize_t)res->left)
		return false;
	res->head.len += to.iov_len;
	return true;
}
