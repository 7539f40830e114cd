/* SPDX-License-Identifier: MIT */
/* The messages of ktls_agent.h, as 'ktls agent' reads and writes them. */
#ifndef TOOLS_AGENT_WIRE_H
#define TOOLS_AGENT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ktls_agent.h>

/* What is not in it is 0, or empty */
struct ask {
	uint32_t seen;		/* 1 << KTLS_AGENT_* */
	uint32_t role;
	uint32_t timeout;	/* ms */
	uint32_t verify;
	uint32_t min_version, max_version;
	uint32_t tx, rx;
	char credential[KTLS_AGENT_NAME_MAX + 1];
	char server_name[256];
	char alpn[256];
};

/* Is this all of a request, and nothing else? */
bool ask_parse(struct ask *ask, const uint8_t *p, size_t len);

static inline bool ask_has(const struct ask *ask, enum ktls_agent_field field)
{
	return ask->seen & 1u << field;
}

/* An answer on its way: wiped by tell_free() */
struct tell {
	uint8_t *buf;
	size_t len, cap;
	bool failed;		/* memory ran out */
};

void tell_begin(struct tell *t);
void tell_bytes(struct tell *t, enum ktls_agent_field field, const void *p,
		size_t len);
/* Big-endian, in @bytes bytes */
void tell_number(struct tell *t, enum ktls_agent_field field, uint32_t n,
		 unsigned int bytes);
/* Nothing if it is empty */
void tell_text(struct tell *t, enum ktls_agent_field field, const char *text);
void tell_free(struct tell *t);

#endif
