// SPDX-License-Identifier: GPL-2.0-only
/*
 * The message flows of TLS 1.2 as its documents draw them: RFC 5246 figures 1
 * and 2, RFC 5077 figures 1 and 2, RFC 4680 figures 1 and 2, RFC 4681 figure
 * 1, and RFC 4492 figure 1 for static ECDH.  Each in memory, where it is looked
 * at, and over a socket, where it ends in the kernel if that has TLS.
 */
#include <string.h>
#include <sys/socket.h>

#include "flow_lib.h"
#include "harness.h"
#include "mode_lib.h"
#include "peer.h"

/* ---- data of the application ------------------------------------------- */

#define SUPP_TYPE	65280	/* for private use, as the extension is */
#define SUPP_EXT	65300

struct heard {
	int times;
	char said[64];
};

static struct heard by_client, by_server;

static int hear(void *arg, struct ktls_hs *hs, uint16_t type, const void *data,
		size_t len)
{
	struct heard *h = arg;

	(void)hs;
	EXPECT_EQ(type, SUPP_TYPE);
	ASSERT_LT(len, sizeof(h->said));
	memcpy(h->said, data, len);
	h->said[len] = 0;
	h->times++;
	return 0;
}

#define SUPP(say, h)							\
	.supp = &(const struct ktls_supp){				\
		.type = SUPP_TYPE, .extension = SUPP_EXT,		\
		.data = (say), .data_len = sizeof(say) - 1,		\
		.recv = hear, .arg = (h),				\
	}, .supp_len = 1

/* ---- flows ------------------------------------------------------------- */

FIXTURE(flow) {
	struct ktls_opts client, server;
};

FIXTURE_VARIANT(flow) {
	bool mutual, resumed;
	const char *cert;		/* the server's; NULL: p256 */
	unsigned int flags;		/* of both */
	const struct ktls_opts *client, *server;
	const char *figure;
};

#define NO_RESUMPTION	.sessions = KTLS_NO_SESSIONS

FIXTURE_VARIANT_ADD(flow, full) {
	.flags = KTLS_F_NO_TICKETS,
	.client = KTLS_OPTS(.flags = 0), .server = KTLS_OPTS(.flags = 0),
	.figure =
"ClientHello         -------->                    |0\n"
"                                     ServerHello |0\n"
"                                     Certificate |0\n"
"                               ServerKeyExchange |0\n"
"                    <--------    ServerHelloDone |0\n"
"ClientKeyExchange                                |0\n"
"[ChangeCipherSpec]                               |0\n"
"Finished            -------->                    |1\n"
"                              [ChangeCipherSpec] |0\n"
"                    <--------           Finished |1\n"
};

FIXTURE_VARIANT_ADD(flow, mutual) {
	.flags = KTLS_F_NO_TICKETS, .mutual = true,
	.client = KTLS_OPTS(.flags = 0), .server = KTLS_OPTS(.flags = 0),
	.figure =
"ClientHello         -------->                    |0\n"
"                                     ServerHello |0\n"
"                                     Certificate |0\n"
"                               ServerKeyExchange |0\n"
"                              CertificateRequest |0\n"
"                    <--------    ServerHelloDone |0\n"
"Certificate                                      |0\n"
"ClientKeyExchange                                |0\n"
"CertificateVerify                                |0\n"
"[ChangeCipherSpec]                               |0\n"
"Finished            -------->                    |1\n"
"                              [ChangeCipherSpec] |0\n"
"                    <--------           Finished |1\n"
};

FIXTURE_VARIANT_ADD(flow, abbreviated) {
	.flags = KTLS_F_NO_TICKETS, .resumed = true,
	.client = KTLS_OPTS(.flags = 0), .server = KTLS_OPTS(.flags = 0),
	.figure =
"ClientHello         -------->                    |0\n"
"                                     ServerHello |0\n"
"                              [ChangeCipherSpec] |0\n"
"                    <--------           Finished |1\n"
"[ChangeCipherSpec]                               |0\n"
"Finished            -------->                    |1\n"
};

FIXTURE_VARIANT_ADD(flow, ticket) {
	.client = KTLS_OPTS(.flags = 0), .server = KTLS_OPTS(.flags = 0),
	.figure =
"ClientHello         -------->                    |0\n"
"                                     ServerHello |0\n"
"                                     Certificate |0\n"
"                               ServerKeyExchange |0\n"
"                    <--------    ServerHelloDone |0\n"
"ClientKeyExchange                                |0\n"
"[ChangeCipherSpec]                               |0\n"
"Finished            -------->                    |1\n"
"                                NewSessionTicket |0\n"
"                              [ChangeCipherSpec] |0\n"
"                    <--------           Finished |1\n"
};

