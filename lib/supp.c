// SPDX-License-Identifier: MIT
#include "supp.h"

#include <errno.h>
#include <stdlib.h>

#include "ext.h"
#include "secret.h"
#include "usermap.h"

/* Of a hello's 65535 bytes of extensions, with room for all the others */
#define HELLO_MAX	32768

static int check_type(const struct ktls_supp *t, struct text why)
{
	const char *bad = NULL;

	if (t->type == SUPP_USER_MAPPING)
		bad = "is user mapping's, which has options of its own";
	else if (ext_known(t->extension))
		bad = "has an extension with a meaning of its own";
	else if (t->data_len > UINT16_MAX || t->extension_len > UINT16_MAX)
		bad = "has more than 65535 bytes";
	else if ((!t->data && t->data_len) ||
		 (!t->extension_data && t->extension_len))
		bad = "has a length without data";
	if (!bad)
		return 0;
	text_set(why, "supplemental data type %u %s", t->type, bad);
	return -KTLS_E_OPTION;
}

/* The data of all types, then in types[] where it is */
static int copy_types(struct supp *s, const struct ktls_opts *o)
{
	const uint8_t *p;

	for (size_t i = 0; i < o->supp_len; i++) {
		const struct ktls_supp *t = &o->supp[i];

		wr_bytes(&s->wire, t->data, t->data_len);
		wr_bytes(&s->wire, t->extension_data, t->extension_len);
	}
	if (!wr_ok(&s->wire))
		return -ENOMEM;
	/* nothing at all has a place, too: some types have hooks alone */
	p = s->wire.len ? s->wire.buf : (const uint8_t *)"";
	for (s->len = 0; s->len < o->supp_len; s->len++) {
		struct ktls_supp *t = &s->types[s->len];

		*t = o->supp[s->len];
		if (t->data)	/* of no length, it is sent all the same */
			t->data = p;
		p += t->data_len;
		t->extension_data = p;
		p += t->extension_len;
	}
	return 0;
}

static int take_types(struct supp *s, const struct ktls_opts *o,
		      struct text why)
{
	size_t hello = 0;

	if (o->supp_len > SUPP_TYPES_MAX) {
		text_set(why, "more than %d supplemental data types",
			 SUPP_TYPES_MAX);
		return -KTLS_E_OPTION;
	}
	for (size_t i = 0; i < o->supp_len; i++) {
		int err = check_type(&o->supp[i], why);

		if (err)
			return err;
		hello += o->supp[i].extension_len;
		if (hello > HELLO_MAX) {
			text_set(why, "supplemental data with more than %d "
				 "bytes of extensions", HELLO_MAX);
			return -KTLS_E_OPTION;
		}
		for (size_t j = 0; j < i; j++) {
			if (o->supp[j].type != o->supp[i].type)
				continue;
			text_set(why, "supplemental data type %u twice",
				 o->supp[i].type);
			return -KTLS_E_OPTION;
		}
	}
	return copy_types(s, o);
}

static int take_hint(struct supp *s, const struct ktls_opts *o,
		     struct text why)
{
	int err;

	if (!o->user_principal && !o->user_domain)
		return 0;
	err = o->role == KTLS_CLIENT ?
	      usermap_write(&s->hint, o->user_principal, o->user_domain) :
	      -KTLS_E_USER_MAPPING;
	if (err == -ENOMEM)
		return err;
	if (!err)
		return 0;
	text_set(why, o->role == KTLS_CLIENT ?
		 "user_principal is not user@domain, or user_domain no domain" :
		 "a server has no user_principal or user_domain to send");
	return -KTLS_E_OPTION;
}

int supp_new(struct supp **out, const struct ktls_opts *o, struct text why)
{
	struct supp *s;
	int err;

	*out = NULL;
	if (!o->supp_len && !o->user_principal && !o->user_domain)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	err = take_types(s, o, why);
	if (!err)
		err = take_hint(s, o, why);
	if (err)
		supp_free(s);
	else
		*out = s;
	return err;
}

void supp_free(struct supp *supp)
{
	if (!supp)
		return;
	wr_free(&supp->wire);
	wr_free(&supp->hint);
	wipe_free(supp, sizeof(*supp));
}
