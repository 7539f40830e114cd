// SPDX-License-Identifier: GPL-2.0-only
/* What we say of the hand-off is what the kernel says */
#include <errno.h>
#include <linux/tls.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay_lib.h"
#include "../lib/conn.h"
#include "../lib/offload.h"
#include "../lib/sched12.h"

/* ---- keys -------------------------------------------------------------- */

FIXTURE(carried) {
	struct pair p;
};
MODES(carried, mode_all);

FIXTURE_SETUP(carried)
{
	mode_need(&variant->mode);
	mode_pair(&self->p, &variant->mode, NULL);
}

FIXTURE_TEARDOWN(carried)
{
	pair_close(&self->p);
}

/* What the secrets of the connection say, by the key schedule */
static void derive(const struct ktls_conn *conn, unsigned int direction,
		   struct traffic_keys *keys)
{
	const struct crypto *crypto = conn->config->crypto;
	bool client = (conn->config->role == KTLS_CLIENT) ==
		      (direction == KTLS_TX);
	struct key_block block;
	struct secret secret;
	uint8_t randoms[64];

	if (conn->suite->version == KTLS_TLS13) {
		conn_secret(conn, direction == KTLS_TX ? CONN_TX : CONN_RX,
			    &secret);
		ASSERT_OK(traffic_keys(crypto, conn->suite, &secret, keys));
		return;
	}
	conn_secret(conn, CONN_EXPORTER, &secret);
	conn_randoms(conn, randoms);
	ASSERT_OK(key_block(crypto, conn->suite, &secret,
			    (struct slice){ randoms, 32 },
			    (struct slice){ randoms + 32, 32 }, &block));
	*keys = client ? block.client : block.server;
}

/* The kernel has just these keys, at record @seq */
static void check_keys(const struct ktls_conn *conn, unsigned int direction,
		       uint64_t seq)
{
	int option = direction == KTLS_TX ? TLS_TX : TLS_RX;
	struct traffic_keys keys = { 0 };
	union crypto_info want, got = { 0 };
	struct tls_crypto_info info = { 0 };
	socklen_t len = sizeof(info);
	uint64_t live;
	size_t size;

	ASSERT_OK(getsockopt(conn->fd, SOL_TLS, option, &info, &len));
	EXPECT_EQ(info.version, conn->suite->version);
	EXPECT_EQ(info.cipher_type, aead_rows[conn->suite->aead].tls_cipher);
	derive(conn, direction, &keys);
	size = offload_info(&want, conn->suite, &keys, seq);
	len = (socklen_t)size;
	ASSERT_OK(getsockopt(conn->fd, SOL_TLS, option, &got, &len));
	ASSERT_EQ(len, size);
	EXPECT_MEMEQ(&got, &want, size);
	ASSERT_OK(conn_seq(conn, direction, &live));
	EXPECT_EQ(live, seq);
}

static void check_why(const struct ktls_why *why, bool kernel)
{
	char buf[64];

	EXPECT_EQ(why->step, kernel ? KTLS_STEP_NONE : KTLS_STEP_OPTION);
	EXPECT_EQ(why->error, 0);
	EXPECT_STREQ(ktls_why_text(why, buf, sizeof(buf)),
		     kernel ? "carried by the kernel" :
			      "user space was asked for");
}

/* A direction, at record @seq, where it is said to be */
static void check(const struct ktls_conn *conn, unsigned int direction,
		  uint64_t seq)
{
	bool kernel = ktls_conn_kernel(conn) & direction;
	struct tls_crypto_info info;
	socklen_t len = sizeof(info);
	struct ktls_info ours;

	ktls_conn_info(conn, &ours);
	check_why(direction == KTLS_TX ? &ours.tx : &ours.rx, kernel);
	if (kernel)
		check_keys(conn, direction, seq);
	else
		EXPECT_EQ(getsockopt(conn->fd, SOL_TLS, direction == KTLS_TX ?
				     TLS_TX : TLS_RX, &info, &len), -1);
}

static void check_both(struct pair *p, uint64_t up, uint64_t down)
{
	check(p->client, KTLS_TX, up);
	check(p->server, KTLS_RX, up);
	check(p->server, KTLS_TX, down);
	check(p->client, KTLS_RX, down);
}

