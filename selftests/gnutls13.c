// SPDX-License-Identifier: GPL-2.0-only
/* Resumption of TLS 1.3 with GnuTLS, in both roles */
#include <stdio.h>
#include <string.h>

#include "clock_lib.h"
#include "gnutls_lib.h"
#include "harness.h"
#include "session_lib.h"

FIXTURE(gnutls) {
	struct ktls_config *ours;
	gnutls_datum_t key, session;	/* of the server, of the client */
	char priority[128];
};

FIXTURE_VARIANT(gnutls) {
	bool server;		/* GnuTLS is it */
	const char *cipher;
	bool mutual;
	unsigned int flags;	/* ours */
};

FIXTURE_VARIANT_ADD(gnutls, server) { true, "AES-128-GCM", false, 0 };
FIXTURE_VARIANT_ADD(gnutls, server_sha384) { true, "AES-256-GCM", false, 0 };
FIXTURE_VARIANT_ADD(gnutls, server_mutual) {
	true, "CHACHA20-POLY1305", true, 0,
};

FIXTURE_VARIANT_ADD(gnutls, client) { false, "AES-128-GCM", false, 0 };
FIXTURE_VARIANT_ADD(gnutls, client_sha384) { false, "AES-256-GCM", false, 0 };
FIXTURE_VARIANT_ADD(gnutls, client_mutual) {
	false, "CHACHA20-POLY1305", true, 0,
};

FIXTURE_VARIANT_ADD(gnutls, client_single_use) {
	false, "AES-128-GCM", false, KTLS_F_SINGLE_USE,
};

static struct ktls_config *make(const FIXTURE_VARIANT(gnutls) *v,
				struct ktls_opts o)
{
	const struct ktls_cred client = pki_cred("client");

	o.size = sizeof(o);
	o.role = v->server ? KTLS_CLIENT : KTLS_SERVER;
	o.flags |= v->flags;
	o.tx = o.rx = KTLS_PATH_USER;
	if (v->mutual && v->server) {
		o.creds = &client;
		o.creds_len = 1;
	} else if (v->mutual) {
		o.verify = KTLS_VERIFY_REQUIRE;
	}
	return config(&o);
}

static void new_key(FIXTURE_DATA(gnutls) *self)
{
	gnutls_free(self->key.data);
	ASSERT_EQ(gnutls_session_ticket_key_generate(&self->key), 0);
}

static void use_groups(FIXTURE_DATA(gnutls) *self, const char *cipher,
		       const char *with)
{
	snprintf(self->priority, sizeof(self->priority),
		 "+VERS-TLS1.3:+%s:%s", cipher, with);
}

static void replace(FIXTURE_DATA(gnutls) *self, struct ktls_config *to)
{
	ktls_config_put(self->ours);
	self->ours = to;
}

#define USE(...) replace(self, make(variant, (struct ktls_opts){ __VA_ARGS__ }))

FIXTURE_SETUP(gnutls)
{
	new_key(self);
	use_groups(self, variant->cipher, "+GROUP-ALL");
	USE(.flags = 0);
}

FIXTURE_TEARDOWN(gnutls)
{
	gnutls_free(self->key.data);
	gnutls_free(self->session.data);
	ktls_config_put(self->ours);
}

/* FULL or RESUMED, as both say */
static int once(FIXTURE_DATA(gnutls) *self, const FIXTURE_VARIANT(gnutls) *v,
		struct ktls_info *info)
{
	struct gnutls_end g;
	struct ktls_hs *hs;
	int gerr;

	gnutls_end_new(&g, &(struct gnutls_opts){
		.server = v->server, .priority = self->priority,
		.cert = v->server ? "p256" : v->mutual ? "client" : NULL,
		.require = v->server && v->mutual,
		.ticket_key = v->server ? &self->key : NULL,
		.resume = self->session.size ? &self->session : NULL });
	ASSERT_OK(ktls_hs_new(&hs, self->ours, v->server ? "localhost" :
			      NULL));
	ASSERT_OK(gnutls_end_run(&g, hs, &gerr))
		TH_LOG("%s", ktls_hs_error_text(hs));
	ktls_hs_info(hs, info);
	EXPECT_EQ(info->version, KTLS_TLS13);
	EXPECT_EQ(info->resumed, !!gnutls_session_is_resumed(g.session));
	EXPECT_EQ(info->peer_verified, v->server || v->mutual);
	if (v->server)
		EXPECT_STREQ(info->peer_subject, "CN = p256");
	else if (v->mutual)
		EXPECT_STREQ(info->peer_subject, "CN = client");
	/* the tickets pass with the data */
	gnutls_end_talk(&g, hs);
	if (!v->server) {
		gnutls_free(self->session.data);
		ASSERT_EQ(gnutls_session_get_data2(g.session, &self->session),
			  0);
	}
	gnutls_end_free(&g);
	return info->resumed;
}

