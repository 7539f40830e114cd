// SPDX-License-Identifier: MIT
/* Options about what shows who an end is: its certificates, or raw keys */
#include "config.h"
#include "ext.h"

#include <errno.h>

const struct sigscheme *config_scheme(const struct ktls_config *cfg,
				      const struct cred *cred, uint32_t peer)
{
	for (size_t i = 0; i < cfg->sigalgs_len; i++)
		for (size_t j = 0; j < cred->schemes_len; j++)
			if (cfg->sigalgs[i] == cred->schemes[j] &&
			    peer & sigscheme_bit(cred->schemes[j]))
				return cred->schemes[j];
	return NULL;
}

/* 9846 4.5.1.1: @status and @sct are of the end entity's alone */
void cred_write(struct wr *w, struct slice context, const struct cred *cred,
		struct slice status, struct slice sct)
{
	wr_opaque(w, 1, context);
	wr_vec(w, 3) {
		for (size_t i = 0; cred && i < cred->chain_len; i++) {
			const struct cert *c = &cred->chain[i];
			struct exts e = { .status = status, .sct = sct };

			wr_opaque(w, 3, (struct slice){ c->der, c->len });
			if (!i && status.len)
				e.set |= EXT_BIT(EXT_STATUS_REQUEST);
			if (!i && sct.len)
				e.set |= EXT_BIT(EXT_SCT);
			exts_write(w, IN_CT, &e);
		}
	}
}

/* ---- in short (RFC 8879), made once for all handshakes ------------------ */

/* Stays empty if it would not be shorter */
static int pack(struct wr *w, const struct codec *codec, struct slice plain)
{
	int err = 0;

	wr_u16(w, codec_id(codec));
	wr_u24(w, (uint32_t)plain.len);
	wr_vec(w, 3)
		err = codec_shrink(codec, plain, w);
	if (err == -ENOMEM || !wr_ok(w))
		return -ENOMEM;
	if (err || w->len >= plain.len)
		wr_free(w);
	return 0;
}

static int pack_cred(const struct ktls_config *cfg, struct cred *cred,
		     bool status)
{
	struct slice none = { NULL, 0 };
	struct slice ocsp = wr_content(&cred->ocsp);
	const struct codec *codec;
	struct wr plain = { 0 };
	int err = 0;

	cred_write(&plain, none, cred, status ? ocsp : none, none);
	if (!wr_ok(&plain))
		err = -ENOMEM;
	for (size_t i = 0; !err && (codec = compress_at(cfg->compress, i)); i++)
		err = pack(&cred->packed[status][i], codec, wr_content(&plain));
	wr_free(&plain);
	return err;
}

int config_take_compression(struct ktls_config *cfg, const struct ktls_opts *o,
			    struct text why)
{
	int err = compress_new(&cfg->compress, o->cert_compression, why);

	for (size_t i = 0; i < cfg->creds_len && !err; i++) {
		err = pack_cred(cfg, &cfg->creds[i], false);
		if (!err && cfg->creds[i].ocsp.len)
			err = pack_cred(cfg, &cfg->creds[i], true);
	}
	return err;
}

/* ---- raw public keys (RFC 7250) ---------------------------------------- */

static const char *check(const struct ktls_config *cfg, bool keys)
{
	bool only = cfg->flags & KTLS_F_RAW_KEYS_ONLY;

	if (keys && cfg->verify == KTLS_VERIFY_NONE)
		return "raw keys without verification";
	if (only && !keys)
		return "KTLS_F_RAW_KEYS_ONLY without raw keys";
	if (only && cfg->max_version < KTLS_TLS13)
		return "KTLS_F_RAW_KEYS_ONLY without TLS 1.3";
	if (only && cfg->flags & (KTLS_F_CA_NAMES | KTLS_F_TRUSTED_CA_KEYS |
				  KTLS_F_STATUS | KTLS_F_NEED_STATUS))
		return "KTLS_F_RAW_KEYS_ONLY with what is about certificates";
	return NULL;
}

int config_take_raw_keys(struct ktls_config *cfg, const struct ktls_opts *o,
			 struct text why)
{
	bool keys = o->raw_keys_file || o->raw_keys_pem || o->raw_key_hashes;
	const char *bad = check(cfg, keys);

	if (bad) {
		text_set(why, "%s", bad);
		return -KTLS_E_OPTION;
	}
	if (cfg->flags & KTLS_F_RAW_KEYS_ONLY)
		cfg->min_version = KTLS_TLS13;
	return keys ? raw_trust_new(&cfg->raw_trust, o->raw_keys_file,
				    o->raw_keys_pem, o->raw_key_hashes, why) :
		      0;
}
