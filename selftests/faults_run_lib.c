// SPDX-License-Identifier: GPL-2.0-only
/* What is done while something fails: up to a connection */
#include "faults_run_lib.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/config.h"
#include "../lib/offload.h"
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

bool good(struct run *r, ssize_t n, const char *what)
{
	if (n >= 0)
		return true;
	if (!r->err) {
		r->err = (int)n;
		r->what = what;
	}
	return false;
}

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

bool has_ktls(void)
{
	static int has = -1;
	int fd[2];

	if (has >= 0)
		return has;
	tcp_pair(fd);
	has = !offload_attach(fd[0]);
	close(fd[0]);
	close(fd[1]);
	return has;
}

void open_sockets(struct run *r)
{
	wire_open(&r->wire, r->fd);
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
	wire_close(&r->wire);
}

void wait_end(struct run *r, int end)
{
	struct pollfd p = { .fd = r->fd[end], .events = POLLIN };
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
			if (!wire_pump(&r->wire) && n > 0 && rounds > 4)
				wait_end(r, i);
		}
	}
	return !r->err;
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
