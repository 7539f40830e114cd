// SPDX-License-Identifier: MIT
/*
 * GREASE (RFC 8701): values that mean nothing, where a peer must ignore what
 * it does not know.  Nothing of ours knows them either, so that a peer which
 * chooses one is refused like any that chooses what was not offered.
 */
#include "hs.h"

#include <errno.h>

enum { SUITE, GROUP, VERSION, SIGALG, ALPN, EXT_A, EXT_B, MODE };

static bool greases(const struct ktls_hs *hs)
{
	return hs->config->flags & KTLS_F_GREASE;
}

/* One of 0x0a0a, 0x1a1a ... 0xfafa */
static uint16_t value(const struct ktls_hs *hs, int what)
{
	return (uint16_t)(((hs->grease.seed[what] & 0xf0) | 0x0a) * 0x0101);
}

int grease_start(struct ktls_hs *hs)
{
	uint8_t *seed = hs->grease.seed;
	int err;

	if (!greases(hs))
		return 0;
	err = hs_nonce(hs, seed, sizeof(hs->grease.seed));
	/* not the same extension twice */
	seed[EXT_B] = (uint8_t)((seed[EXT_B] & 0x70) | (~seed[EXT_A] & 0x80));
	return err;
}

void grease_share(const struct ktls_hs *hs, struct wr *shares)
{
	if (!greases(hs))
		return;
	wr_u16(shares, value(hs, GROUP));
	wr_vec(shares, 2)
		wr_u8(shares, 0);
}

/* In front of what is @list, which may not be there; @w does not move */
static void prepend(struct wr *w, struct slice *list, const void *p, size_t n)
{
	size_t at = w->len;

	if (!list->len)
		return;
	wr_bytes(w, p, n);
	wr_slice(w, *list);
	*list = (struct slice){ w->buf + at, w->len - at };
}

static void prepend_id(const struct ktls_hs *hs, struct wr *w,
		       struct slice *list, int what)
{
	const uint8_t id = (uint8_t)value(hs, what);

	prepend(w, list, (const uint8_t[]){ id, id }, 2);
}

/* One that is empty and, in a hello, one that is not */
static void extensions(const struct ktls_hs *hs, struct wr *w, bool both,
		       struct slice *custom)
{
	size_t at = w->len;

	wr_u16(w, value(hs, EXT_A));
	wr_u16(w, 0);
	if (both) {
		wr_u16(w, value(hs, EXT_B));
		wr_u16(w, 1);
		wr_u8(w, 0);
	}
	wr_slice(w, *custom);
	*custom = (struct slice){ w->buf + at, w->len - at };
}

#define EXTRA	64	/* more than all that is added */

int grease_hello(struct ktls_hs *hs, struct client_hello *m)
{
	/* 4.3.11: one of 0x0b, 0x2a, 0x49 ... 0xe4 */
	const uint8_t mode = (uint8_t)(0x0b +
				       0x1f * (hs->grease.seed[MODE] & 7));
	const uint8_t name = (uint8_t)value(hs, ALPN);
	struct wr *w = &hs->grease.lists;
	struct exts *e = &m->exts;

	if (!greases(hs))
		return 0;
	wr_reset(w);
	if (!wr_reserve(w, EXTRA + m->suites.len + e->groups.len +
			e->versions.len + e->sigalgs.len + e->alpn.len +
			e->psk_modes.len + e->custom.len))
		return -ENOMEM;
	prepend_id(hs, w, &m->suites, SUITE);
	prepend_id(hs, w, &e->groups, GROUP);
	prepend_id(hs, w, &e->versions, VERSION);
	prepend_id(hs, w, &e->sigalgs, SIGALG);
	prepend(w, &e->alpn, (const uint8_t[]){ 2, name, name }, 3);
	prepend(w, &e->psk_modes, &mode, 1);
	extensions(hs, w, true, &e->custom);
	return wr_ok(w) ? 0 : -ENOMEM;
}

int grease_request(struct ktls_hs *hs, struct exts *e)
{
	struct wr *w = &hs->grease.lists;

	if (!greases(hs))
		return 0;
	wr_reset(w);
	if (!wr_reserve(w, EXTRA + e->sigalgs.len + e->custom.len))
		return -ENOMEM;
	prepend_id(hs, w, &e->sigalgs, SIGALG);
	extensions(hs, w, false, &e->custom);
	return wr_ok(w) ? 0 : -ENOMEM;
}
