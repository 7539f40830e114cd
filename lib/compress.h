/* SPDX-License-Identifier: MIT */
/*
 * Compression of certificates (RFC 8879): algorithms whose libraries are
 * loaded when a config names them, so that nobody depends on them.
 */
#ifndef KTLS_COMPRESS_H
#define KTLS_COMPRESS_H

#include "wire.h"
#include "x509.h"

/* An algorithm, with its library */
struct codec;
uint16_t codec_id(const struct codec *c);
/*
 * Exactly @len bytes into @out, and all of @in: 0; -KTLS_E_COMPRESS_BAD;
 * -ENOMEM.  Costs no more memory than a small multiple of @len.
 */
int codec_expand(const struct codec *c, struct slice in, uint8_t *out,
		 size_t len);
/* Appended to @w; -ENOMEM; -KTLS_E_COMPRESS_BAD: it would hardly be shorter */
int codec_shrink(const struct codec *c, struct slice in, struct wr *w);

/* Those of a config, best first; immutable once made */
struct compress;
/*
 * By the names of @list, separated by colons.  Those whose library is not
 * there, or is not as it should be, are left out; NULL in *@out: none is left.
 * -KTLS_E_OPTION, -ENOMEM.
 */
int compress_new(struct compress **out, const char *list, struct text why);
void compress_free(struct compress *c);
/* The i-th, or NULL */
const struct codec *compress_at(const struct compress *c, size_t i);
/* Their ids, as on the wire */
struct slice compress_wire(const struct compress *c);

#endif /* KTLS_COMPRESS_H */
