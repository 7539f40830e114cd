// SPDX-License-Identifier: GPL-2.0-only
#include "flow_lib.h"

#include <stdio.h>
#include <string.h>

#include "harness.h"

static const char *message_name(uint8_t msg)
{
	static const struct {
		enum msg_type msg;
		const char *name;
	} rows[] = {
		{ HT_HELLO_REQUEST, "HelloRequest" },
		{ HT_CLIENT_HELLO, "ClientHello" },
		{ HT_SERVER_HELLO, "ServerHello" },
		{ HT_NEW_SESSION_TICKET, "NewSessionTicket" },
		{ HT_CERTIFICATE, "Certificate" },
		{ HT_SERVER_KEY_EXCHANGE, "ServerKeyExchange" },
		{ HT_CERTIFICATE_REQUEST, "CertificateRequest" },
		{ HT_SERVER_HELLO_DONE, "ServerHelloDone" },
		{ HT_CERTIFICATE_VERIFY, "CertificateVerify" },
		{ HT_CLIENT_KEY_EXCHANGE, "ClientKeyExchange" },
		{ HT_FINISHED, "Finished" },
		{ HT_SUPPLEMENTAL_DATA, "SupplementalData" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (rows[i].msg == msg)
			return rows[i].name;
	return "?";
}

static const char *item_name(const struct item *it)
{
	switch (it->type) {
	case CT_HANDSHAKE:
		return message_name(it->data.buf[0]);
	case CT_CHANGE_CIPHER_SPEC:
		return "[ChangeCipherSpec]";
	default:
		return "(alert)";
	}
}

static void draw(struct figure *fig, enum end from, const struct item *it,
		 bool last)
{
	const char *arrow = !last ? "" : from == CLIENT_END ? "-------->" :
							     "<--------";
	const char *name = item_name(it);
	bool client = from == CLIENT_END;

	fig->len += (size_t)snprintf(fig->text + fig->len,
				     sizeof(fig->text) - fig->len,
				     "%-20s%-9s%19s |%u\n",
				     client ? name : "", arrow,
				     client ? "" : name, fig->level[from]);
	ASSERT_LT(fig->len, sizeof(fig->text));
}

void figure_draw(struct mitm *m, enum end from, struct flight *f, void *arg)
{
	struct figure *fig = arg;

	(void)m;
	for (size_t i = 0; i < f->n; i++) {
		const struct item *it = &f->item[i];

		/* whoever has changed keys protects what he says */
		EXPECT_EQ(it->sealed, fig->level[from] > 0);
		draw(fig, from, it, i + 1 == f->n);
		fig->level[from] += it->type == CT_CHANGE_CIPHER_SPEC;
	}
}

void figure_check(const struct figure *fig, const char *want)
{
	const char *a = fig->text, *b = want;

	while (*a && *a == *b) {
		a++;
		b++;
	}
	EXPECT_EQ(*a, *b) TH_LOG("the flow is\n%swhere this was to be\n%s",
				 fig->text, want);
}
