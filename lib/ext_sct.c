// SPDX-License-Identifier: MIT
#include "ext_sct.h"

/* Asked for by a hello or a request, where it is empty (9846 4.3) */
static bool asks(enum ext_where where)
{
	return where == IN_CH || where == IN_CR;
}

void parse_sct(struct rd *r, enum ext_where where, struct exts *e)
{
	const uint8_t *at = r->p;

	if (asks(where))
		return;
	rd_list(r, 2, 2);
	e->sct = (struct slice){ at, (size_t)(r->p - at) };
}

void write_sct(struct wr *w, enum ext_where where, const struct exts *e)
{
	if (!asks(where))
		wr_slice(w, e->sct);
}

bool scts_valid(struct slice list)
{
	bool bad = false;
	struct rd r = rd_init(list.p, list.len, &bad);

	rd_list(&r, 2, 2);
	rd_end(&r);
	return !bad;
}
