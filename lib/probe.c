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

static struct {
	pthread_mutex_t lock;
	bool done;
	struct ktls_caps caps;
} probed = { .lock = PTHREAD_MUTEX_INITIALIZER };

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

static int try_cipher(const struct sockaddr_in *addr,
		      const struct suite *suite, struct ktls_cap *cap)
{
	int fd = connect_loopback(addr);

	if (fd < 0)
		return fd;
	cap->version = suite->version;
	cap->cipher = aead_rows[suite->aead].tls_cipher;
	cap->tx_error = cap->rx_error = -offload_attach(fd);
	if (!cap->tx_error) {
		cap->tx_error = set_keys(fd, KTLS_TX, suite, 1);
		cap->rx_error = set_keys(fd, KTLS_RX, suite, 2);
	}
	close(fd);
	return 0;
}

static int try_options(const struct sockaddr_in *addr,
			const struct suite *suite, struct ktls_caps *caps)
{
	const int on = 1;
	const uint16_t payload = 16384;
	int fd = connect_loopback(addr), err;

	if (fd < 0)
		return fd;
	err = -offload_attach(fd);
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
	close(fd);
	return 0;
}

/* Which says nothing of the kernel, and may be otherwise the next time */
static int lacked_memory(const struct ktls_caps *caps)
{
	bool lacked = caps->ulp_error == ENOMEM ||
		      caps->rekey_tx_error == ENOMEM ||
		      caps->rekey_rx_error == ENOMEM ||
		      caps->max_payload_error == ENOMEM ||
		      caps->no_pad_error == ENOMEM;

	for (unsigned int i = 0; i < caps->caps_len; i++)
		lacked |= caps->caps[i].tx_error == ENOMEM ||
			  caps->caps[i].rx_error == ENOMEM;
	return lacked ? -ENOMEM : 0;
}

static int try_all(struct ktls_caps *caps)
{
	static const uint16_t versions[] = { KTLS_TLS12, KTLS_TLS13 };
	struct suite suite = { .aead = AEAD_AES_128_GCM,
			       .version = KTLS_TLS13 };
	struct sockaddr_in addr;
	int listener = listen_loopback(&addr), fd, err;

	if (listener < 0)
		return listener;
	fd = err = connect_loopback(&addr);
	if (fd >= 0) {
		caps->ulp_error = -offload_attach(fd);
		close(fd);
		err = try_options(&addr, &suite, caps);
	}
	for (size_t i = 0; i < 2 * AEAD_COUNT && !err; i++) {
		suite.version = versions[i / AEAD_COUNT];
		suite.aead = (enum aead_id)(i % AEAD_COUNT);
		err = try_cipher(&addr, &suite,
				 &caps->caps[caps->caps_len++]);
	}
	close(listener);
	return err ? err : lacked_memory(caps);
}

int ktls_probe_size(struct ktls_caps *caps, size_t size)
{
	int err = 0;

	/* what failed for want of descriptors, a network, memory: once more */
	pthread_mutex_lock(&probed.lock);
	if (!probed.done) {
		probed.caps = (struct ktls_caps){ 0 };
		err = try_all(&probed.caps);
		probed.done = !err;
	}
	copy_out(caps, size, &probed.caps, sizeof(probed.caps));
	pthread_mutex_unlock(&probed.lock);
	return err;
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