#define ECDH	.ciphers = "TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256"

/* RFC 4492 figure 1, without what is not sent (2.1) */
FIXTURE_VARIANT_ADD(flow, static_ecdh) {
	.flags = KTLS_F_NO_TICKETS, .mutual = true, .cert = "nosign",
	.client = KTLS_OPTS(ECDH), .server = KTLS_OPTS(ECDH),
	.figure =
"ClientHello         -------->                    |0\n"
"                                     ServerHello |0\n"
"                                     Certificate |0\n"
"                              CertificateRequest |0\n"
"                    <--------    ServerHelloDone |0\n"
"Certificate                                      |0\n"
"ClientKeyExchange                                |0\n"
"CertificateVerify                                |0\n"
"[ChangeCipherSpec]                               |0\n"
"Finished            -------->                    |1\n"
"                              [ChangeCipherSpec] |0\n"
"                    <--------           Finished |1\n"
};

/* RFC 4680 figure 1 */
FIXTURE_VARIANT_ADD(flow, supplemental_data) {
	.flags = KTLS_F_NO_TICKETS, .mutual = true,
	.client = KTLS_OPTS(SUPP("the client's", &by_client)),
	.server = KTLS_OPTS(SUPP("the server's", &by_server)),
	.figure =
"ClientHello         -------->                    |0\n"
"                                     ServerHello |0\n"
"                                SupplementalData |0\n"
"                                     Certificate |0\n"
"                               ServerKeyExchange |0\n"
"                              CertificateRequest |0\n"
"                    <--------    ServerHelloDone |0\n"
"SupplementalData                                 |0\n"
"Certificate                                      |0\n"
"ClientKeyExchange                                |0\n"
"CertificateVerify                                |0\n"
"[ChangeCipherSpec]                               |0\n"
"Finished            -------->                    |1\n"
"                              [ChangeCipherSpec] |0\n"
"                    <--------           Finished |1\n"
};

/* RFC 4680 figure 2; the server asks for what the client begins by itself */
FIXTURE_VARIANT_ADD(flow, double_handshake) {
	.flags = KTLS_F_NO_TICKETS | KTLS_F_DOUBLE_HANDSHAKE, .mutual = true,
	.client = KTLS_OPTS(SUPP("the client's", &by_client)),
	.server = KTLS_OPTS(SUPP("the server's", &by_server)),
	.figure =
"ClientHello         -------->                    |0\n"
"                                     ServerHello |0\n"
"                                     Certificate |0\n"
"                               ServerKeyExchange |0\n"
"                              CertificateRequest |0\n"
"                    <--------    ServerHelloDone |0\n"
"Certificate                                      |0\n"
"ClientKeyExchange                                |0\n"
"CertificateVerify                                |0\n"
"[ChangeCipherSpec]                               |0\n"
"Finished            -------->                    |1\n"
"                              [ChangeCipherSpec] |0\n"
"                                        Finished |1\n"
"                    <--------       HelloRequest |1\n"
"ClientHello         -------->                    |1\n"
"                                     ServerHello |1\n"
"                                SupplementalData |1\n"
"                                     Certificate |1\n"
"                               ServerKeyExchange |1\n"
"                              CertificateRequest |1\n"
"                    <--------    ServerHelloDone |1\n"
"SupplementalData                                 |1\n"
"Certificate                                      |1\n"
"ClientKeyExchange                                |1\n"
"CertificateVerify                                |1\n"
"[ChangeCipherSpec]                               |1\n"
"Finished            -------->                    |2\n"
"                              [ChangeCipherSpec] |1\n"
"                    <--------           Finished |2\n"
};

/* RFC 4681 figure 1 */
FIXTURE_VARIANT_ADD(flow, user_mapping) {
	.flags = KTLS_F_NO_TICKETS, .mutual = true,
	.client = KTLS_OPTS(.user_principal = "j\xc3\xb6rg@example.test",
			    .user_domain = "example.test"),
	.server = KTLS_OPTS(.flags = KTLS_F_USER_MAPPING),
	.figure =
"ClientHello         -------->                    |0\n"
"                                     ServerHello |0\n"
"                                     Certificate |0\n"
"                               ServerKeyExchange |0\n"
"                              CertificateRequest |0\n"
"                    <--------    ServerHelloDone |0\n"
"SupplementalData                                 |0\n"
"Certificate                                      |0\n"
"ClientKeyExchange                                |0\n"
"CertificateVerify                                |0\n"
"[ChangeCipherSpec]                               |0\n"
"Finished            -------->                    |1\n"
"                              [ChangeCipherSpec] |0\n"
"                    <--------           Finished |1\n"
};

