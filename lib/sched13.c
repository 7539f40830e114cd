// SPDX-License-Identifier: MIT
#include "sched13.h"

#include "include/ktls.h"

#define LABEL_MAX	255
#define CONTEXT_MAX	255	/* a ticket's nonce may be so long */

int expand_label(const struct crypto *crypto, enum hash_id hash,
		 const struct secret *secret, const char *label,
		 struct slice context, uint8_t *out, size_t len)
{
	static const char prefix[] = "tls13 ";
	size_t prefix_len = sizeof(prefix) - 1, label_len = strlen(label);
	uint8_t info[2 + 1 + LABEL_MAX + 1 + CONTEXT_MAX];
	size_t n = 0;

	if (prefix_len + label_len > LABEL_MAX || context.len > CONTEXT_MAX ||
	    len > UINT16_MAX)
		return -KTLS_E_CRYPTO;
	info[n++] = (uint8_t)(len >> 8);
	info[n++] = (uint8_t)len;
	info[n++] = (uint8_t)(prefix_len + label_len);
	memcpy(info + n, prefix, prefix_len);
	n += prefix_len;
	memcpy(info + n, label, label_len);
	n += label_len;
	info[n++] = (uint8_t)context.len;
	if (context.len)
		memcpy(info + n, context.p, context.len);
	n += context.len;
	return hkdf_expand(crypto, hash, secret, (struct slice){ info, n },
			   out, len);
}

int sched_begin(struct sched *s, const struct crypto *crypto,
		enum hash_id hash, struct slice psk)
{
	const struct secret none = { .len = hash_rows[hash].len };

	s->crypto = crypto;
	s->hash = hash;
	return hkdf_extract(crypto, hash, secret_slice(&none),
			    psk.len ? psk : secret_slice(&none), &s->now);
}

int sched_mix(struct sched *s, struct slice ikm)
{
	const struct secret none = { .len = s->now.len };
	struct secret salt;
	int err = sched_derive(s, "derived", hash_empty(s->crypto, s->hash),
			       &salt);

	if (!err)
		err = hkdf_extract(s->crypto, s->hash, secret_slice(&salt),
				   ikm.len ? ikm : secret_slice(&none),
				   &s->now);
	wipe(&salt, sizeof(salt));
	return err;
}

int sched_derive(const struct sched *s, const char *label,
		 const struct secret *transcript, struct secret *out)
{
	out->len = s->now.len;
	return expand_label(s->crypto, s->hash, &s->now, label,
			    secret_slice(transcript), out->b, out->len);
}

int traffic_keys(const struct crypto *crypto, const struct suite *suite,
		 const struct secret *traffic, struct traffic_keys *out)
{
	const struct slice none = { NULL, 0 };
	int err = expand_label(crypto, suite->hash, traffic, "key", none,
			       out->key, aead_rows[suite->aead].key_len);

	return err ? err : expand_label(crypto, suite->hash, traffic, "iv",
					none, out->iv, sizeof(out->iv));
}

int traffic_update(const struct crypto *crypto, const struct suite *suite,
		   struct secret *traffic)
{
	struct secret next = { .len = traffic->len };
	int err = expand_label(crypto, suite->hash, traffic, "traffic upd",
			       (struct slice){ NULL, 0 }, next.b, next.len);

	if (!err)
		*traffic = next;
	wipe(&next, sizeof(next));
	return err;
}

int finished_mac(const struct crypto *crypto, enum hash_id hash,
		 const struct secret *base, const struct secret *transcript,
		 struct secret *out)
{
	struct secret key = { .len = base->len };
	struct slice data = secret_slice(transcript);
	int err = expand_label(crypto, hash, base, "finished",
			       (struct slice){ NULL, 0 }, key.b, key.len);

	out->len = base->len;
	if (!err)
		err = hmac(crypto, hash, secret_slice(&key), &data, 1, out->b);
	wipe(&key, sizeof(key));
	return err;
}

int exporter(const struct crypto *crypto, enum hash_id hash,
	     const struct secret *exporter_secret, const char *label,
	     struct slice context, uint8_t *out, size_t len)
{
	struct secret digest = { .len = hash_rows[hash].len };
	struct secret derived = digest;
	int err = expand_label(crypto, hash, exporter_secret, label,
			       secret_slice(hash_empty(crypto, hash)),
			       derived.b, derived.len);

	if (!err)
		err = hash_of(crypto, hash, context, digest.b);
	if (!err)
		err = expand_label(crypto, hash, &derived, "exporter",
				   secret_slice(&digest), out, len);
	wipe(&derived, sizeof(derived));
	return err;
}
