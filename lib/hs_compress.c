// SPDX-License-Identifier: MIT
/* Certificates in short: CompressedCertificate (RFC 8879), both roles */
#include "hs.h"

#include <errno.h>
#include <stdlib.h>

/* ---- what is offered (3) ----------------------------------------------- */

void compress_offer(const struct ktls_hs *hs, struct exts *e)
{
	e->compress = compress_wire(hs->config->compress);
	if (e->compress.len)
		e->set |= EXT_BIT(EXT_COMPRESS_CERTIFICATE);
}

void compress_take_offer(struct ktls_hs *hs, const struct exts *e)
{
	const struct codec *codec;

	hs->certs.packers = 0;
	for (size_t i = 0; (codec = compress_at(hs->config->compress, i)); i++)
		if (u16s_have(e->compress, codec_id(codec)))
			hs->certs.packers |= (uint8_t)(1 << i);
}

/* ---- the message (4) --------------------------------------------------- */

/* The forms of hs->cred, if what is to be sent is what they were made of */
static const struct wr *packed(const struct ktls_hs *hs, struct slice context)
{
	struct slice status = wr_content(&hs->status);
	const struct cred *cred = hs->cred;

	/* timestamps do not get shorter, and few ask for them */
	if (!cred || context.len || hs->sct_due)
		return NULL;
	if (!status.len)
		return cred->packed[0];
	return slice_eq(status, wr_content(&cred->ocsp)) ?
	       cred->packed[1] : NULL;
}

int compress_send(struct ktls_hs *hs, struct slice context)
{
	const struct wr *forms = packed(hs, context);
	const struct codec *codec;
	struct wr_mark m;
	int err;

	for (size_t i = 0; forms &&
	     (codec = compress_at(hs->config->compress, i)); i++) {
		if (!(hs->certs.packers & 1 << i) || !forms[i].len)
			continue;
		m = hs_open(hs, HT_COMPRESSED_CERTIFICATE);
		wr_bytes(&hs->flight, forms[i].buf, forms[i].len);
		err = hs_close(hs, &m);
		hs->info.cert_compression = codec_id(codec);
		return err ? err : 1;
	}
	return 0;
}

static const struct codec *find(const struct ktls_config *cfg, uint16_t id)
{
	const struct codec *codec;

	for (size_t i = 0; (codec = compress_at(cfg->compress, i)); i++)
		if (codec_id(codec) == id)
			return codec;
	return NULL;
}

/*
 * What it says is its length is allowed, allocated, and filled to the byte, or
 * it is no certificate; then it is one as any other.
 */
static int take(struct ktls_hs *hs, struct slice body,
		int (*certificate)(struct ktls_hs *hs, struct slice body))
{
	const struct codec *codec;
	struct compressed_certificate m;
	uint8_t *plain;
	int err;

	if (!hs->config->compress)
		return -KTLS_E_UNEXPECTED;
	err = parse_compressed_certificate(body, &m);
	if (err)
		return err;
	codec = find(hs->config, m.algorithm);
	if (!codec)
		return -KTLS_E_COMPRESS_CHOICE;
	if (m.length > hs->config->max_message)
		return -KTLS_E_MESSAGE_SIZE;
	plain = malloc(m.length + 1);
	if (!plain)
		return -ENOMEM;
	err = codec_expand(codec, m.data, plain, m.length);
	if (!err) {
		hs->info.peer_cert_compression = m.algorithm;
		err = certificate(hs, (struct slice){ plain, m.length });
	}
	free(plain);
	return err;
}

int c13_compressed_certificate(struct ktls_hs *hs, struct slice body)
{
	return take(hs, body, c13_certificate);
}

int s13_compressed_certificate(struct ktls_hs *hs, struct slice body)
{
	return take(hs, body, s13_certificate);
}
