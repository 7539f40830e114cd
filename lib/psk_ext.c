// SPDX-License-Identifier: MIT
#include "psk_ext.h"

#include <errno.h>
#include <stdio.h>

#include "config.h"
#include "sched13.h"
#include "vault.h"

#define PSKS_MAX	1024
#define IDENTITY_MAX	1024
#define CONTEXT_MAX	1024
#define KEY_MIN		16
#define KEY_MAX		HASH_MAX	/* one that is imported: */
#define IMPORT_MAX	1024

/* RFC 9258 4.1: target_kdf, by our hash */
static const uint16_t target_kdfs[HASH_COUNT] = {
	[HASH_SHA256] = 0x0001,
	[HASH_SHA384] = 0x0002,
};

/* ---- options ----------------------------------------------------------- */

static int find_hash(const char *name)
{
	if (!name)
		return HASH_SHA256;
	for (int i = 0; i < HASH_COUNT; i++)
		if (!strcmp(hash_rows[i].evp, name))
			return i;
	return -1;
}

static const char *check(const struct ktls_psk *p)
{
	if (!p->identity || !p->identity_len ||
	    p->identity_len > IDENTITY_MAX)
		return "identity is not of 1 to 1024 bytes";
	if (!p->key || p->key_len < KEY_MIN ||
	    p->key_len > (p->import ? IMPORT_MAX : KEY_MAX))
		return "key is not of 16 to 48 bytes, or to 1024 to import";
	if (find_hash(p->hash) < 0)
		return "hash is neither SHA256 nor SHA384";
	if (p->context_len > CONTEXT_MAX || (p->context_len && !p->import))
		return "context is above 1024 bytes, or not imported";
	return NULL;
}

/* ---- importing (RFC 9258 4) -------------------------------------------- */

static void write_imported_identity(struct wr *w, const struct ktls_psk *p,
				    enum hash_id target)
{
	wr_opaque(w, 2, (struct slice){ p->identity, p->identity_len });
	wr_opaque(w, 2, (struct slice){ p->context, p->context_len });
	wr_u16(w, KTLS_TLS13);
	wr_u16(w, target_kdfs[target]);
}

static int import(struct psk_ext *e, const struct crypto *crypto,
		  const struct ktls_psk *p, enum hash_id target)
{
	enum hash_id hash = (enum hash_id)find_hash(p->hash);
	const struct secret zeros = { .len = hash_rows[hash].len };
	uint8_t id[HASH_MAX];
	struct secret epskx;
	int err;

	write_imported_identity(&e->identity, p, target);
	if (!wr_ok(&e->identity))
		return -ENOMEM;
	e->name = (struct slice){ e->identity.buf + 2, p->identity_len };
	e->hash = target;
	e->imported = true;
	e->key.len = hash_rows[target].len;
	err = hash_of(crypto, hash, wr_content(&e->identity), id);
	if (!err)
		err = hkdf_extract(crypto, hash, secret_slice(&zeros),
				   (struct slice){ p->key, p->key_len },
				   &epskx);
	if (!err)
		err = expand_label(crypto, hash, &epskx, "derived psk",
				   (struct slice){ id, hash_rows[hash].len },
				   e->key.b, e->key.len);
	wipe(&epskx, sizeof(epskx));
	return err;
}

/* ---- the list ---------------------------------------------------------- */

static int take(struct psk_ext *e, const struct ktls_psk *p)
{
	wr_bytes(&e->identity, p->identity, p->identity_len);
	if (!wr_ok(&e->identity))
		return -ENOMEM;
	e->name = wr_content(&e->identity);
	e->hash = (enum hash_id)find_hash(p->hash);
	e->key.len = (uint8_t)p->key_len;
	memcpy(e->key.b, p->key, p->key_len);
	return 0;
}

/* One that is imported is one for each hash that a suite may have */
static int add(struct psk_exts *psks, const struct crypto *crypto,
	       const struct ktls_psk *p)
{
	int err = 0;

	if (!p->import)
		return take(&psks->psk[psks->len++], p);
	for (int i = 0; i < HASH_COUNT && !err; i++)
		err = import(&psks->psk[psks->len++], crypto, p,
			     (enum hash_id)i);
	return err;
}

int psk_ext_new(struct psk_exts **out, const struct crypto *crypto,
		const struct ktls_opts *o, struct text why)
{
	struct psk_exts *psks;
	size_t size = sizeof(*psks) +
		      o->psks_len * HASH_COUNT * sizeof(psks->psk[0]);
	int err = 0;

	if (!o->psks_len)
		return 0;
	if (o->psks_len > PSKS_MAX) {
		text_set(why, "more than 1024 psks");
		return -KTLS_E_OPTION;
	}
	psks = vault_alloc(size);
	*out = psks;
	if (!psks)
		return -ENOMEM;
	psks->size = size;
	for (size_t i = 0; i < o->psks_len && !err; i++) {
		const char *bad = check(&o->psks[i]);

		if (bad) {
			text_set(why, "psks[%zu]: %s", i, bad);
			return -KTLS_E_OPTION;
		}
		err = add(psks, crypto, &o->psks[i]);
	}
	return err;
}

void psk_ext_free(struct psk_exts *psks)
{
	if (!psks)
		return;
	for (size_t i = 0; i < psks->len; i++)
		wr_free(&psks->psk[i].identity);
	vault_free(psks, psks->size);
}

const struct psk_ext *psk_ext_find(const struct psk_exts *psks,
				   struct slice identity)
{
	for (size_t i = 0; psks && i < psks->len; i++) {
		const struct psk_ext *e = &psks->psk[i];

		if (slice_eq(wr_content(&e->identity), identity))
			return e;
	}
	return NULL;
}

/* "psk:" and the identity, with % for what is not fit to be printed */
void psk_ext_tell(const struct psk_ext *psk, struct ktls_info *info)
{
	size_t n = (size_t)snprintf(info->peer_subject,
				    sizeof(info->peer_subject), "psk:");

	for (size_t i = 0; i < psk->name.len &&
	     n + 4 <= sizeof(info->peer_subject); i++) {
		uint8_t c = psk->name.p[i];
		bool plain = c > ' ' && c < 0x7f && c != '%';

		n += (size_t)snprintf(info->peer_subject + n, 4,
				      plain ? "%c" : "%%%02x", c);
	}
	info->external_psk = 1;
	info->peer_verified = 1;
}
