// SPDX-License-Identifier: MIT
#include "compress.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

#include "include/ktls.h"

/*
 * The few functions that are used are declared here, by the names and types
 * that the libraries' sonames promise: so no header need be there when this is
 * built, and what is built does not depend on which were.
 */
#define FNS_MAX		4
#define LIBS_MAX	2

typedef void any_fn(void);

struct codec {
	const struct codec_row *row;
	void *lib[LIBS_MAX];
	any_fn *fn[FNS_MAX];
};

/* The function in place @i of a row, as what it is */
#define FN(c, i, type)	((type *)(c)->fn[i])

/* ---- zlib (RFC 1950) --------------------------------------------------- */

enum { Z_UNCOMPRESS, Z_COMPRESS, Z_BOUND };

typedef int z_uncompress2(uint8_t *out, unsigned long *out_len,
			  const uint8_t *in, unsigned long *in_len);
typedef int z_compress2(uint8_t *out, unsigned long *out_len,
			const uint8_t *in, unsigned long in_len, int level);
typedef unsigned long z_bound(unsigned long len);

#define Z_LEVEL		9
#define Z_NO_MEMORY	(-4)

static int zlib_expand(const struct codec *c, struct slice in, uint8_t *out,
		       size_t len)
{
	unsigned long out_len = len, in_len = in.len;
	int n = FN(c, Z_UNCOMPRESS, z_uncompress2)(out, &out_len, in.p,
						   &in_len);

	if (n == Z_NO_MEMORY)
		return -ENOMEM;
	return n || out_len != len || in_len != in.len ?
	       -KTLS_E_COMPRESS_BAD : 0;
}

static int zlib_shrink(const struct codec *c, struct slice in, struct wr *w)
{
	unsigned long len = FN(c, Z_BOUND, z_bound)(in.len);
	uint8_t *to = wr_reserve(w, len);

	if (!to)
		return -ENOMEM;
	if (FN(c, Z_COMPRESS, z_compress2)(to, &len, in.p, in.len, Z_LEVEL))
		return -KTLS_E_COMPRESS_BAD;
	w->len += len;
	return 0;
}

/* ---- brotli (RFC 7932) ------------------------------------------------- */

enum { BR_NEW, BR_DECODE, BR_FREE, BR_ENCODE };

typedef void *br_alloc(void *opaque, size_t len);
typedef void br_release(void *opaque, void *p);
typedef void *br_new(br_alloc *alloc, br_release *release, void *opaque);
typedef int br_decode(void *state, size_t *in_len, const uint8_t **in,
		      size_t *out_len, uint8_t **out, size_t *total);
typedef void br_free(void *state);
typedef int br_encode(int quality, int window, int mode, size_t in_len,
		      const uint8_t *in, size_t *out_len, uint8_t *out);

#define BR_SUCCESS	1
#define BR_QUALITY	11
#define BR_WINDOW	22
#define BR_GENERIC	0

/*
 * A stream says how large its window is (16 MiB) and how many tables it has:
 * it gets what the output is worth, and what the decoder needs at least.
 */
#define BR_ROOM		(512 << 10)
#define BR_ROOM_RATIO	4

static void *budget_alloc(void *opaque, size_t len)
{
	size_t *left = opaque;

	if (len > *left)
		return NULL;
	*left -= len;
	return malloc(len);
}

static void budget_free(void *opaque, void *p)
{
	(void)opaque;
	free(p);
}

static int brotli_expand(const struct codec *c, struct slice in,
			 uint8_t *out, size_t len)
{
	size_t room = BR_ROOM + BR_ROOM_RATIO * len, left = len, total = 0;
	void *state = FN(c, BR_NEW, br_new)(budget_alloc, budget_free, &room);
	int n;

	if (!state)
		return -ENOMEM;
	n = FN(c, BR_DECODE, br_decode)(state, &in.len, &in.p, &left, &out,
					&total);
	FN(c, BR_FREE, br_free)(state);
	return n != BR_SUCCESS || left || in.len ? -KTLS_E_COMPRESS_BAD : 0;
}

static int brotli_shrink(const struct codec *c, struct slice in, struct wr *w)
{
	/* it need not fit: what is not shorter is of no use */
	size_t len = in.len;
	uint8_t *to = wr_reserve(w, len);

	if (!to)
		return -ENOMEM;
	if (!FN(c, BR_ENCODE, br_encode)(BR_QUALITY, BR_WINDOW, BR_GENERIC,
					 in.len, in.p, &len, to))
		return -KTLS_E_COMPRESS_BAD;
	w->len += len;
	return 0;
}

/* ---- zstd (RFC 8478) --------------------------------------------------- */

enum { ZSTD_FRAME, ZSTD_DECODE, ZSTD_ENCODE, ZSTD_BOUND };

typedef size_t zstd_frame(const void *in, size_t len);
typedef size_t zstd_decode(void *out, size_t out_len, const void *in,
			   size_t in_len);
typedef size_t zstd_encode(void *out, size_t out_len, const void *in,
			   size_t in_len, int level);
typedef size_t zstd_bound(size_t len);

#define ZSTD_LEVEL	19

/* One frame, and none of the formats from before the RFC */
static int zstd_expand(const struct codec *c, struct slice in, uint8_t *out,
		       size_t len)
{
	static const uint8_t magic[] = { 0x28, 0xb5, 0x2f, 0xfd };

	if (in.len < sizeof(magic) || memcmp(in.p, magic, sizeof(magic)) ||
	    FN(c, ZSTD_FRAME, zstd_frame)(in.p, in.len) != in.len)
		return -KTLS_E_COMPRESS_BAD;
	/* an error is a number above any length */
	return FN(c, ZSTD_DECODE, zstd_decode)(out, len, in.p, in.len) == len ?
	       0 : -KTLS_E_COMPRESS_BAD;
}

