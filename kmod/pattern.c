// SPDX-License-Identifier: GPL-2.0-only
/*
 * RFC 864's pattern: lines of 72 of the 95 printing characters, each line
 * beginning one character further. After 95 lines it repeats.
 *
 * It is laid out once, for all connections, with so much of its beginning
 * behind its end that KC_CHUNK bytes from any offset are contiguous. They are
 * pages of their own, so that kTLS can encrypt straight from them.
 */
#include <linux/bvec.h>
#include <linux/gfp.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "pattern.h"

#define KC_PRINTING	95
#define KC_TEXT		72
#define KC_LINE		(KC_TEXT + 2)		/* and CR LF */
#define KC_PERIOD	(KC_PRINTING * KC_LINE)
#define KC_SIZE		(KC_PERIOD + KC_CHUNK)

static u8 *kc_pattern;

static u8 kc_pattern_char(unsigned int line, unsigned int column)
{
	if (column == KC_TEXT)
		return '\r';
	if (column > KC_TEXT)
		return '\n';
	return ' ' + (line + column) % KC_PRINTING;
}

int kc_pattern_init(void)
{
	unsigned int i;

	kc_pattern = alloc_pages_exact(KC_SIZE, GFP_KERNEL | __GFP_ZERO);
	if (!kc_pattern)
		return -ENOMEM;
	for (i = 0; i < KC_SIZE; i++)
		kc_pattern[i] = kc_pattern_char(i / KC_LINE, i % KC_LINE);
	return 0;
}

void kc_pattern_exit(void)
{
	free_pages_exact(kc_pattern, KC_SIZE);
}

static u8 *kc_pattern_at(u64 at)
{
	u32 rest;

	div_u64_rem(at, KC_PERIOD, &rest);
	return kc_pattern + rest;
}

void kc_pattern_bvec(u64 at, size_t len, struct bio_vec *bv)
{
	bvec_set_virt(bv, kc_pattern_at(at), len);
}

bool kc_pattern_is(u64 at, const void *data, size_t len)
{
	return !memcmp(kc_pattern_at(at), data, len);
}
