// SPDX-License-Identifier: MIT
#include "agent_wire.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(a)	(sizeof(a) / sizeof(*(a)))

/* ---- reading ----------------------------------------------------------- */

/* Numbers have a size and bounds, texts room for a NUL */
static const struct rule {
	size_t at;
	size_t size;		/* of a number on the wire; of a text's room */
	bool text;
	uint32_t min, max;
} rules[] = {
#define NUMBER(name, bytes, lo, hi) \
	{ .at = offsetof(struct ask, name), .size = (bytes), \
	  .min = (lo), .max = (hi) }
#define TEXT(name) \
	{ .at = offsetof(struct ask, name), .text = true, \
	  .size = sizeof(((struct ask *)0)->name) }
	[KTLS_AGENT_ROLE] = NUMBER(role, 1, KTLS_SERVER, KTLS_CLIENT),
	[KTLS_AGENT_CREDENTIAL] = TEXT(credential),
	[KTLS_AGENT_SERVER_NAME] = TEXT(server_name),
	[KTLS_AGENT_ALPN] = TEXT(alpn),
	[KTLS_AGENT_TIMEOUT] = NUMBER(timeout, 4, 1, INT32_MAX),
	[KTLS_AGENT_VERIFY] = NUMBER(verify, 1, KTLS_VERIFY_DEFAULT,
				     KTLS_VERIFY_REQUIRE),
	[KTLS_AGENT_MIN_VERSION] = NUMBER(min_version, 2, KTLS_TLS12,
					  KTLS_TLS13),
	[KTLS_AGENT_MAX_VERSION] = NUMBER(max_version, 2, KTLS_TLS12,
					  KTLS_TLS13),
	[KTLS_AGENT_TX] = NUMBER(tx, 1, 0, KTLS_PATH_USER),
	[KTLS_AGENT_RX] = NUMBER(rx, 1, 0, KTLS_PATH_USER),
};

static uint32_t number(const uint8_t *p, size_t bytes)
{
	uint32_t n = 0;

	while (bytes--)
		n = n << 8 | *p++;
	return n;
}

static bool take_value(struct ask *ask, const struct rule *rule,
		       const uint8_t *p, size_t len)
{
	char *to = (char *)ask + rule->at;
	uint32_t n;

	if (rule->text) {
		if (len >= rule->size || memchr(p, '\0', len))
			return false;
		memcpy(to, p, len);
		return true;
	}
	if (len != rule->size)
		return false;
	n = number(p, len);
	memcpy(to, &n, sizeof(n));
	return n >= rule->min && n <= rule->max;
}

static bool take_field(struct ask *ask, uint32_t field, const uint8_t *p,
		       size_t len)
{
	if (field >= COUNT(rules) || !rules[field].size ||
	    ask->seen & 1u << field)
		return false;
	ask->seen |= 1u << field;
	return take_value(ask, &rules[field], p, len);
}

bool ask_parse(struct ask *ask, const uint8_t *p, size_t len)
{
	const uint8_t *end = p + len;

	memset(ask, 0, sizeof(*ask));
	if (len < KTLS_AGENT_HEAD || number(p, 4) != KTLS_AGENT_MAGIC ||
	    number(p + 4, 2) != KTLS_AGENT_VERSION ||
	    number(p + 6, 2) != KTLS_AGENT_ASK)
		return false;
	p += KTLS_AGENT_HEAD;
	while (p != end) {
		size_t n;

		if (end - p < KTLS_AGENT_FIELD)
			return false;
		n = number(p + 4, 4);
		if (n > (size_t)(end - p - KTLS_AGENT_FIELD) ||
		    !take_field(ask, number(p, 4), p + KTLS_AGENT_FIELD, n))
			return false;
		p += KTLS_AGENT_FIELD + n;
	}
	return ask_has(ask, KTLS_AGENT_ROLE) && *ask->credential;
}

/* ---- writing ----------------------------------------------------------- */

/* Room for @len bytes more, or NULL */
static uint8_t *room(struct tell *t, size_t len)
{
	size_t cap = t->cap ? t->cap : 4096;
	uint8_t *buf;

	while (cap - t->len < len)
		cap *= 2;
	if (cap != t->cap && !t->failed) {
		/* not realloc(), which leaves a copy behind */
		buf = malloc(cap);
		t->failed = !buf;
		if (buf && t->len)
			memcpy(buf, t->buf, t->len);
		if (buf) {
			size_t n = t->len;

			tell_free(t);
			*t = (struct tell){ .buf = buf, .len = n, .cap = cap };
		}
	}
	if (t->failed)
		return NULL;
	t->len += len;
	return t->buf + t->len - len;
}

static void put_number(uint8_t *p, uint32_t n, unsigned int bytes)
{
	for (unsigned int i = bytes; i--; n >>= 8)
		p[i] = (uint8_t)n;
}

void tell_begin(struct tell *t)
{
	uint8_t *p;

	*t = (struct tell){ 0 };
	p = room(t, KTLS_AGENT_HEAD);
	if (!p)
		return;
	put_number(p, KTLS_AGENT_MAGIC, 4);
	put_number(p + 4, KTLS_AGENT_VERSION, 2);
	put_number(p + 6, KTLS_AGENT_TELL, 2);
}

void tell_bytes(struct tell *t, enum ktls_agent_field field, const void *v,
		size_t len)
{
	uint8_t *p = room(t, KTLS_AGENT_FIELD + len);

	if (!p)
		return;
	put_number(p, field, 4);
	put_number(p + 4, (uint32_t)len, 4);
	if (len)
		memcpy(p + KTLS_AGENT_FIELD, v, len);
}

void tell_number(struct tell *t, enum ktls_agent_field field, uint32_t n,
		 unsigned int bytes)
{
	uint8_t b[4];

	put_number(b, n, bytes);
	tell_bytes(t, field, b, bytes);
}

void tell_text(struct tell *t, enum ktls_agent_field field, const char *text)
{
	if (*text)
		tell_bytes(t, field, text, strlen(text));
}

void tell_free(struct tell *t)
{
	if (t->buf)
		explicit_bzero(t->buf, t->cap);
	free(t->buf);
	*t = (struct tell){ 0 };
}
