// SPDX-License-Identifier: MIT
/* Early data that the handshake has left to be read */
#include "conn.h"

#include <errno.h>
#include <stdlib.h>

#include "hs.h"

struct early {
	struct wr data;
	size_t at;
};

int conn_keep_early(struct ktls_conn *conn, struct wr *data, size_t at)
{
	if (!data->len)
		return 0;
	conn->early = malloc(sizeof(*conn->early));
	if (!conn->early)
		return -ENOMEM;
	*conn->early = (struct early){ *data, at };
	*data = (struct wr){ 0 };
	return 0;
}

void conn_free_early(struct ktls_conn *conn)
{
	if (!conn->early)
		return;
	wr_free(&conn->early->data);
	free(conn->early);
	conn->early = NULL;
}

ssize_t ktls_conn_early_read(struct ktls_conn *conn, void *buf, size_t len)
{
	ssize_t n;

	if (!len)
		return -EINVAL;
	if (conn->spent)
		return conn->error;
	if (!conn->early)
		return 0;
	n = early_read(&conn->early->data, &conn->early->at, buf, len);
	if (!conn->early->data.len)
		conn_free_early(conn);
	return n;
}