TEST_F(carried, as_said)
{
	/* in TLS 1.2 Finished was the first record under the key */
	uint64_t up = variant->mode.suite->version == KTLS_TLS12, down = up;
	struct pair *p = &self->p;

	check_both(p, up, down);
	for (int i = 0; i < 3; i++)
		ping(p->client, p->server);
	check_both(p, up += 3, down += 3);
	/* three records, two of them full */
	send_stream(p->client, 1, 0, 40000);
	recv_stream(p->server, 1, 0, 40000);
	check_both(p, up += 3, down);
	if (mode_rekeys_tx(&variant->mode) && mode_rekeys_rx(&variant->mode)) {
		ASSERT_OK(ktls_conn_rekey(p->client, 0));
		ping(p->client, p->server);
		check_both(p, 1, down += 1);
	}
	close_both(p->client, p->server);
}

/* ---- /proc/net/tls_stat ------------------------------------------------ */

FIXTURE(counted) {
};
MODES(counted, mode_paths);

static long counter(const char *name)
{
	FILE *f = fopen("/proc/thread-self/net/tls_stat", "r");
	long value = -1, v;
	char key[64];

	ASSERT_TRUE(f);
	while (fscanf(f, "%63s %ld", key, &v) == 2)
		if (!strcmp(key, name))
			value = v;
	fclose(f);
	return value;
}

