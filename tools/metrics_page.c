// SPDX-License-Identifier: MIT
#include "metrics_page.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static const char *const reasons[REASONS] = {
#define KTLS_REASON(nr, name, alert, text) [REASON_##name] = #name,
	KTLS_ERRORS(KTLS_REASON)
#undef KTLS_REASON
	[REASON_TIMEOUT] = "TIMEOUT",
	[REASON_CLOSED] = "CLOSED",
	[REASON_SYSTEM] = "SYSTEM",
};

enum reason metrics_reason(int err)
{
	static const int numbers[] = {
#define KTLS_REASON(nr, name, alert, text) [REASON_##name] = (nr),
		KTLS_ERRORS(KTLS_REASON)
#undef KTLS_REASON
	};

	err = abs(err);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (numbers[i] == err)
			return (enum reason)i;
	if (err == ETIMEDOUT)
		return REASON_TIMEOUT;
	return err == ECONNRESET || err == EPIPE ? REASON_CLOSED :
						   REASON_SYSTEM;
}

typedef const _Atomic uint64_t counter;

static void head(struct text *t, const char *name, const char *type,
		 const char *help)
{
	text_printf(t, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(struct text *t, const char *name, const char *help, counter *n)
{
	head(t, name, "counter", help);
	text_printf(t, "%s %llu\n", name, (unsigned long long)*n);
}

/* A row for each value of @label; none for what is 0 if @sparse */
static void each(struct text *t, const char *name, const char *label,
		 const char *const *values, size_t len, counter *n, bool sparse)
{
	for (size_t i = 0; i < len; i++)
		if (n[i] || !sparse)
			text_printf(t, "%s{%s=\"%s\"} %llu\n", name, label,
				    values[i], (unsigned long long)n[i]);
}

static void write_handshakes(struct text *t, const struct counters *c)
{
	static const char name[] = "ktls_handshakes_total";

	head(t, name, "counter", "Handshakes that were finished.");
	for (size_t i = 0; i < HANDSHAKES && c->handshakes[i].key; i++) {
		uint32_t key = c->handshakes[i].key;

		text_printf(t, "%s{version=\"1.%d\",suite=\"%s\","
			    "resumed=\"%u\"} %llu\n", name, key & 4 ? 3 : 2,
			    ktls_suite_name((uint16_t)(key >> 16)), key & 1,
			    (unsigned long long)c->handshakes[i].n);
	}
}

static void write_connections(struct text *t, const struct counters *c)
{
	static const char *const paths[] = { "kernel", "mixed", "user" };

	one(t, "ktls_connections_total", "Connections accepted.",
	    &c->accepted);
	one(t, "ktls_connections_refused_total",
	    "Connections closed at once, too many from their address.",
	    &c->refused);
	head(t, "ktls_connections", "gauge",
	     "Connections open after their handshake, by who encrypts and "
	     "decrypts.");
	each(t, "ktls_connections", "path", paths, 3, c->open, false);
	head(t, "ktls_handshake_failures_total", "counter",
	     "Handshakes that failed, by the library's reason.");
	each(t, "ktls_handshake_failures_total", "reason", reasons, REASONS,
	     c->failures, true);
}

static void write_traffic(struct text *t, const struct counters *c)
{
	static const char *const directions[] = { "tx", "rx" };
	static const char *const classes[] = {
		"1xx", "2xx", "3xx", "4xx", "5xx",
	};
	static const char *const kinds[TIMEOUTS] = {
		[TIMEOUT_HANDSHAKE] = "handshake",
		[TIMEOUT_REQUEST] = "request",
		[TIMEOUT_IDLE] = "idle",
		[TIMEOUT_SEND] = "send",
		[TIMEOUT_LINGER] = "linger",
	};

	head(t, "ktls_bytes_total", "counter",
	     "Bytes of content, counted after each request.");
	each(t, "ktls_bytes_total", "direction", directions, 2, c->bytes,
	     false);
	head(t, "ktls_rekeys_total", "counter",
	     "Changes of keys (KeyUpdate) on connections that are over.");
	each(t, "ktls_rekeys_total", "direction", directions, 2, c->rekeys,
	     false);
	head(t, "ktls_requests_total", "counter", "Requests answered.");
	each(t, "ktls_requests_total", "status", classes, 5, c->requests,
	     false);
	head(t, "ktls_timeouts_total", "counter", "Time limits overrun.");
	each(t, "ktls_timeouts_total", "kind", kinds, TIMEOUTS, c->timeouts,
	     false);
}

static void write_store(struct text *t, const struct counters *c)
{
	static const char *const results[STORE_RESULTS] = {
		[STORE_HIT] = "hit",
		[STORE_MISS] = "miss",
		[STORE_KEPT] = "kept",
		[STORE_FORGOTTEN] = "forgotten",
		[STORE_FIRST] = "first",
		[STORE_SEEN] = "seen",
		[STORE_YOUNG] = "young",
		[STORE_ERROR] = "error",
		[STORE_TIMEOUT] = "timeout",
		[STORE_SKIPPED] = "skipped",
	};

	head(t, "ktls_store_total", "counter",
	     "What the store of a fleet was asked, by what came of it.");
	each(t, "ktls_store_total", "result", results, STORE_RESULTS, c->store,
	     false);
}

static void write_process(struct text *t)
{
	unsigned long long n = 0;
	struct rlimit lim;
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *d;

	while (dir && (d = readdir(dir)))
		n += *d->d_name != '.';
	if (dir) {
		closedir(dir);
		head(t, "process_open_fds", "gauge", "File descriptors open.");
		/* without the one that counts them */
		text_printf(t, "process_open_fds %llu\n", n - 1);
	}
	if (!getrlimit(RLIMIT_NOFILE, &lim)) {
		head(t, "process_max_fds", "gauge", "... and allowed.");
		text_printf(t, "process_max_fds %llu\n",
			    (unsigned long long)lim.rlim_cur);
	}
}

void metrics_write(struct text *t, const struct counters *c)
{
	static const char *const outcomes[] = { "bad", "good" };
	static const char *const results[] = { "miss", "hit" };

	write_connections(t, c);
	write_handshakes(t, c);
	write_traffic(t, c);
	one(t, "ktls_access_log_lost_total", "Lines that could not be written.",
	    &c->log_lost);
	head(t, "ktls_reloads_total", "counter",
	     "Certificates and keys read again after SIGHUP.");
	each(t, "ktls_reloads_total", "outcome", outcomes, 2, c->reloads,
	     false);
	head(t, "ktls_file_cache_total", "counter",
	     "Files looked up: known, or looked at anew.");
	each(t, "ktls_file_cache_total", "result", results, 2, c->files,
	     false);
	write_store(t, c);
	write_process(t);
}
