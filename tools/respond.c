// SPDX-License-Identifier: MIT
#include "respond.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <ktls.h>

#include "listing.h"
#include "path.h"
#include "precond.h"
#include "variant.h"

#define JOIN_MAX	16384	/* a body that is copied behind its head */

#define STR_(x)	#x
#define STR(x)	STR_(x)

static const char server_field[] = "\r\nServer: ktls/"
	STR(KTLS_VERSION_MAJOR) "." STR(KTLS_VERSION_MINOR) "\r\n";

void response_free(struct response *res)
{
	file_put(res->file);
	listing_release(res->listed);
	text_free(&res->head);
	*res = (struct response){ 0 };
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
	text_puts(&res->head, "HTTP/1.1 ");
	text_number(&res->head, (unsigned int)status);
	text_puts(&res->head, " ");
	text_puts(&res->head, reason(status));
	text_puts(&res->head, "\r\nDate: ");
	text_puts(&res->head, date);
	text_puts(&res->head, server_field);
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
	text_puts(&res->head, "Last-Modified: ");
	text_puts(&res->head, res->file->date);
	text_puts(&res->head, "\r\nETag: ");
	text_puts(&res->head, e->tag);
	text_puts(&res->head, "\r\n");
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
	case ENXIO:		/* a socket, a FIFO, a device */
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

/* Look at it: 0, or the status to refuse with */
static int get_file(struct response *res, struct filecache *files,
		    const char *name)
{
	file_put(res->file);
	res->file = filecache_get(files, name);
	if (!res->file)
		return HTTP_STATUS_SERVICE_UNAVAILABLE;
	return res->file->err ? open_status(res->file->err) : 0;
}

static int get_index(struct response *res, struct filecache *files,
		     struct path *path)
{
	static const char index[] = "/index.html";
	size_t len = strlen(path->name);
	int status;

	if (len + sizeof(index) > sizeof(path->name))
		return HTTP_STATUS_NOT_FOUND;
	memcpy(path->name + len, index, sizeof(index));
	status = get_file(res, files, path->name);
	if (!status && S_ISDIR(res->file->st.st_mode))
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
		      const char *type, const struct entity *e)
{
	unsigned long long size = (unsigned long long)e->st->st_size;
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
	text_puts(&res->head, "Content-Type: ");
	text_puts(&res->head, type);
	text_puts(&res->head, "\r\nContent-Length: ");
	text_number(&res->head, len);
	text_puts(&res->head, "\r\n\r\n");
	if (req->parser.method == HTTP_GET) {
		res->offset = (off_t)first;
		res->left = len;
	}
}

/* A regular file: in which form, if at all, and which part */
static int answer_entity(struct response *res, const struct http_request *req,
			 const struct site *site, struct filecache *files,
			 const char *name)
{
	const char *type = res->file->type;
	struct entity e = { .tag = NULL };
	char tag[ETAG_MAX];
	int status = 0;

	if (site->precompressed)
		status = variant_choose(&res->file, &e.coding, files, name,
					req, &res->varies);
	if (status)
		return status;
	e.st = &res->file->st;
	e.seen = res->file->seen;
	e.tag = res->file->tag;
	if (e.coding) {
		etag(tag, e.st, e.coding);
		e.tag = tag;
	}
	status = precond_check(req, &e);
	if (status == HTTP_STATUS_NOT_MODIFIED) {
		head_begin(res, status, !req->parser.http_minor);
		head_validators(res, &e);
		text_puts(&res->head, "\r\n");
		return 0;
	}
	if (!status)
		head_file(res, req, type, &e);
	return status;
}

/* The file that @path names: its answer is begun, or the status returned */
static int answer_file(struct response *res, const struct http_request *req,
		       const struct site *site, struct filecache *files,
		       struct path *path)
{
	int status = get_file(res, files, path->name);

	if (status)
		return status;
	if (S_ISDIR(res->file->st.st_mode) && !path->directory) {
		redirect(res, req, path);
		return 0;
	}
	if (S_ISDIR(res->file->st.st_mode)) {
		status = get_index(res, files, path);
		if (status == HTTP_STATUS_NOT_FOUND)
			return answer_listing(res, req, site, path);
	} else if (path->directory) {
		status = HTTP_STATUS_NOT_FOUND;
	}
	return status ? status :
	       answer_entity(res, req, site, files, path->name);
}

bool respond(struct response *res, const struct http_request *req,
	     const struct site *site, struct filecache *files,
	     bool close_after)
{
	struct path path;
	int status = req->status;

	*res = (struct response){
		.close = close_after || !req->keep_alive,
	};
	if (!status)
		status = path_parse(&path, http_request_target(req));
	if (!status)
		status = answer_file(res, req, site, files, &path);
	if (status)
		answer(res, req, status, "");
	if (!res->left) {
		file_put(res->file);
		res->file = NULL;
	}
	return !res->head.failed;
}

bool respond_error(struct response *res, const struct http_request *req,
		   int status)
{
	*res = (struct response){ .close = true };
	answer(res, req, status, "");
	return !res->head.failed;
}

bool response_join(struct response *res)
{
	char *to;

	if (!res->left || !res->file->content || res->left > JOIN_MAX)
		return false;
	to = text_room(&res->head, (size_t)res->left);
	if (!to)
		return false;
	memcpy(to, res->file->content + res->offset, (size_t)res->left);
	res->head.len += (size_t)res->left;
	file_put(res->file);
	res->file = NULL;
	return true;
}

void response_body(const struct response *res, struct ktls_job *job)
{
	if (res->file->content)
		job->buf = res->file->content + res->offset;
	else
		job->file = res->file->fd;
	job->offset = res->offset;
	job->len = res->left;
}