static const struct ktls_cred *client_cred(void)
{
	static struct ktls_cred cred;

	cred = pki_cred("client");
	return &cred;
}

static const struct ktls_cred *server_cred(const char *name)
{
	static struct ktls_cred cred;

	cred = pki_cred(name);
	return &cred;
}

FIXTURE_SETUP(flow)
{
	struct ktls_opts *c = &self->client, *s = &self->server;

	*c = *variant->client;
	*s = *variant->server;
	c->flags |= variant->flags;
	s->flags |= variant->flags;
	c->min_version = c->max_version = KTLS_TLS12;
	s->min_version = s->max_version = KTLS_TLS12;
	if (variant->cert) {
		s->creds = server_cred(variant->cert);
		s->creds_len = 1;
	}
	if (!variant->mutual)
		return;
	c->creds = client_cred();
	c->creds_len = 1;
	s->verify = KTLS_VERIFY_REQUIRE;
	by_client = by_server = (struct heard){ 0 };
}

/* What each end knows of it at the end */
static void check_infos(const FIXTURE_VARIANT(flow) *v,
			const struct ktls_info *c, const struct ktls_info *s)
{
	bool twice = v->flags & KTLS_F_DOUBLE_HANDSHAKE;

	EXPECT_EQ(c->resumed, v->resumed);
	EXPECT_EQ(s->resumed, v->resumed);
	EXPECT_EQ(c->renegotiated, twice);
	EXPECT_EQ(s->renegotiated, twice);
	EXPECT_EQ(c->secure_renegotiation, 1);
	EXPECT_EQ(s->secure_renegotiation, 1);
	EXPECT_EQ(s->peer_verified, v->mutual);
	EXPECT_STREQ(c->user_principal, "");
	EXPECT_STREQ(s->user_principal, v->client->user_principal ?
		     v->client->user_principal : "");
	EXPECT_STREQ(s->user_domain, v->client->user_domain ?
		     v->client->user_domain : "");
	EXPECT_EQ(by_client.times, v->client->supp_len);
	EXPECT_EQ(by_server.times, v->server->supp_len);
	if (!v->client->supp_len)
		return;
	EXPECT_STREQ(by_client.said, "the server's");
	EXPECT_STREQ(by_server.said, "the client's");
}

TEST_F(flow, in_memory)
{
	struct figure fig = { 0 };
	struct ktls_info c, s;
	struct mitm m;

	mitm_begin(&m, &self->client, &self->server, NULL);
	if (variant->resumed) {
		mitm_run(&m, NULL, NULL);
		mitm_agree(&m);
		mitm_again(&m);
	}
	mitm_run(&m, figure_draw, &fig);
	mitm_agree(&m);
	figure_check(&fig, variant->figure);
	ktls_hs_info(m.hs[CLIENT_END], &c);
	ktls_hs_info(m.hs[SERVER_END], &s);
	check_infos(variant, &c, &s);
	mitm_end(&m);
}

/* And the connection goes on where it ended, whoever carries it */
TEST_F(flow, on_a_socket)
{
	struct ktls_config *client, *server;
	struct ktls_info c, s;
	struct ktls_caps caps;
	struct pair p;

	self->client.role = KTLS_CLIENT;
	self->server.role = KTLS_SERVER;
	client = config(&self->client);
	server = config(&self->server);
	if (variant->resumed) {
		pair_open(&p, client, server);
		pair_close(&p);
	}
	pair_open(&p, client, server);
	ASSERT_OK(ktls_probe(&caps));
	if (!caps.ulp_error) {
		EXPECT_EQ(ktls_conn_kernel(p.client), KTLS_TX | KTLS_RX);
		EXPECT_EQ(ktls_conn_kernel(p.server), KTLS_TX | KTLS_RX);
	}
	ktls_conn_info(p.client, &c);
	ktls_conn_info(p.server, &s);
	check_infos(variant, &c, &s);
	exchange(p.client, p.server, 40000);
	exchange(p.server, p.client, 40000);
	close_both(p.client, p.server);
	pair_close(&p);
	ktls_config_put(client);
	ktls_config_put(server);
}

HARNESS_MAIN
