// SPDX-License-Identifier: MIT
/*
 * The peer's chain: may it be, and is it whom we want?  One that was verified
 * a short while ago is taken as it was; what a handshake asks of a chain by
 * itself is asked again.
 */
#include "hs.h"

#include <time.h>

/* ---- as it comes ------------------------------------------------------- */

/* What else the outcome depends on, beside the config */
static int begin(const struct ktls_hs *hs, struct hash *h)
{
	int err = hash_begin(h, hs->config->crypto, HASH_SHA256);

	return err ? err : hash_add(h, hs->peer_name,
				    strlen(hs->peer_name) + 1);
}

/* The length, too: where one ends and the next begins */
static int add(struct hash *h, struct slice der)
{
	const uint8_t len[] = { (uint8_t)(der.len >> 16),
				(uint8_t)(der.len >> 8), (uint8_t)der.len };
	int err = hash_add(h, len, sizeof(len));

	return err ? err : hash_add(h, der.p, der.len);
}

int chain_see(struct ktls_hs *hs, struct chain_seen *seen, struct slice der)
{
	int err = 0;

	if (seen->count >= hs->config->max_chain)
		return -KTLS_E_CERT_CHAIN;
	seen->bytes += der.len;
	if (!hs->config->known || seen->bytes > KNOWN_BYTES_MAX)
		seen->nameless = true;
	if (!seen->nameless && !seen->count)
		err = begin(hs, &seen->hash);
	if (!seen->nameless && !err)
		err = add(&seen->hash, der);
	seen->count++;
	return err;
}

bool chain_known(struct ktls_hs *hs, struct chain_seen *seen)
{
	struct hs_chain *chain = &hs->chain;
	uint8_t id[HASH_MAX];

	*chain = (struct hs_chain){ .state = CHAIN_NEW };
	if (seen->count && !seen->nameless && !hash_peek(&seen->hash, id)) {
		memcpy(chain->id, id, sizeof(chain->id));
		chain->state = known_find(hs->config->known, id, &hs->peer) ?
			       CHAIN_KNOWN : CHAIN_NAMED;
	}
	hash_free(&seen->hash);
	return chain->state == CHAIN_KNOWN;
}

/* ---- and is judged ----------------------------------------------------- */

/* Does the peer's key sign something, or is it half of the key exchange? */
static enum cert_use peer_use(const struct ktls_hs *hs)
{
	return hs->config->role == KTLS_CLIENT && hs->suite->kex == KEX_ECDH ?
	       CERT_AGREES : CERT_SIGNS;
}

static int verify(struct ktls_hs *hs)
{
	bool client = hs->config->role == KTLS_CLIENT;
	const char *name = *hs->peer_name ? hs->peer_name : NULL;

	if (hs->chain.state == CHAIN_KNOWN)
		return 0;
	hs->chain.verified = (uint64_t)time(NULL);
	return peer_verify(&hs->peer, hs->config->trust,
			   client ? KTLS_SERVER : KTLS_CLIENT, name,
			   hs_text(hs));
}

int hs_verify_chain(struct ktls_hs *hs)
{
	const struct ktls_config *cfg = hs->config;
	int err = peer_can(&hs->peer, peer_use(hs), hs_text(hs));

	if (!err && !peer_key(&hs->peer))
		err = -KTLS_E_CERT_USAGE;	/* a key that nobody can read */
	peer_subject(&hs->peer, hs->info.peer_subject,
		     sizeof(hs->info.peer_subject));
	if (!err && !x509_matches(hs->peer.leaf, wr_content(&cfg->oid_filters)))
		err = -KTLS_E_CERT_FILTER;
	if (err || !cfg->trust)
		return err;
	err = verify(hs);
	if (!err && cfg->sigalgs_cert_wire.len)
		err = peer_signed_with(&hs->peer, cfg->sigalgs_cert_wire,
				       hs->info.version == KTLS_TLS12,
				       hs_text(hs));
	if (!err)
		err = sct_deliver(hs);
	hs->info.peer_verified = !err;
	return err;
}

/*
 * Only of peers that have shown that they have the key: certificates alone are
 * for everybody to show, and would push others out.
 */
void chain_keep(struct ktls_hs *hs)
{
	if (hs->chain.state == CHAIN_NAMED && hs->peer.verified)
		known_add(hs->config->known, hs->chain.id, &hs->peer,
			  hs->chain.verified);
	hs->chain.state = CHAIN_NEW;
}