/* A network of one's own, whose counters nobody else touches */
static void alone(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	ASSERT_OK(unshare(CLONE_NEWNET));
	ASSERT_OK(fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	ASSERT_OK(ioctl(fd, SIOCSIFFLAGS, &lo));
	close(fd);
}

static void check_counters(const struct mode *m, long curr, long sum)
{
	bool tx = m->tx == KTLS_PATH_KERNEL, rx = m->rx == KTLS_PATH_KERNEL;

	EXPECT_EQ(counter("TlsCurrTxSw"), tx ? curr : 0);
	EXPECT_EQ(counter("TlsCurrRxSw"), rx ? curr : 0);
	EXPECT_EQ(counter("TlsTxSw"), tx ? sum : 0);
	EXPECT_EQ(counter("TlsRxSw"), rx ? sum : 0);
	EXPECT_EQ(counter("TlsDecryptError"), 0);
	EXPECT_EQ(counter("TlsCurrTxDevice"), 0);
	EXPECT_EQ(counter("TlsCurrRxDevice"), 0);
}

TEST_F(counted, ends)
{
	const struct mode *m = &variant->mode;
	bool rekeys = mode_rekeys_tx(m) && mode_rekeys_rx(m) &&
		      kernel_rekeys();
	struct pair p;

	mode_need(m);
	alone();
	for (long i = 1; i < 4; i++) {
		mode_pair(&p, m, NULL);
		check_counters(m, 2, 2 * i);
		if (rekeys)
			ASSERT_OK(ktls_conn_rekey(p.client, 0));
		ping(p.client, p.server);
		check_counters(m, 2, 2 * i);
		close_both(p.client, p.server);
		pair_close(&p);
	}
	for (int i = 0; i < 100 && counter("TlsCurrRxSw") > 0; i++)
		usleep(10000);
	check_counters(m, 0, 6);
	if (!rekeys)
		return;
	EXPECT_EQ(counter("TlsTxRekeyOk"), m->tx == KTLS_PATH_KERNEL ? 3 : 0);
	EXPECT_EQ(counter("TlsRxRekeyOk"), m->rx == KTLS_PATH_KERNEL ? 3 : 0);
	EXPECT_EQ(counter("TlsTxRekeyError"), 0);
	EXPECT_EQ(counter("TlsRxRekeyError"), 0);
}

/* ---- explicit nonces on the wire --------------------------------------- */

/* Those of one way, as records go by */
struct nonces {
	uint64_t next;
	unsigned int count, data;
	bool protected;
};

FIXTURE(nonce) {
	struct relay relay;
	struct pair p;
	struct nonces way[2];
};
FIXTURE_VARIANT(nonce) { struct mode mode; };

/* TLS 1.2 with AES has them, on each path */
static bool nonce_modes(size_t i, FIXTURE_VARIANT(nonce) *v, char *name,
			size_t size)
{
	char all[HARNESS_NAME_MAX];

	if (!mode_all(i, &v->mode, all, sizeof(all)))
		return false;
	if (v->mode.suite->version == KTLS_TLS12 &&
	    v->mode.suite->aead != AEAD_CHACHA20_POLY1305)
		snprintf(name, size, "%s", all);
	return true;
}

FIXTURE_VARIANT_GEN(nonce, nonce_modes);

/* RFC 5288 3: never one twice; ours count, whoever sends */
static void look(void *arg, bool up, const uint8_t *rec, size_t len)
{
	struct nonces *n = &((struct nonces *)arg)[up];
	uint64_t nonce = 0;

	if (!n->protected) {
		n->protected = rec[0] == CT_CHANGE_CIPHER_SPEC;
		return;
	}
	ASSERT_GE(len, RECORD_HEADER + 8 + AEAD_TAG_LEN);
	for (int i = 0; i < 8; i++)
		nonce = nonce << 8 | rec[RECORD_HEADER + i];
	ASSERT_EQ(nonce, n->next);
	n->next++;
	n->count++;
	n->data += rec[0] == CT_DATA;
}

FIXTURE_SETUP(nonce)
{
	const struct mode *m = &variant->mode;
	struct ktls_config *client, *server;
	int fd[2];

	mode_need(m);
	client = mode_config(m, KTLS_CLIENT, NULL);
	server = mode_config(m, KTLS_SERVER, NULL);
	relay_open(&self->relay, fd);
	relay_tap(&self->relay, look, self->way);
	pair_over(&self->p, fd, client, server);
	ktls_config_put(client);
	ktls_config_put(server);
}

FIXTURE_TEARDOWN(nonce)
{
	pair_close(&self->p);
	relay_close(&self->relay);
}

TEST_F(nonce, goes_on)
{
	struct pair *p = &self->p;
	uint64_t pos = 0;

	for (size_t i = 0; i < 20; i++) {
		size_t len = 1 + i * 1500;

		send_stream(p->client, 1, pos, len);
		recv_stream(p->server, 1, pos, len);
		send_stream(p->server, 2, pos, len);
		recv_stream(p->client, 2, pos, len);
		pos += len;
	}
	close_both(p->client, p->server);
	for (int up = 0; up < 2; up++) {
		/* Finished, data, close_notify */
		EXPECT_EQ(self->way[up].count, self->way[up].data + 2);
		EXPECT_GE(self->way[up].data, 20);
		EXPECT_EQ(self->way[up].next, self->way[up].count);
	}
}

/* ---- ktls_probe() ------------------------------------------------------ */

/* Every cipher of the header, each on a connection of its own, by hand */
static const struct {
	uint16_t cipher;
	socklen_t size;
	const char *name;
} ciphers[] = {
	{ TLS_CIPHER_AES_GCM_128, sizeof(struct tls12_crypto_info_aes_gcm_128),
	  "AES_128_GCM" },
	{ TLS_CIPHER_AES_GCM_256, sizeof(struct tls12_crypto_info_aes_gcm_256),
	  "AES_256_GCM" },
	{ TLS_CIPHER_AES_CCM_128, sizeof(struct tls12_crypto_info_aes_ccm_128),
	  "AES_128_CCM" },
	{ TLS_CIPHER_CHACHA20_POLY1305,
	  sizeof(struct tls12_crypto_info_chacha20_poly1305),
	  "CHACHA20_POLY1305" },
};

static int try_keys(uint16_t version, size_t i, int option, int times)
{
	uint8_t info[64] = { 0 };
	int fd[2], err = 0;

	((struct tls_crypto_info *)info)->version = version;
	((struct tls_crypto_info *)info)->cipher_type = ciphers[i].cipher;
	tcp_pair(fd);
	ASSERT_OK(setsockopt(fd[0], IPPROTO_TCP, TCP_ULP, "tls", 4));
	while (times-- && !err)
		err = setsockopt(fd[0], SOL_TLS, option, info,
				 ciphers[i].size) ? errno : 0;
	close(fd[0]);
	close(fd[1]);
	return err;
}

TEST(probe)
{
	struct ktls_caps caps;

	ASSERT_OK(ktls_probe(&caps));
	ASSERT_EQ(caps.ulp_error, 0);
	EXPECT_EQ(caps.caps_len, 8);
	for (unsigned int c = 0; c < caps.caps_len; c++) {
		const struct ktls_cap *cap = &caps.caps[c];
		size_t i = 0;

		while (ciphers[i].cipher != cap->cipher)
			ASSERT_LT(++i, 4);
		EXPECT_STREQ(ktls_cipher_name(cap->cipher), ciphers[i].name);
		EXPECT_EQ(cap->tx_error, try_keys(cap->version, i, TLS_TX, 1));
		EXPECT_EQ(cap->rx_error, try_keys(cap->version, i, TLS_RX, 1));
	}
	EXPECT_EQ(caps.rekey_tx_error, try_keys(KTLS_TLS13, 0, TLS_TX, 2));
	EXPECT_EQ(caps.rekey_rx_error, try_keys(KTLS_TLS13, 0, TLS_RX, 2));
}

/* It leaves nothing open */
TEST(probe_closes)
{
	int before = dup(0), after;
	struct ktls_caps caps;

	close(before);
	ASSERT_OK(ktls_probe(&caps));
	after = dup(0);
	EXPECT_EQ(after, before);
	close(after);
}

HARNESS_MAIN
