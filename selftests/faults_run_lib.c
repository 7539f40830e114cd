// SPDX-License-Identifier: GPL-2.0-only
/* What is done while something fails */
#include "faults_run_lib.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/config.h"
#include "../lib/sched13.h"
#include "harness.h"
#include "mode_lib.h"

/* ---- secrets ------------------------------------------------------------ */

static int nibble(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* The secret of each line, and in TLS 1.3 the key that is made of it */
static void learn(void *arg, const char *line)
{
	const struct run *r = arg;
	const char *hex = strrchr(line, ' ') + 1;
	struct traffic_keys keys = { 0 };
	struct secret s = { 0 };

	for (; hex[0] && hex[1] && s.len < sizeof(s.b); hex += 2)
		s.b[s.len++] = (uint8_t)(nibble(hex[0]) << 4 | nibble(hex[1]));
	secret_known(line, s.b);
	fault_pause(1);
	if (strstr(line, "TRAFFIC_SECRET") &&
	    !traffic_keys(r->cfg[0]->crypto, suite_find(0x1301), &s, &keys))
		secret_known("key of the last", keys.key);
	fault_pause(-1);
	wipe(&s, sizeof(s));
	wipe(&keys, sizeof(keys));
}

/* The server's private key: what stands in the middle of the file */
static char key_line[128];

void read_key(void)
{
	FILE *f = fopen(pki_key("p256"), "r");

	ASSERT_TRUE(f);
	for (int i = 0; i < 3; i++)
		ASSERT_TRUE(fgets(key_line, sizeof(key_line), f));
	fclose(f);
}

void learn_key(void)
{
	secret_known("private key", key_line);
}

void learn_ticket_keys(struct run *r)
{
	uint8_t keys[KTLS_TICKET_KEYS_SIZE];

	ASSERT_OK(ktls_ticket_keys_export(r->cfg[SERVER_END], keys));
	secret_known("ticket key", keys + sizeof(keys) - SECRET_NEEDLE);
	wipe(keys, sizeof(keys));
}

/* ---- what is done ------------------------------------------------------- */

/* Takes note of a failure, the first one; is @n none? */
static bool good(struct run *r, ssize_t n, const char *what)
{
	if (n >= 0)
		return true;
	if (!r->err) {
		r->err = (int)n;
		r->what = what;
	}
	return false;
}

#define TRY(r, call)	good(r, (call), #call)

bool make_configs(struct run *r)
{
	static const struct ktls_hooks hooks = { .keylog = learn };
	struct ktls_cred server = pki_cred("p256"), client = { 0 };

	if (r->s->client_cert)
		client = pki_cred(r->s->client_cert);
	for (int i = 0; i < 2; i++) {
		struct ktls_opts o = i ? r->s->server : r->s->client;

		o.size = sizeof(o);
		o.role = i ? KTLS_SERVER : KTLS_CLIENT;
		o.ca_file = pki("ca");
		o.hooks = &hooks;
		o.arg = r;
		o.groups = "x25519:secp256r1";
		o.ciphers = "TLS_AES_128_GCM_SHA256:"
			    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
		o.creds = i ? &server : &client;
		o.creds_len = i || r->s->client_cert;
		if (!TRY(r, ktls_config_new(&r->cfg[i], &o)))
			return false;
	}
	return true;
}

void free_configs(struct run *r)
{
	for (int i = 0; i < 2; i++) {
		ktls_config_put(r->cfg[i]);
		r->cfg[i] = NULL;
	}
}

void open_sockets(struct run *r)
{
	tcp_pair(r->fd);
	for (int i = 0; i < 2; i++) {
		set_socket(r->fd[i]);
		set_nonblock(r->fd[i]);
	}
}

void close_all(struct run *r)
{
	for (int i = 0; i < 2; i++) {
		ktls_conn_free(r->conn[i]);
		ktls_hs_free(r->hs[i]);
		r->conn[i] = NULL;
		r->hs[i] = NULL;
		close(r->fd[i]);
	}
}

/* Where there is nothing to be had now, or the fault has said so */
static void wait_socket(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	const struct timespec most = { .tv_nsec = 20000000 };

	ppoll(&p, 1, &most, NULL);
}

/* As far as it goes; failures of both ends, each of which tells the other */
bool shake_hands(struct run *r)
{
	bool done[2] = { false };

	for (int i = 0; i < 2; i++)
		if (!TRY(r, ktls_hs_new(&r->hs[i], r->cfg[i],
					i ? NULL : "localhost")))
			return false;
	for (int rounds = 0; !done[0] || !done[1]; rounds++) {
		if (rounds == 100)
			return TRY(r, -EDEADLK);
		for (int i = 0; i < 2; i++) {
			int n = done[i] ? 0 : ktls_hs_run(r->hs[i], r->fd[i]);

			done[i] = done[i] || n <= 0;
			if (!good(r, n, i ? "server" : "client"))
				__real_shutdown(r->fd[i], SHUT_WR);
			else if (n && rounds > 4)
				wait_socket(r->fd[i]);
		}
	}
	return !r->err;
}

static bool hand_over(struct run *r)
{
	for (int i = 0; i < 2; i++) {
		if (!TRY(r, ktls_offload(&r->conn[i], r->hs[i], r->fd[i])))
			return false;
		r->hs[i] = NULL;
	}
	return true;
}

/* The call, until it says something else than that it shall be repeated */
#define UNTIL(fd, call)							\
	({								\
		ssize_t n_;						\
		int tries_ = 0;						\
									\
		while (((n_ = (call)) == -EAGAIN || n_ == -EINTR) &&	\
		       tries_++ < 50)					\
			if (tries_ > 3)					\
				wait_socket(fd);			\
		n_;							\
	})

static bool take(struct run *r, int to, size_t len)
{
	char got[sizeof(FAULT_MARK)];
	size_t at = 0;

	while (at < len) {
		ssize_t n = UNTIL(r->fd[to], ktls_recv(r->conn[to], got + at,
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
		ssize_t n = UNTIL(r->fd[from],
				  ktls_send(r->conn[from], &FAULT_MARK[at],
					    len - at, 0));

		if (!good(r, n, "send"))
			return false;
		at += (size_t)n;
	}
	return good(r, UNTIL(r->fd[from], ktls_flush(r->conn[from])),
		    "flush") && take(r, !from, len);
}

static bool say_file(struct run *r, int from)
{
	size_t len = sizeof(FAULT_MARK) - 1;
	off_t at = 0;

	while ((size_t)at < len)
		if (!good(r, UNTIL(r->fd[from],
				   ktls_sendfile(r->conn[from], r->file, &at,
						 len - (size_t)at)),
			  "sendfile"))
			return false;
	return good(r, UNTIL(r->fd[from], ktls_flush(r->conn[from])),
		    "flush") && take(r, !from, len);
}

static bool talk(struct run *r)
{
	return say(r, CLIENT_END) && say(r, SERVER_END);
}

#define DO(r, end, call)						\
	good(r, UNTIL((r)->fd[end], call((r)->conn[end])), #call)

static bool rekey_and_tickets(struct run *r)
{
	struct ktls_conn *client = r->conn[CLIENT_END];
	struct ktls_conn *server = r->conn[SERVER_END];
	ssize_t n = UNTIL(r->fd[CLIENT_END],
			  ktls_conn_rekey(client, KTLS_REKEY_BOTH));

	/* a kernel that cannot says so, or has been made to */
	if (n != -KTLS_E_NO_REKEY && !good(r, n, "rekey"))
		return false;
	return talk(r) &&
	       good(r, UNTIL(r->fd[SERVER_END],
			     ktls_conn_send_tickets(server, 2)), "tickets") &&
	       DO(r, SERVER_END, ktls_flush) && talk(r);
}

/* As another process would, with the same socket */
static bool save_and_load(struct run *r, int end)
{
	uint8_t buf[65536];
	struct ktls_conn *now;
	ssize_t n = UNTIL(r->fd[end], ktls_conn_save(r->conn[end], buf,
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

static bool end_it(struct run *r)
{
	for (int i = 0; i < 2; i++) {
		char c;

		if (!DO(r, i, ktls_conn_shutdown) ||
		    !good(r, UNTIL(r->fd[!i], ktls_recv(r->conn[!i], &c, 1,
							0)), "end"))
			return false;
	}
	return true;
}

bool live(struct run *r)
{
	uint8_t key[32];

	return hand_over(r) && talk(r) && say_file(r, SERVER_END) &&
	       TRY(r, ktls_conn_export(r->conn[0], "EXPORTER-x", NULL, 0, key,
				       sizeof(key))) &&
	       (r->s->client.max_version == KTLS_TLS12 ||
		rekey_and_tickets(r)) &&
	       save_and_load(r, SERVER_END) && talk(r) &&
	       save_and_load(r, CLIENT_END) && talk(r) && end_it(r);
}

void go_on(struct run *r)
{
	for (int i = 0; i < 2; i++) {
		ssize_t n = 0;
		char c;

		if (r->hs[i])
			n = ktls_hs_run(r->hs[i], r->fd[i]);
		if (r->conn[i]) {
			n = ktls_send(r->conn[i], FAULT_MARK,
				      sizeof(FAULT_MARK) - 1, 0);
			n = ktls_recv(r->conn[i], &c, 1, 0);
			n = ktls_conn_shutdown(r->conn[i]);
		}
		(void)n;
	}
}

void prime(struct run *r)
{
	open_sockets(r);
	ASSERT_TRUE(shake_hands(r) && hand_over(r) && talk(r) && end_it(r));
	close_all(r);
}
