// SPDX-License-Identifier: GPL-2.0-only
/*
 * The upcall gives the socket to a process in user space, which may keep it
 * for as long as it likes. A kernel's socket does not hold its namespace, so
 * from the upcall on the connection does, until the process has let go of the
 * file; and if that has not come to pass at the connection's end, then the
 * socket itself has to, like one that a process has made.
 */
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <net/sock.h>

#include "conn.h"
#include "handshake.h"
#include "upcall.h"

/* How often one who waits for the agent looks whether he should stop */
#define KC_AGENT_TICK	(HZ / 10)

typedef int (*kc_hello)(const struct tls_handshake_args *args, gfp_t flags);

static const kc_hello kc_hellos[][3] = {
	[KTLS_CONSUMER_ROLE_LISTEN] = {
		[KTLS_CONSUMER_AUTH_X509] = tls_server_hello_x509,
		[KTLS_CONSUMER_AUTH_PSK] = tls_server_hello_psk,
	},
	[KTLS_CONSUMER_ROLE_CONNECT] = {
		[KTLS_CONSUMER_AUTH_ANON] = tls_client_hello_anon,
		[KTLS_CONSUMER_AUTH_X509] = tls_client_hello_x509,
		[KTLS_CONSUMER_AUTH_PSK] = tls_client_hello_psk,
	},
};

int kc_handshake_check(const struct kc_config *config)
{
	const struct kc_keys *keys = &config->keys;
	bool psk = config->auth == KTLS_CONSUMER_AUTH_PSK;

	if (!kc_hellos[config->role][config->auth])
		return -EINVAL;
	if (!keys->cert != !keys->privkey)
		return -EINVAL;
	if (keys->cert && config->auth != KTLS_CONSUMER_AUTH_X509)
		return -EINVAL;
	if (keys->num_psks && !psk)
		return -EINVAL;
	/* a client must name one, a server may name at most one */
	if (config->role == KTLS_CONSUMER_ROLE_CONNECT)
		return psk && !keys->num_psks ? -EINVAL : 0;
	return keys->num_psks > 1 ? -EINVAL : 0;
}

static key_serial_t kc_serial(const struct key *key)
{
	return key_serial(key);		/* 0, TLS_NO_*, without one */
}

static void kc_handshake_done(void *data, int status, key_serial_t peerid)
{
	struct kc_conn *conn = data;

	conn->status = status;
	conn->peer_identity = peerid;
	complete(&conn->shaken);
}

static int kc_handshake_ask(struct kc_conn *conn)
{
	const struct kc_config *config = &conn->ep->config;
	const struct kc_keys *keys = &config->keys;
	struct tls_handshake_args args = {
		.ta_sock = conn->sock,
		.ta_done = kc_handshake_done,
		.ta_data = conn,
		.ta_peername = *config->peername ? config->peername : NULL,
		.ta_timeout_ms = config->timeout,
		.ta_keyring = kc_serial(keys->keyring),
		.ta_my_cert = kc_serial(keys->cert),
		.ta_my_privkey = kc_serial(keys->privkey),
		.ta_num_peerids = keys->num_psks,
	};
	struct sock *sk = conn->sock->sk;
	void (*destruct)(struct sock *sk) = sk->sk_destruct;
	unsigned int i;
	int err;

	for (i = 0; i < keys->num_psks; i++)
		args.ta_my_peerids[i] = kc_serial(keys->psk[i]);
	err = kc_hellos[config->role][config->auth](&args, GFP_KERNEL);
	/*
	 * Some kernels leave their own with a socket whose request they refuse,
	 * and then nobody frees what is the socket's.
	 */
	if (err)
		sk->sk_destruct = destruct;
	return err;
}

/* For how long to wait next, in jiffies; false if there is no time left */
static bool kc_handshake_tick(struct kc_conn *conn, unsigned long end,
			      unsigned long *tick)
{
	if (READ_ONCE(conn->closing) || !time_before(jiffies, end))
		return false;
	*tick = min_t(unsigned long, end - jiffies, KC_AGENT_TICK);
	return true;
}

/* The kernel has only so many requests wait at a time: stand in line, then */
static int kc_handshake_submit(struct kc_conn *conn, unsigned long end)
{
	unsigned long tick;
	int err;

	while ((err = kc_handshake_ask(conn)) == -EAGAIN) {
		if (!kc_handshake_tick(conn, end, &tick))
			return -ETIMEDOUT;
		schedule_timeout_interruptible(min(tick, HZ / 50UL));
	}
	return err;
}

static int kc_handshake_wait(struct kc_conn *conn, unsigned long end)
{
	unsigned long tick;

	while (kc_handshake_tick(conn, end, &tick))
		if (wait_for_completion_interruptible_timeout(&conn->shaken,
							      tick) > 0)
			return conn->status;

	if (tls_handshake_cancel(conn->sock->sk))
		return -ETIMEDOUT;
	/* the answer was faster: it is about to come */
	wait_for_completion(&conn->shaken);
	return conn->status;
}

int kc_handshake(struct kc_conn *conn)
{
	unsigned long end;
	int err;

	if (!maybe_get_net(conn->ep->net))
		return -ESHUTDOWN;
	conn->holds_net = true;
	end = jiffies + msecs_to_jiffies(conn->ep->config.timeout);
	err = kc_handshake_submit(conn, end);
	if (!err)
		err = kc_handshake_wait(conn, end);
	return READ_ONCE(conn->closing) ? -ESHUTDOWN : err;
}
