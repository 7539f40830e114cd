// SPDX-License-Identifier: MIT
#include "accesslog.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "text.h"

#define DATE_MAX	40

static int log_fd = -1;
static const char *log_name_;

/* ---- the file ---------------------------------------------------------- */

/* O_NONBLOCK: a pipe that nobody reads must not stop the server */
static int open_file(void)
{
	return open(log_name_, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
		    O_NOCTTY | O_NONBLOCK, 0640);
}

int access_log_open(const char *file)
{
	log_name_ = file;
	log_fd = open_file();
	if (log_fd >= 0)
		return 0;
	complain("--access-log %s: %s", file, strerror(errno));
	return -1;
}

bool access_log_is_open(void)
{
	return log_fd >= 0;
}

/* The descriptor stays the same one, so nobody who writes has to know */
void access_log_reopen(void)
{
	int fd;

	if (log_fd < 0)
		return;
	fd = open_file();
	if (fd < 0 || dup3(fd, log_fd, O_CLOEXEC) < 0)
		log_line("access log %s: %s; going on with the old file",
			 log_name_, strerror(errno));
	if (fd >= 0)
		close(fd);
}

void access_log_close(void)
{
	if (log_fd >= 0)
		close(log_fd);
	log_fd = -1;
}

/* ---- a line ------------------------------------------------------------ */

/* Between quotes, or (@bare) spaces: what would end it, or is not a character */
static void put_escaped(struct text *t, const char *s, bool bare)
{
	static const char digits[] = "0123456789abcdef";

	if (!s || !*s) {
		text_puts(t, "-");
		return;
	}
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		size_t n = 0;

		while (s[n] > ' ' && s[n] <= '~' && s[n] != '"' &&
		       s[n] != '\\')
			n++;
		if (n) {
			text_put(t, s, n);
			s += n - 1;
		} else if (c == ' ' && !bare) {
			text_put(t, s, 1);
		} else {
			text_put(t, (char[]){ '\\', 'x', digits[c >> 4],
					      digits[c & 15] }, 4);
		}
	}
}

static void put_address(struct text *t, const union net_addr *addr)
{
	char host[NI_MAXHOST];

	if (getnameinfo(&addr->sa, sizeof(*addr), host, sizeof(host), NULL, 0,
			NI_NUMERICHOST))
		strcpy(host, "-");
	text_puts(t, host);
}

static void put_date(struct text *t)
{
	static _Thread_local time_t of = -1;
	static _Thread_local char date[DATE_MAX];
	time_t now = time(NULL);
	struct tm tm;

	if (now != of) {
		gmtime_r(&now, &tm);
		strftime(date, sizeof(date), " [%d/%b/%Y:%H:%M:%S +0000] ",
			 &tm);
		of = now;
	}
	text_puts(t, date);
}

static void put_request(struct text *t, const struct http_request *r)
{
	const char *target = http_request_target(r);

	text_puts(t, "\"");
	text_puts(t, http_request_method(r));
	if (*target) {
		text_puts(t, " ");
		put_escaped(t, target, true);
		if (r->parser.http_major)
			text_printf(t, " HTTP/%d.%d", r->parser.http_major,
				    r->parser.http_minor);
	}
	text_puts(t, "\" ");
}

static void put_field(struct text *t, const struct http_request *r,
		      enum http_field field)
{
	text_puts(t, " \"");
	put_escaped(t, http_request_field(r, field), false);
	text_puts(t, "\"");
}

static const char *kernel_part(const struct ktls_info *info)
{
	bool tx = info->tx.step == KTLS_STEP_NONE;
	bool rx = info->rx.step == KTLS_STEP_NONE;

	return tx && rx ? "tx,rx" : tx ? "tx" : rx ? "rx" : "-";
}

bool access_log_write(const struct access *a)
{
	const struct ktls_info *info = a->info;
	struct text t = { 0 };
	bool written;

	put_address(&t, a->peer);
	text_puts(&t, " - ");
	put_escaped(&t, info->peer_subject, true);
	put_date(&t);
	put_request(&t, a->request);
	text_printf(&t, "%d %llu", a->status, (unsigned long long)a->bytes);
	put_field(&t, a->request, HTTP_FIELD_REFERER);
	put_field(&t, a->request, HTTP_FIELD_USER_AGENT);
	text_printf(&t, " TLSv1.%d %s %s kernel=%s\n",
		    info->version == KTLS_TLS13 ? 3 : 2,
		    ktls_suite_name(info->suite),
		    info->resumed ? "resumed" : "full", kernel_part(info));
	written = !t.failed && write(log_fd, t.buf, t.len) == (ssize_t)t.len;
	text_free(&t);
	return written;
}