static int zstd_shrink(const struct codec *c, struct slice in, struct wr *w)
{
	size_t max = FN(c, ZSTD_BOUND, zstd_bound)(in.len), len;
	uint8_t *to = wr_reserve(w, max);

	if (!to)
		return -ENOMEM;
	len = FN(c, ZSTD_ENCODE, zstd_encode)(to, max, in.p, in.len,
					      ZSTD_LEVEL);
	if (len > max)
		return -KTLS_E_COMPRESS_BAD;
	w->len += len;
	return 0;
}

/* ---- the table --------------------------------------------------------- */

static const struct codec_row {
	uint16_t id;
	const char *name;
	const char *lib[LIBS_MAX];
	const char *fn[FNS_MAX];	/* in any of them */
	int (*expand)(const struct codec *c, struct slice in, uint8_t *out,
		      size_t len);
	int (*shrink)(const struct codec *c, struct slice in, struct wr *w);
} rows[COMPRESS_MAX] = {
	{ 1, "zlib", { "libz.so.1" },
	  { [Z_UNCOMPRESS] = "uncompress2", [Z_COMPRESS] = "compress2",
	    [Z_BOUND] = "compressBound" }, zlib_expand, zlib_shrink },
	{ 2, "brotli", { "libbrotlidec.so.1", "libbrotlienc.so.1" },
	  { [BR_NEW] = "BrotliDecoderCreateInstance",
	    [BR_DECODE] = "BrotliDecoderDecompressStream",
	    [BR_FREE] = "BrotliDecoderDestroyInstance",
	    [BR_ENCODE] = "BrotliEncoderCompress" },
	  brotli_expand, brotli_shrink },
	{ 3, "zstd", { "libzstd.so.1" },
	  { [ZSTD_FRAME] = "ZSTD_findFrameCompressedSize",
	    [ZSTD_DECODE] = "ZSTD_decompress",
	    [ZSTD_ENCODE] = "ZSTD_compress",
	    [ZSTD_BOUND] = "ZSTD_compressBound" },
	  zstd_expand, zstd_shrink },
};

uint16_t codec_id(const struct codec *c)
{
	return c->row->id;
}

int codec_expand(const struct codec *c, struct slice in, uint8_t *out,
		 size_t len)
{
	return c->row->expand(c, in, out, len);
}

int codec_shrink(const struct codec *c, struct slice in, struct wr *w)
{
	return c->row->shrink(c, in, w);
}

const char *ktls_cert_compression_name(uint16_t id)
{
	for (size_t i = 0; i < COMPRESS_MAX; i++)
		if (rows[i].id == id)
			return rows[i].name;
	return "unknown";
}

/* ---- a config's -------------------------------------------------------- */

struct compress {
	size_t len;
	struct codec codec[COMPRESS_MAX];
	uint8_t wire[2 * COMPRESS_MAX];
};

static void codec_close(struct codec *c)
{
	for (size_t i = 0; i < LIBS_MAX; i++)
		if (c->lib[i])
			dlclose(c->lib[i]);
	*c = (struct codec){ 0 };
}

static bool codec_open(struct codec *c, const struct codec_row *row)
{
	c->row = row;
	for (size_t i = 0; i < LIBS_MAX && row->lib[i]; i++) {
		c->lib[i] = dlopen(row->lib[i], RTLD_NOW | RTLD_LOCAL);
		if (!c->lib[i])
			return false;
	}
	for (size_t i = 0; i < FNS_MAX && row->fn[i]; i++) {
		void *p = dlsym(c->lib[0], row->fn[i]);

		if (!p && c->lib[1])
			p = dlsym(c->lib[1], row->fn[i]);
		if (!p)
			return false;
		c->fn[i] = (any_fn *)(uintptr_t)p;
	}
	return true;
}

static const struct codec_row *find(const char *name, size_t len)
{
	for (size_t i = 0; i < COMPRESS_MAX; i++)
		if (strlen(rows[i].name) == len &&
		    !memcmp(rows[i].name, name, len))
			return &rows[i];
	return NULL;
}

static void add(struct compress *c, const struct codec_row *row)
{
	struct codec *at = &c->codec[c->len];

	for (size_t i = 0; i < c->len; i++)
		if (c->codec[i].row == row)
			return;
	if (!codec_open(at, row)) {
		codec_close(at);
		return;
	}
	c->wire[2 * c->len] = (uint8_t)(row->id >> 8);
	c->wire[2 * c->len + 1] = (uint8_t)row->id;
	c->len++;
}

int compress_new(struct compress **out, const char *list, struct text why)
{
	struct compress *c = calloc(1, sizeof(*c));
	int err = 0;

	*out = NULL;
	if (!c)
		return -ENOMEM;
	while (*list && !err) {
		size_t len = strcspn(list, ":");
		const struct codec_row *row = find(list, len);

		if (row) {
			add(c, row);
		} else {
			text_set(why, "unknown compression \"%.*s\"", (int)len,
				 list);
			err = -KTLS_E_OPTION;
		}
		list += len + (list[len] == ':');
	}
	if (err || !c->len) {
		compress_free(c);
		return err;
	}
	*out = c;
	return 0;
}

void compress_free(struct compress *c)
{
	for (size_t i = 0; c && i < c->len; i++)
		codec_close(&c->codec[i]);
	free(c);
}

const struct codec *compress_at(const struct compress *c, size_t i)
{
	return c && i < c->len ? &c->codec[i] : NULL;
}

struct slice compress_wire(const struct compress *c)
{
	return c ? (struct slice){ c->wire, 2 * c->len } :
		   (struct slice){ NULL, 0 };
}
