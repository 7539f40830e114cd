// SPDX-License-Identifier: MIT
/* A connection whose data goes by I/O of the caller's */
#include <errno.h>
#include <sys/socket.h>

#include "conn.h"

int ktls_conn_own_io(struct ktls_conn *conn)
{
	if (conn->spent)
		return conn->error;
	conn->own_io = true;
	user_own_io(conn->utx, conn->urx);
	return 0;
}

/* ---- records of the kernel's ------------------------------------------- */

int ktls_conn_raw_begin(struct ktls_conn *conn, size_t *len)
{
	if (conn->utx)
		return -KTLS_E_STATE;
	return conn_begin_send(conn, len, MSG_DONTWAIT);
}

int ktls_conn_raw_end(struct ktls_conn *conn, ssize_t n)
{
	ssize_t rc = conn->spent ? conn->error : conn_end_send(conn, n);

	return rc < 0 ? (int)rc : 0;
}

int ktls_conn_data(struct ktls_conn *conn, size_t len)
{
	int err = conn_rx_state(conn);

	if (err <= 0)
		return err;
	err = conn_take_data(conn, len);
	return err ? err : 1;
}

/* ---- records of ours --------------------------------------------------- */

void *ktls_conn_in(struct ktls_conn *conn, size_t *len)
{
	*len = 0;
	return conn->urx ? user_in(conn->urx, len) : NULL;
}

int ktls_conn_received(struct ktls_conn *conn, ssize_t n)
{
	if (conn->spent)
		return conn->error;
	return conn->urx ? user_received(conn->urx, n) : -EINVAL;
}

const void *ktls_conn_out(struct ktls_conn *conn, size_t *len)
{
	*len = 0;
	return conn->utx ? user_out(conn->utx, len) : NULL;
}

void ktls_conn_sent(struct ktls_conn *conn, size_t len)
{
	if (conn->utx)
		user_sent(conn->utx, len);
}
