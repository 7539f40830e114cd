// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cn.h"
#include "ends.h"

struct shared {
	struct ktls_config *config[2];	/* client, server */
};

static void ktls_close(void *shared)
{
	struct shared *s = shared;

	ktls_config_put(s->config[0]);
	ktls_config_put(s->config[1]);
	free(s);
}

static void *ktls_open(const struct hs_case *c, const struct hs_pki *pki)
{
	struct shared *s = calloc(1, sizeof(*s));
	struct hs_case again = *c;

	/* as applications have it */
	again.known = true;
	s->config[0] = ends_ktls(&again, false, pki);
	s->config[1] = ends_ktls(&again, true, pki);
	if (s->config[0] && s->config[1])
		return s;
	ktls_close(s);
	return NULL;
}

static int ktls_begin(void *shared, struct cn_end *end)
{
	struct shared *s = shared;
	struct ktls_hs *hs;
	int err = ktls_hs_new(&hs, s->config[end->server],
			      end->server ? NULL : "localhost");

	end->hs = hs;
	end->conn = NULL;
	if (!err)
		return 0;
	fprintf(stderr, "libktls: %s\n", ktls_strerror(err));
	return -1;
}

static int ktls_step(struct cn_end *end)
{
	int err = ktls_hs_run(end->hs, end->fd);

	if (err >= 0)
		return !err;
	fprintf(stderr, "libktls: %s\n", ktls_hs_error_text(end->hs));
	return -1;
}

static int ktls_establish(struct cn_end *end)
{
	struct ktls_conn *conn;
	int err = ktls_offload(&conn, end->hs, end->fd);

	if (err) {
		fprintf(stderr, "libktls: %s\n", ktls_strerror(err));
		return -1;
	}
	end->hs = NULL;
	end->conn = conn;
	return 0;
}

static bool ktls_resumed(const struct cn_end *end)
{
	struct ktls_info info;

	ktls_conn_info(end->conn, &info);
	return info.resumed;
}

static unsigned int ktls_kernel(const struct cn_end *end)
{
	unsigned int kernel = ktls_conn_kernel(end->conn);

	return (kernel & KTLS_TX ? CN_TX : 0) | (kernel & KTLS_RX ? CN_RX : 0);
}

static int ktls_put(struct cn_end *end)
{
	return ktls_send(end->conn, "x", 1, 0) == 1 ? 0 : -1;
}

static int ktls_get(struct cn_end *end)
{
	char c;

	return ktls_recv(end->conn, &c, 1, 0) == 1 ? 0 : -1;
}

static ssize_t result(ssize_t n)
{
	if (n >= 0)
		return n;
	errno = n > -KTLS_E_DECODE ? (int)-n : EPROTO;
	return -1;
}

static ssize_t ktls_write(struct cn_end *end, const void *buf, size_t len)
{
	return result(ktls_send(end->conn, buf, len, 0));
}

static ssize_t ktls_read(struct cn_end *end, void *buf, size_t len)
{
	return result(ktls_recv(end->conn, buf, len, 0));
}

static ssize_t ktls_file(struct cn_end *end, int file, off_t at, size_t len)
{
	return result(ktls_sendfile(end->conn, file, &at, len));
}

static void ktls_end(struct cn_end *end)
{
	ktls_hs_free(end->hs);
	ktls_conn_free(end->conn);
	end->hs = end->conn = NULL;
}

const struct cn_impl cn_ktls = {
	.name = "libktls",
	.open = ktls_open,
	.close = ktls_close,
	.begin = ktls_begin,
	.step = ktls_step,
	.establish = ktls_establish,
	.resumed = ktls_resumed,
	.kernel = ktls_kernel,
	.put = ktls_put,
	.get = ktls_get,
	.send = ktls_write,
	.recv = ktls_read,
	.sendfile = ktls_file,
	.end = ktls_end,
};
