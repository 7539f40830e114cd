// SPDX-License-Identifier: GPL-2.0-only
/* 'ktls agent': what asks it (agent), and its file (conf) */
#include <stdarg.h>
#include <stdio.h>

#include "../../tools/agent_conf.h"
#include "../../tools/agent_wire.h"
#include "../../tools/log.h"
#include "../harness.h"
#include "../peer.h"
#include "fuzz_lib.h"

/* In place of log.c's: nobody reads as much */
void complain(const char *fmt, ...)
{
	char text[8192];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
}

void fuzz_agent(const uint8_t *p, size_t len)
{
	struct ask ask;

	if (!ask_parse(&ask, p, len))
		return;
	ASSERT_LT(strnlen(ask.credential, sizeof(ask.credential)),
		  sizeof(ask.credential));
	ASSERT_LT(strnlen(ask.server_name, sizeof(ask.server_name)),
		  sizeof(ask.server_name));
	ASSERT_LT(strnlen(ask.alpn, sizeof(ask.alpn)), sizeof(ask.alpn));
	ASSERT_TRUE(ask.role == KTLS_SERVER || ask.role == KTLS_CLIENT);
}

static void head(struct wr *w)
{
	wr_reset(w);
	wr_u32(w, KTLS_AGENT_MAGIC);
	wr_u16(w, KTLS_AGENT_VERSION);
	wr_u16(w, KTLS_AGENT_ASK);
}

static void number(struct wr *w, enum ktls_agent_field field, uint32_t n,
		   unsigned int bytes)
{
	wr_u32(w, field);
	wr_vec(w, 4)
		wr_uint(w, n, bytes);
}

static void text(struct wr *w, enum ktls_agent_field field, const char *s)
{
	wr_u32(w, field);
	wr_opaque(w, 4, slice_str(s));
}

void seed_agent(void)
{
	struct wr w = { 0 };

	head(&w);
	number(&w, KTLS_AGENT_ROLE, KTLS_SERVER, 1);
	text(&w, KTLS_AGENT_CREDENTIAL, "name");
	seed(w.buf, w.len);
	number(&w, KTLS_AGENT_TIMEOUT, 1000, 4);
	number(&w, KTLS_AGENT_VERIFY, KTLS_VERIFY_REQUIRE, 1);
	number(&w, KTLS_AGENT_MIN_VERSION, KTLS_TLS12, 2);
	number(&w, KTLS_AGENT_MAX_VERSION, KTLS_TLS13, 2);
	number(&w, KTLS_AGENT_TX, KTLS_PATH_USER, 1);
	number(&w, KTLS_AGENT_RX, KTLS_PATH_USER, 1);
	text(&w, KTLS_AGENT_SERVER_NAME, "localhost");
	text(&w, KTLS_AGENT_ALPN, "h2,http/1.1");
	seed(w.buf, w.len);
	wr_free(&w);
}

/* ---- its file ---------------------------------------------------------- */

void fuzz_conf(const uint8_t *p, size_t len)
{
	const char *path = temp_file(0, (struct slice){ p, len });
	struct agent_conf conf;

	if (agent_conf_read(&conf, path))
		return;
	for (size_t i = 0; i < conf.len; i++) {
		const struct credential *c = &conf.creds[i];

		ASSERT_TRUE(*c->name && c->roles);
		ASSERT_TRUE(c->users.all || c->users.len || c->members.all ||
			    c->members.len);
	}
	agent_conf_free(&conf);
}

void seed_conf(void)
{
	char buf[8192];
	int n = snprintf(buf, sizeof(buf), "# of the tests\n[web]\n"
			 "roles = server client\ncert = %s\nkey = %s\n"
			 "trust = %s\nusers = root 1000\ngroups = *\n"
			 "verify = require\nalpn = h2,http/1.1\n"
			 "tls = 1.2 1.3\nkey-exchange = x25519\n"
			 "ciphers = TLS_AES_128_GCM_SHA256\n\n[other]\n"
			 "roles = client\nusers = *\ntrust = %s\n",
			 pki("p256"), pki_key("p256"), pki("ca"), pki("ca"));

	seed(buf, (size_t)n);
	for (int at = 1; at < n; at += 40)
		seed(buf, (size_t)at);
}
