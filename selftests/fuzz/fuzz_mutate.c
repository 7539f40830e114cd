// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz_mutate.h"

#include "fuzz_way.h"

/* libFuzzer's; nobody else has it */
__attribute__((weak))
size_t LLVMFuzzerMutate(uint8_t *p, size_t len, size_t max);

uint32_t chance(uint32_t *seed, uint32_t n)
{
	*seed = *seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)*seed * n >> 32);
}

size_t mutate_bytes(uint8_t *p, size_t len, size_t max, uint32_t *seed)
{
	if (LLVMFuzzerMutate)
		return LLVMFuzzerMutate(p, len, max);
	if (len < max && !chance(seed, 4))
		p[len++] = (uint8_t)chance(seed, 256);
	else if (len)
		p[chance(seed, (uint32_t)len)] ^= (uint8_t)(1 <<
							    chance(seed, 8));
	return len;
}

size_t mutated(struct wr *w, uint8_t *p, size_t len, size_t max)
{
	if (wr_ok(w) && w->len && w->len <= max) {
		len = w->len;
		memcpy(p, w->buf, len);
	}
	wr_free(w);
	return len;
}

const struct mutator mutator_bytes = { .mutate = mutate_bytes };

/* ---- changes ----------------------------------------------------------- */

struct edits {
	uint8_t first;
	size_t n;
	struct edit edit[EDITS_MAX];
	uint8_t fresh[UINT8_MAX];	/* data of one that is new */
};

static void edits_read(struct edits *e, struct slice s)
{
	struct input in = { s.p, s.p + s.len };

	e->n = 0;
	e->first = (uint8_t)in_uint(&in, 1);
	while (in_more(&in) && e->n < EDITS_MAX)
		edit_read(&in, &e->edit[e->n++]);
}

static void edits_write(const struct edits *e, struct wr *w)
{
	wr_u8(w, e->first);
	for (size_t i = 0; i < e->n; i++)
		edit_write(w, &e->edit[i]);
}

/* Numbers that mean something: of an extension, a message, a place */
static uint16_t some_number(uint32_t *seed)
{
	static const uint16_t known[] = {
		0, 1, 5, 10, 13, 16, 18, 19, 20, 27, 28, 35, 41, 42, 43, 44,
		45, 47, 48, 49, 50, 51, 0x1234, 0xff01, 0x0a0a,
	};

	switch (chance(seed, 4)) {
	case 0:
		return known[chance(seed, sizeof(known) / sizeof(*known))];
	case 1:
		return (uint16_t)chance(seed, 1 << 16);
	default:
		return (uint16_t)chance(seed, 64);
	}
}

static void new_data(struct edits *e, struct edit *to, uint32_t *seed)
{
	size_t n = chance(seed, 2) ? chance(seed, 12) : 0;

	for (size_t i = 0; i < n; i++)
		e->fresh[i] = (uint8_t)chance(seed, chance(seed, 2) ? 256 : 4);
	to->data = (struct slice){ e->fresh, n };
}

static uint8_t some_message(uint32_t *seed)
{
	return (uint8_t)(chance(seed, 2) << 7 | chance(seed, 12));
}

/* Room for one at a place of chance */
static struct edit *gap(struct edits *e, uint32_t *seed)
{
	size_t at = chance(seed, (uint32_t)e->n + 1);

	memmove(&e->edit[at + 1], &e->edit[at],
		(e->n++ - at) * sizeof(*e->edit));
	return &e->edit[at];
}

static void one_more(struct edits *e, struct edit *old, uint32_t *seed)
{
	(void)old;
	if (e->n < EDITS_MAX) {
		struct edit *it = gap(e, seed);

		it->where = some_message(seed);
		it->op = (uint8_t)chance(seed, edit_ops);
		it->at = some_number(seed);
		new_data(e, it, seed);
	}
}

static void one_less(struct edits *e, struct edit *old, uint32_t *seed)
{
	(void)seed;
	memmove(old, old + 1,
		(size_t)(&e->edit[e->n--] - (old + 1)) * sizeof(*old));
}

static void the_same(struct edits *e, struct edit *old, uint32_t *seed)
{
	struct edit copy = *old;

	if (e->n < EDITS_MAX)
		*gap(e, seed) = copy;
}

static void elsewhere(struct edits *e, struct edit *old, uint32_t *seed)
{
	(void)e;
	old->where = some_message(seed);
}

static void otherwise(struct edits *e, struct edit *old, uint32_t *seed)
{
	(void)e;
	old->op = (uint8_t)chance(seed, edit_ops);
}

static void other_number(struct edits *e, struct edit *old, uint32_t *seed)
{
	(void)e;
	old->at = chance(seed, 2) ? some_number(seed) :
		  (uint16_t)(old->at + chance(seed, 9) - 4);
}

static void other_data(struct edits *e, struct edit *old, uint32_t *seed)
{
	size_t n = old->data.len;

	if (n)
		memcpy(e->fresh, old->data.p, n);
	n = mutate_bytes(e->fresh, n, sizeof(e->fresh), seed);
	old->data = (struct slice){ e->fresh, n };
}

static void other_way(struct edits *e, struct edit *old, uint32_t *seed)
{
	(void)old;
	e->first = (uint8_t)chance(seed, 256);
}

static size_t mutate_edits(uint8_t *p, size_t len, size_t max, uint32_t *seed)
{
	static void (*const how[])(struct edits *e, struct edit *old,
				   uint32_t *seed) = {
		one_more, one_more, one_less, the_same, elsewhere, otherwise,
		other_number, other_data, other_data, other_way,
	};
	static struct edits e;
	struct wr w = { 0 };
	uint32_t n = chance(seed, sizeof(how) / sizeof(*how));

	edits_read(&e, (struct slice){ p, len });
	how[e.n ? n : 0](&e, &e.edit[e.n ? chance(seed, (uint32_t)e.n) : 0],
			 seed);
	edits_write(&e, &w);
	return mutated(&w, p, len, max);
}

/* Of each, one after the other, some */
static size_t cross_edits(struct slice a, struct slice b, uint8_t *out,
			  size_t max, uint32_t *seed)
{
	static struct edits from[2], to;
	struct wr w = { 0 };

	edits_read(&from[0], a);
	edits_read(&from[1], b);
	to.first = from[chance(seed, 2)].first;
	to.n = 0;
	for (size_t i = 0; i < EDITS_MAX; i++)
		for (int k = 0; k < 2; k++)
			if (i < from[k].n && to.n < EDITS_MAX &&
			    chance(seed, 4))
				to.edit[to.n++] = from[k].edit[i];
	edits_write(&to, &w);
	return mutated(&w, out, 0, max);
}

const struct mutator mutator_edits = { mutate_edits, cross_edits };