#define ONCE(info)		once(self, variant, info)
#define EXPECT_NEXT(how)						\
	do {								\
		struct ktls_info none;					\
		ASSERT_EQ(ONCE(&none), how);				\
	} while (0)

TEST_F(gnutls, again_and_again)
{
	struct ktls_info info;

	EXPECT_NEXT(FULL);
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(ONCE(&info), RESUMED);
		EXPECT_NE(info.group, 0);
		EXPECT_EQ(info.retried, 0);
		EXPECT_EQ(info.sigalg, 0);
		EXPECT_EQ(info.peer_sigalg, 0);
	}
}

TEST_F(gnutls, server_has_lost_it)
{
	EXPECT_NEXT(FULL);
	EXPECT_NEXT(RESUMED);
	if (variant->server)
		new_key(self);
	else
		USE(.flags = 0);
	for (int i = 0; i < (variant->server ? 4 : 1); i++) {
		struct ktls_info info;
		int how = ONCE(&info);

		/* our client may have another of the old ones */
		if (!i || !variant->server)
			EXPECT_EQ(how, FULL);
	}
	EXPECT_NEXT(RESUMED);
}

/* A group that is not the first choice of the client, then and now */
TEST_F(gnutls, retried)
{
	struct ktls_info info;

	use_groups(self, variant->cipher, variant->server ? "+GROUP-SECP384R1" :
		   "+GROUP-X25519:+GROUP-SECP384R1");
	USE(.groups = variant->server ? "x25519:secp384r1" : "secp384r1");
	EXPECT_NEXT(FULL);
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(ONCE(&info), RESUMED);
		EXPECT_EQ(info.group, 0x18);
		/* GnuTLS sends two shares */
		EXPECT_EQ(info.retried, variant->server);
	}
}

TEST_F(gnutls, retried_without_state)
{
	struct ktls_info info;

	if (variant->server)
		return;
	/* GnuTLS refuses one that asks for a cookie alone */
	use_groups(self, variant->cipher, "+GROUP-X25519:+GROUP-SECP384R1:"
		   "+GROUP-SECP521R1");
	USE(.flags = KTLS_F_COOKIE, .groups = "secp521r1");
	EXPECT_NEXT(FULL);
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(ONCE(&info), RESUMED);
		EXPECT_EQ(info.retried, 1);
	}
}

/* A ticket is for the hash of its suite */
TEST_F(gnutls, another_hash)
{
	struct ktls_info info;
	int how = FULL;

	/* GnuTLS fails as server if it has the ticket, and not its suites */
	if (variant->server)
		return;
	EXPECT_NEXT(FULL);
	use_groups(self, strcmp(variant->cipher, "AES-256-GCM") ?
		   "AES-256-GCM" : "AES-128-GCM", "+GROUP-ALL");
	EXPECT_NEXT(FULL);
	for (int i = 0; i < 5 && how == FULL; i++)
		how = ONCE(&info);
	EXPECT_EQ(how, RESUMED);
}

TEST_F(gnutls, none_of_ours)
{
	if (variant->server) {
		gnutls_free(self->key.data);
		self->key = (gnutls_datum_t){ NULL, 0 };
		new_key(self);
	}
	USE(.flags = KTLS_F_NO_TICKETS);
	for (int i = 0; i < 3; i++)
		EXPECT_NEXT(FULL);
}

TEST_F(gnutls, expired)
{
	USE(.session_lifetime = 100);
	EXPECT_NEXT(FULL);
	EXPECT_NEXT(RESUMED);
	clock_ahead(101);
	EXPECT_NEXT(FULL);
	EXPECT_NEXT(RESUMED);
}

HARNESS_MAIN
