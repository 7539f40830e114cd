// SPDX-License-Identifier: MIT
/*
 * What this kernel's TLS does, learnt by trying: neither its version nor the
 * headers we were built with tell (distributions backport, modules are
 * missing).
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "offload.h"

#ifndef SOL_TLS
#define SOL_TLS	282
#endif
#ifndef TLS_TX_MAX_PAYLOAD_LEN
#define TLS_TX_MAX_PAYLOAD_LEN	5
#endif
#ifndef TLS_RX_EXPECT_NO_PAD
#define TLS_RX_EXPECT_NO_PAD	4
#endif

static struct {
	pthread_once_t once;
	int error;
	struct ktls_caps caps;
} probed = { .once = PTHREAD_ONCE_INIT };

/* ---- a connection to try on -------------------------------------------- */

static int listen_loopback(struct sockaddr_in *addr)
{
	socklen_t len = sizeof(*addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*addr = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)addr, len) || listen(fd, 16) ||
	    getsockname(fd, (struct sockaddr *)addr, &len)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

/*
 * A connected socket; its other end stays in the listener's queue, because
 * nothing is ever sent.
 */
static int connect_loopback(const struct sockaddr_in *addr)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr))) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

/* ---- trying ------------------------------------------------------------ */

static int set_keys(int fd, unsigned int direction, const struct suite *suite,
		    uint8_t fill)
{
	struct traffic_keys keys;
	union crypto_info info;
	size_t size;

	memset(&keys, fill, sizeof(keys));
	size = offload_info(&info, suite, &keys, 0);
	return setsockopt(fd, SOL_TLS, direction == KTLS_TX ? TLS_TX : TLS_RX,
			  &info, (socklen_t)size) ? errno : 0;
}

static void try_cipher(const struct sockaddr_in *addr,
		       const struct suite *suite, struct ktls_cap *cap)
{
	int fd = connect_loopback(addr);

	cap->version = suite->version;
	cap->cipher = aead_rows[suite->aead].tls_cipher;
	if (fd < 0) {
		cap->tx_error = cap->rx_error = -fd;
		return;
	}
	cap->tx_error = cap->rx_error = -offload_attach(fd);
	if (!cap->tx_error) {
		cap->tx_error = set_keys(fd, KTLS_TX, suite, 1);
		cap->rx_error = set_keys(fd, KTLS_RX, suite, 2);
	}
	close(fd);
}

static void try_options(const struct sockaddr_in *addr,
			const struct suite *suite, struct ktls_caps *caps)
{
	const int on = 1;
	const uint16_t payload = 16384;
	int fd = connect_loopback(addr), err;

	err = fd < 0 ? -fd : -offload_attach(fd);
	if (!err)
		err = set_keys(fd, KTLS_TX, suite, 1);
	if (!err)
		err = set_keys(fd, KTLS_RX, suite, 2);
	caps->rekey_tx_error = caps->rekey_rx_error = err;
	caps->max_payload_error = caps->no_pad_error = err;
	if (!err) {
		caps->rekey_tx_error = set_keys(fd, KTLS_TX, suite, 3);
		caps->rekey_rx_error = set_keys(fd, KTLS_RX, suite, 4);
		if (setsockopt(fd, SOL_TLS, TLS_TX_MAX_PAYLOAD_LEN, &payload,
			       sizeof(payload)))
			caps->max_payload_error = errno;
		if (setsockopt(fd, SOL_TLS, TLS_RX_EXPECT_NO_PAD, &on,
			       sizeof(on)))
			caps->no_pad_error = errno;
	}
	if (fd >= 0)
		close(fd);
}

static int try_all(struct ktls_caps *caps)
{
	static const uint16_t versions[] = { KTLS_TLS12, KTLS_TLS13 };
	struct suite suite = { .aead = AEAD_AES_128_GCM,
			       .version = KTLS_TLS13 };
	struct sockaddr_in addr;
	int listener = listen_loopback(&addr), fd;

	if (listener < 0)
		return listener;
	fd = connect_loopback(&addr);
	caps->ulp_error = fd < 0 ? 0 : -offload_attach(fd);
	if (fd >= 0)
		close(fd);
	try_options(&addr, &suite, caps);
	for (size_t v = 0; v < 2; v++) {
		for (int a = 0; a < AEAD_COUNT; a++) {
			suite.version = versions[v];
			suite.aead = (enum aead_id)a;
			try_cipher(&addr, &suite,
				   &caps->caps[caps->caps_len++]);
		}
	}
	close(listener);
	return fd < 0 ? fd : 0;
}

static void probe_once(void)
{
	probed.error = try_all(&probed.caps);
}

int ktls_probe(struct ktls_caps *caps)
{
	pthread_once(&probed.once, probe_once);
	*caps = probed.caps;
	return probed.error;
}

int caps_error(const struct ktls_caps *caps, const struct suite *suite,
	       unsigned int direction)
{
	if (caps->ulp_error)
		return caps->ulp_error;
	for (unsigned int i = 0; i < caps->caps_len; i++) {
		const struct ktls_cap *c = &caps->caps[i];

		if (c->version == suite->version &&
		    c->cipher == aead_rows[suite->aead].tls_cipher)
			return direction == KTLS_TX ? c->tx_error :
						      c->rx_error;
	}
	return EOPNOTSUPP;
}
