// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parsers, each by itself: an input is its number and what it gets.  What
 * they say is there is looked at.
 */
#include "../../lib/cert_url.h"
#include "../../lib/msg12.h"
#include "../../lib/usermap.h"
#include "../harness.h"
#include "fuzz_way.h"

/* ---- all that is said to be there -------------------------------------- */

static volatile uint8_t sink;

static void look(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		sink ^= s.p[i];
}

static void look_exts(const struct exts *e)
{
	const struct slice all[] = {
		e->server_name, e->status, e->trusted_cas, e->user_mapping,
		e->groups, e->point_formats, e->renegotiated, e->sigalgs,
		e->session_ticket, e->sigalgs_cert, e->alpn, e->versions,
		e->cookie, e->authorities, e->oid_filters, e->sct,
		e->psk_modes, e->psk_identities, e->psk_binders, e->compress,
		e->client_types, e->server_types, e->shares, e->share,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		look(all[i]);
	look(shares_find(e->shares, 29));
	(void)u16s_have(e->groups, 29);
	(void)scts_valid(e->sct);
}

static void client_hello(struct slice s)
{
	struct client_hello m;

	if (parse_client_hello(s, &m))
		return;
	look(m.random);
	look(m.session_id);
	look(m.suites);
	look(m.ext_block);
	look_exts(&m.exts);
}

static void server_hello(struct slice s)
{
	struct server_hello m;

	if (parse_server_hello(s, &m))
		return;
	look(m.ext_block);
	if (!parse_server_hello_exts(&m, ~0ull))
		look_exts(&m.exts);
	(void)!parse_server_hello_exts(&m, 0);
}

static void encrypted_extensions(struct slice s)
{
	struct exts e;

	if (!parse_encrypted_extensions(s, ~0ull, &e))
		look_exts(&e);
}

static void certificate_request(struct slice s)
{
	struct certificate_request m;

	if (parse_certificate_request(s, &m))
		return;
	look(m.context);
	look_exts(&m.exts);
}

static void certificate_request12(struct slice s)
{
	struct certificate_request12 m;
	struct wr w = { 0 };

	if (parse_certificate_request12(s, &m))
		return;
	write_certificate_request12(&w, &m);
	EXPECT_TRUE(slice_eq(s, (struct slice){ w.buf, w.len }));
	wr_free(&w);
}

static void certificate(struct slice s)
{
	struct certificate m;
	struct slice der;
	struct exts e;

	if (parse_certificate(s, &m))
		return;
	look(m.context);
	while (parse_certificate_entry(&m.list, ~0ull, &der, &e) > 0) {
		look(der);
		look_exts(&e);
	}
}

static void certificate12(struct slice s)
{
	struct slice list, der;

	if (parse_certificate12(s, &list))
		return;
	while (parse_certificate12_entry(&list, &der) > 0)
		look(der);
}

static void compressed(struct slice s)
{
	struct compressed_certificate m;

	if (!parse_compressed_certificate(s, &m))
		look(m.data);
}

static void certificate_verify(struct slice s)
{
	struct certificate_verify m;

	if (!parse_certificate_verify(s, &m))
		look(m.signature);
}

static void ticket(struct slice s)
{
	struct new_session_ticket m;

	if (parse_new_session_ticket(s, &m))
		return;
	look(m.nonce);
	look(m.ticket);
	look_exts(&m.exts);
}

static void ticket12(struct slice s)
{
	struct new_session_ticket12 m;

	if (!parse_new_session_ticket12(s, &m))
		look(m.ticket);
}

static void key_update(struct slice s)
{
	uint8_t request;

	if (!parse_key_update(s, &request))
		sink ^= request;
}

static void key_exchange(struct slice s, enum suite_kex kex)
{
	struct server_key_exchange m;
	struct slice share;

	if (!parse_server_key_exchange(s, kex, &m)) {
		look(m.params);
		look(m.share);
		look(m.signature);
	}
	if (!parse_client_key_exchange(s, kex, &share))
		look(share);
}

static void ecdhe(struct slice s)
{
	key_exchange(s, KEX_ECDHE);
}

static void dhe(struct slice s)
{
	key_exchange(s, KEX_DHE);
}

static void status(struct slice s)
{
	struct slice response;

	if (!parse_certificate_status(s, &response))
		look(response);
}

static void url(struct slice s)
{
	struct certificate_url m;
	struct url_and_hash e;

	if (parse_certificate_url(s, &m))
		return;
	while (parse_url_and_hash(&m.list, &e) > 0) {
		look(e.sha1);
		(void)cert_url_valid(e.url);
	}
}

static void supplemental(struct slice s)
{
	struct slice list;
	struct supp_entry e;

	if (parse_supplemental_data(s, &list))
		return;
	while (parse_supp_entry(&list, &e) > 0)
		look(e.data);
}

static void user_mapping(struct slice s)
{
	struct user_mapping m;
	struct wr w = { 0 };

	if (usermap_parse(s, &m))
		return;
	ASSERT_LT(strlen(m.principal), UPN_MAX);
	ASSERT_LT(strlen(m.domain), UPN_DOMAIN_MAX);
	if (*m.principal || *m.domain)
		EXPECT_OK(usermap_write(&w, *m.principal ? m.principal : NULL,
					*m.domain ? m.domain : NULL));
	wr_free(&w);
}

static void pkipath(struct slice s)
{
	struct slice list, der;

	if (parse_pkipath(s, &list))
		return;
	while (parse_pkipath_entry(&list, &der) > 0)
		look(der);
}

/* The first byte says of which message */
static void extensions(struct slice s)
{
	bool bad = false;
	struct rd r;
	struct exts e;

	if (!s.len)
		return;
	r = rd_init(s.p + 1, s.len - 1, &bad);
	if (!exts_parse(&r, 1 << s.p[0] % 8, ~0ull, &e))
		look_exts(&e);
}

static const struct parser {
	int msg;		/* whose body it takes; -1: of none */
	void (*parse)(struct slice s);
} parsers[] = {
	{ HT_CLIENT_HELLO, client_hello },
	{ HT_SERVER_HELLO, server_hello },
	{ HT_ENCRYPTED_EXTENSIONS, encrypted_extensions },
	{ HT_CERTIFICATE_REQUEST, certificate_request },
	{ HT_CERTIFICATE_REQUEST, certificate_request12 },
	{ HT_CERTIFICATE, certificate },
	{ HT_CERTIFICATE, certificate12 },
	{ HT_COMPRESSED_CERTIFICATE, compressed },
	{ HT_CERTIFICATE_VERIFY, certificate_verify },
	{ HT_NEW_SESSION_TICKET, ticket },
	{ HT_NEW_SESSION_TICKET, ticket12 },
	{ HT_KEY_UPDATE, key_update },
	{ HT_SERVER_KEY_EXCHANGE, ecdhe },
	{ HT_SERVER_KEY_EXCHANGE, dhe },
	{ HT_CLIENT_KEY_EXCHANGE, ecdhe },
	{ HT_CLIENT_KEY_EXCHANGE, dhe },
	{ HT_CERTIFICATE_STATUS, status },
	{ HT_CERTIFICATE_URL, url },
	{ HT_SUPPLEMENTAL_DATA, supplemental },
	{ -1, user_mapping },
	{ -1, pkipath },
	{ -1, extensions },
};

#define PARSERS	(sizeof(parsers) / sizeof(*parsers))

void fuzz_parse(const uint8_t *p, size_t len)
{
	if (len)
		parsers[p[0] % PARSERS].parse((struct slice){ p + 1,
							      len - 1 });
}

static void keep(struct mitm *m, enum end from, struct flight *f, void *arg)
{
	(void)m;
	(void)from;
	(void)arg;
	for (size_t i = 0; i < f->n; i++) {
		const struct item *it = &f->item[i];

		for (uint8_t n = 0; n < PARSERS; n++)
			if (parsers[n].msg >= 0 &&
			    item_is(it, (uint8_t)parsers[n].msg))
				seed_with(n, (struct slice){
					it->data.buf + MSG_HEADER,
					it->data.len - MSG_HEADER });
	}
}

void seed_parse(void)
{
	struct wr hint = { 0 };

	for (size_t way = 0; way < ways_count(); way++)
		mitm_run(way_begin(way), keep, NULL);
	for (uint8_t n = 0; n < PARSERS; n++)
		seed_with(n, slice_str(""));
	ASSERT_OK(usermap_write(&hint, "user@example.test", "example.test"));
	for (uint8_t n = 0; n < PARSERS; n++)
		if (parsers[n].parse == user_mapping)
			seed_with(n, (struct slice){ hint.buf, hint.len });
	wr_free(&hint);
}
