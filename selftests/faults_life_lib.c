// SPDX-License-Identifier: GPL-2.0-only
/* What is done while something fails: with a connection, to its end */
#include <string.h>

#include "../lib/secret.h"
#include "faults_run_lib.h"
#include "harness.h"

void count_carried(struct run *r, const struct ktls_conn *conn)
{
	r->carried += (unsigned int)__builtin_popcount(ktls_conn_kernel(conn));
}

bool hand_over(struct run *r)
{
	for (int i = 0; i < 2; i++) {
		if (!TRY(r, ktls_offload(&r->conn[i], r->hs[i], r->fd[i])))
			return false;
		r->hs[i] = NULL;
		count_carried(r, r->conn[i]);
	}
	return true;
}

/* What the kernel does not take is told, and who carries what is so */
static bool told(struct run *r)
{
	unsigned int errors = 0;

	for (int i = 0; i < 2; i++) {
		unsigned int kernel = ktls_conn_kernel(r->conn[i]);
		struct ktls_info info;

		ktls_conn_info(r->conn[i], &info);
		EXPECT_EQ(info.tx.step == KTLS_STEP_NONE,
			  !!(kernel & KTLS_TX));
		EXPECT_EQ(info.rx.step == KTLS_STEP_NONE,
			  !!(kernel & KTLS_RX));
		errors += info.tx.error == fault_errno(r->kind);
		errors += info.rx.error == fault_errno(r->kind);
	}
	/* of a ULP that is there, or so it says, it is the keys that fail */
	if (fault_taken() && !strcmp(fault_where(), "setsockopt") &&
	    r->kind != FAULT_EEXIST)
		EXPECT_GT(errors, 0);
	return true;
}

/* As one does who reads the socket past us: is it data that comes? */
static bool look(struct run *r, int to)
{
	ssize_t n;

	if (!(ktls_conn_kernel(r->conn[to]) & KTLS_RX))
		return true;
	n = UNTIL(r, to, ktls_conn_control(r->conn[to]));
	return good(r, n ? n : -EPROTO, "control");
}

static bool take(struct run *r, int to, size_t len)
{
	char got[sizeof(FAULT_MARK)];
	size_t at = 0;

	wire_pump(&r->wire);
	if (to == SERVER_END && !look(r, to))
		return false;
	while (at < len) {
		ssize_t n = UNTIL(r, to, ktls_recv(r->conn[to], got + at,
						   len - at, 0));

		/* nobody has closed it */
		if (!good(r, n ? n : -EPROTO, "recv"))
			return false;
		at += (size_t)n;
	}
	EXPECT_MEMEQ(got, FAULT_MARK, len);
	return true;
}

static bool say(struct run *r, int from)
{
	size_t at = 0, len = sizeof(FAULT_MARK) - 1;

	while (at < len) {
		ssize_t n = UNTIL(r, from,
				  ktls_send(r->conn[from], &FAULT_MARK[at],
					    len - at, 0));

		if (!good(r, n, "send"))
			return false;
		at += (size_t)n;
	}
	return good(r, UNTIL(r, from, ktls_flush(r->conn[from])),
		    "flush") && take(r, !from, len);
}

static bool say_file(struct run *r, int from)
{
	size_t len = sizeof(FAULT_MARK) - 1;
	off_t at = 0;

	while ((size_t)at < len)
		if (!good(r, UNTIL(r, from,
				   ktls_sendfile(r->conn[from], r->file, &at,
						 len - (size_t)at)),
			  "sendfile"))
			return false;
	return good(r, UNTIL(r, from, ktls_flush(r->conn[from])),
		    "flush") && take(r, !from, len);
}

bool talk(struct run *r)
{
	return say(r, CLIENT_END) && say(r, SERVER_END);
}

#define DO(r, end, call)						\
	good(r, UNTIL(r, end, call((r)->conn[end])), #call)

static bool rekey_and_tickets(struct run *r)
{
	struct ktls_conn *client = r->conn[CLIENT_END];
	struct ktls_conn *server = r->conn[SERVER_END];
	ssize_t n = UNTIL(r, CLIENT_END,
			  ktls_conn_rekey(client, KTLS_REKEY_BOTH));

	/* a kernel that cannot says so, or has been made to */
	if (n != -KTLS_E_NO_REKEY && !good(r, n, "rekey"))
		return false;
	return talk(r) &&
	       good(r, UNTIL(r, SERVER_END,
			     ktls_conn_send_tickets(server, 2)), "tickets") &&
	       DO(r, SERVER_END, ktls_flush) && talk(r);
}

/* As another process would, with the same socket */
static bool save_and_load(struct run *r, int end)
{
	uint8_t buf[65536];
	struct ktls_conn *now;
	ssize_t n = UNTIL(r, end, ktls_conn_save(r->conn[end], buf,
						 sizeof(buf), 0));
	int err;

	if (!good(r, n, "save"))
		return false;
	err = ktls_conn_load(&now, r->cfg[end], r->fd[end], buf, (size_t)n, 0);
	wipe(buf, sizeof(buf));
	if (!good(r, err, "load"))
		return false;
	ktls_conn_free(r->conn[end]);
	r->conn[end] = now;
	return true;
}

bool end_it(struct run *r)
{
	for (int i = 0; i < 2; i++) {
		char c;

		if (!DO(r, i, ktls_conn_shutdown))
			return false;
		wire_pump(&r->wire);
		if (!good(r, UNTIL(r, !i, ktls_recv(r->conn[!i], &c, 1, 0)),
			  "end"))
			return false;
	}
	return true;
}

bool live(struct run *r)
{
	uint8_t key[32];

	return hand_over(r) && told(r) && talk(r) && say_file(r, SERVER_END) &&
	       TRY(r, ktls_conn_export(r->conn[0], "EXPORTER-x", NULL, 0, key,
				       sizeof(key))) &&
	       (r->s->client.max_version == KTLS_TLS12 ||
		rekey_and_tickets(r)) &&
	       save_and_load(r, SERVER_END) && talk(r) &&
	       save_and_load(r, CLIENT_END) && talk(r) && end_it(r);
}

bool live_whole(struct run *r)
{
	return shake_hands(r) && live(r);
}
