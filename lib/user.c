// SPDX-License-Identifier: MIT
/*
 * Records in user space, for a direction that the kernel does not carry.  A
 * record once sealed must go out whole before the next, so what a full socket
 * buffer leaves of it waits here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"
#include "pack.h"

/* Sealed and not yet out, above which nothing more is taken: of own I/O */
#define QUEUE_MAX	65536

struct user_tx {
	struct record rec;
	struct wr out;		/* sealed */
	size_t sent;		/* of it */
	struct wr next;		/* ... while somebody has hold of @out */
	int error;		/* what was taken is not sent: final */
	bool own_io;		/* the caller moves it */
	bool lent;
};

struct user_rx {
	struct record rec;
	size_t have;		/* bytes in buf */
	size_t used;		/* of them, records that are done with */
	struct slice plain;	/* what is left of the record at hand */
	uint8_t type;		/* its type */
	bool open;		/* there is one, perhaps of no length */
	bool own_io;		/* the caller moves it */
	bool eof;
	bool lent;		/* somebody puts more into it */
	uint8_t buf[2 * RECORD_MAX];
};

int user_tx_new(struct user_tx **utx, const struct record *rec)
{
	*utx = calloc(1, sizeof(**utx));
	if (!*utx)
		return -ENOMEM;
	(*utx)->rec = *rec;
	return 0;
}

int user_rx_new(struct user_rx **urx, const struct record *rec)
{
	*urx = calloc(1, sizeof(**urx));
	if (!*urx)
		return -ENOMEM;
	(*urx)->rec = *rec;
	return 0;
}

void user_tx_free(struct user_tx *utx)
{
	if (!utx)
		return;
	record_free(&utx->rec);
	wr_free(&utx->out);
	wr_free(&utx->next);
	wipe_free(utx, sizeof(*utx));
}

void user_rx_free(struct user_rx *urx)
{
	if (!urx)
		return;
	record_free(&urx->rec);
	wipe_free(urx, sizeof(*urx));
}

struct record *user_tx_record(struct user_tx *utx)
{
	return &utx->rec;
}

struct record *user_rx_record(struct user_rx *urx)
{
	return &urx->rec;
}

/* ---- sending ----------------------------------------------------------- */

bool user_tx_pending(const struct user_tx *utx)
{
	return utx->sent < utx->out.len;
}

static size_t queued(const struct user_tx *utx)
{
	return utx->out.len - utx->sent + utx->next.len;
}

int user_tx_error(const struct user_tx *utx)
{
	return utx->error;
}

size_t user_tx_held(const struct user_tx *utx)
{
	return utx->out.cap + utx->next.cap;
}

int user_flush(struct user_tx *utx, int fd, int flags)
{
	if (utx->own_io)
		return user_tx_pending(utx) ? -EAGAIN : 0;
	while (user_tx_pending(utx) && !utx->error) {
		ssize_t n = send(fd, utx->out.buf + utx->sent,
				 utx->out.len - utx->sent,
				 (flags & MSG_DONTWAIT) | MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return -errno;
		if (n < 0)
			utx->error = -errno;
		else
			utx->sent += (size_t)n;
	}
	if (utx->error)
		return utx->error;
	wr_reset(&utx->out);
	utx->sent = 0;
	return 0;
}

/* No room for another record of data */
static bool is_full(const struct user_tx *utx)
{
	return utx->own_io ? queued(utx) >= QUEUE_MAX : user_tx_pending(utx);
}

/*
 * Control records have nobody to try them again: there is room left for them,
 * but not for as many as a peer makes us send while it reads nothing
 */
static int make_way(struct user_tx *utx, int fd, uint8_t type, int flags)
{
	size_t max = type == CT_DATA ? QUEUE_MAX : 2 * QUEUE_MAX;

	if (utx->error || !utx->own_io)
		return utx->error ? utx->error : user_flush(utx, fd, flags);
	return queued(utx) >= max ? -EAGAIN : 0;
}

/*
 * Seal one record and push it.  Once sealed it counts as taken, even when the
 * socket is full.
 */
static ssize_t write_record(struct user_tx *utx, int fd, uint8_t type,
			    const void *buf, size_t len, int flags)
{
	int err = make_way(utx, fd, type, flags);
	/* behind what is there already, which is not to be moved if it is lent */
	struct wr *to = utx->lent || utx->next.len ? &utx->next : &utx->out;

	if (!err)
		err = record_seal(&utx->rec, KTLS_TLS12, type, buf, len, to);
	to->bad = false;	/* whole or nothing: there may be memory again */
	if (err)
		return err;
	do {
		err = user_flush(utx, fd, flags);
	} while (err == -EINTR);
	return err && err != -EAGAIN ? err : (ssize_t)len;
}

ssize_t user_write(struct user_tx *utx, int fd, uint8_t type,
		   const void *buf, size_t len, int flags)
{
	const uint8_t *p = buf;
	size_t done = 0;

	while (done < len && !(done && is_full(utx))) {
		size_t max = record_max(&utx->rec);
		size_t part = len - done < max ? len - done : max;
		ssize_t n = write_record(utx, fd, type, p + done, part, flags);

		if (n < 0)
			return done ? (ssize_t)done : n;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static ssize_t send_part(struct user_tx *utx, int fd, int in_fd,
			 off_t *offset, size_t count)
{
	uint8_t buf[RECORD_PLAIN_MAX];
	size_t max = record_max(&utx->rec), len = count < max ? count : max;
	ssize_t n = offset ? pread(in_fd, buf, len, *offset) :
			     read(in_fd, buf, len);

	if (n < 0)
		return -errno;
	if (n)
		n = write_record(utx, fd, CT_DATA, buf, (size_t)n, 0);
	if (n > 0 && offset)
		*offset += n;
	/* there is no way back in the file */
	if (n < 0 && !offset)
		utx->error = (int)n;
	wipe(buf, sizeof(buf));
	return n;
}

ssize_t user_sendfile(struct user_tx *utx, int fd, int in_fd, off_t *offset,
		      size_t count)
{
	size_t done = 0, max = record_max(&utx->rec);
	/* first, for what is read from the file must find room */
	ssize_t n = make_way(utx, fd, CT_DATA, 0);

	if (n < 0)
		return n;
	/* to the first short record: by bytes the caller counts records */
	do {
		n = send_part(utx, fd, in_fd, offset, count - done);
		if (n <= 0)
			return done ? (ssize_t)done : n;
		done += (size_t)n;
	} while (done < count && (size_t)n == max && !is_full(utx));
	return (ssize_t)done;
}

/* ---- receiving --------------------------------------------------------- */

/* Bytes of the record at the front, with its header; 0: not yet known */
static int front_record(const struct user_rx *urx, size_t *len)
{
	struct record_header h;
	int err;

	*len = 0;
	if (urx->have - urx->used < RECORD_HEADER)
		return 0;
	err = record_header(&urx->rec, urx->buf + urx->used, &h);
	if (!err)
		*len = RECORD_HEADER + (size_t)h.len;
	return err;
}

/* What is used makes room: nothing of it is open */
static void compact(struct user_rx *urx)
{
	memmove(urx->buf, urx->buf + urx->used, urx->have - urx->used);
	urx->have -= urx->used;
	urx->used = 0;
}

static int fill(struct user_rx *urx, int fd, int flags)
{
	ssize_t n;

	if (urx->own_io)
		return urx->eof ? -KTLS_E_TRUNCATED : -EAGAIN;
	compact(urx);
	n = recv(fd, urx->buf + urx->have, sizeof(urx->buf) - urx->have,
		 flags & MSG_DONTWAIT);
	if (n <= 0)
		return n ? -errno : -KTLS_E_TRUNCATED;
	urx->have += (size_t)n;
	return 0;
}

static int next_record(struct user_rx *urx, int fd, int flags)
{
	size_t len;
	int err;

	while (!(err = front_record(urx, &len)) &&
	       (!len || urx->have - urx->used < len)) {
		err = fill(urx, fd, flags);
		if (err)
			return err;
	}
	if (err)
		return err;
	/* 1.3: after the handshake everything is protected, and looks alike */
	if (urx->rec.suite->version == KTLS_TLS13 &&
	    urx->buf[urx->used] != CT_DATA)
		return -KTLS_E_RECORD_TYPE;
	err = record_open(&urx->rec, urx->buf + urx->used, len, &urx->type,
			  &urx->plain);
	urx->used += len;
	urx->open = !err;
	return err;
}

int user_read(struct user_rx *urx, int fd, void *buf, size_t len, int flags,
	      struct piece *piece)
{
	int err = urx->open ? 0 : next_record(urx, fd, flags);
	size_t n;

	if (err)
		return err;
	n = urx->plain.len < len ? urx->plain.len : len;
	if (n)
		memcpy(buf, urx->plain.p, n);
	/* plaintext does not outlive its delivery */
	wipe((void *)urx->plain.p, n);
	urx->plain.p += n;
	urx->plain.len -= n;
	urx->open = urx->plain.len;
	*piece = (struct piece){ urx->type, !urx->open, n };
	return 0;
}

/* ---- moved by the caller ----------------------------------------------- */

void user_own_io(struct user_tx *utx, struct user_rx *urx)
{
	if (utx)
		utx->own_io = true;
	if (urx)
		urx->own_io = true;
}

void *user_in(struct user_rx *urx, size_t *len)
{
	if (!urx->open)
		compact(urx);
	*len = urx->eof ? 0 : sizeof(urx->buf) - urx->have;
	urx->lent = *len;
	return *len ? urx->buf + urx->have : NULL;
}

int user_received(struct user_rx *urx, ssize_t n)
{
	urx->lent = false;
	if (n < 0)
		return 0;
	if (urx->eof || (size_t)n > sizeof(urx->buf) - urx->have)
		return -EINVAL;
	urx->eof = !n;
	urx->have += (size_t)n;
	return 0;
}

bool user_rx_busy(const struct user_rx *urx)
{
	return urx->lent;
}

const void *user_out(struct user_tx *utx, size_t *len)
{
	*len = utx->out.len - utx->sent;
	utx->lent = *len;
	return *len ? utx->out.buf + utx->sent : NULL;
}

static void drop_sent(struct user_tx *utx)
{
	memmove(utx->out.buf, utx->out.buf + utx->sent,
		utx->out.len - utx->sent);
	utx->out.len -= utx->sent;
	utx->sent = 0;
}

void user_sent(struct user_tx *utx, size_t len)
{
	size_t left = utx->out.len - utx->sent;
	struct wr done = utx->out;

	utx->lent = false;
	utx->sent += len < left ? len : left;
	if (!utx->own_io)
		return;
	if (utx->sent < utx->out.len) {
		/* what is out makes room, or a slow peer lets it grow */
		if (utx->sent >= QUEUE_MAX)
			drop_sent(utx);
		return;
	}
	wr_reset(&done);
	utx->out = utx->next;
	utx->next = done;
	utx->sent = 0;
}

bool user_tx_busy(const struct user_tx *utx)
{
	return utx->lent || queued(utx) > RECORD_MAX || utx->next.len;
}

/* ---- to another process ------------------------------------------------ */

/* The key is derived anew */
static void walk_record(struct pack *p, struct record *rec)
{
	pack_u64(p, &rec->seq);
	pack_u16(p, &rec->max);
	pack_check(p, rec->max <= RECORD_PLAIN_MAX);
	pack_bool(p, &rec->max_plain);
}

void user_tx_walk(struct pack *p, struct user_tx *utx)
{
	walk_record(p, &utx->rec);
	pack_wr(p, &utx->out, utx->sent, RECORD_MAX);
}

/* What is open stands before what is sealed still */
void user_rx_walk(struct pack *p, struct user_rx *urx)
{
	struct slice sealed = { urx->buf + urx->used, urx->have - urx->used };

	walk_record(p, &urx->rec);
	pack_bool(p, &urx->open);
	pack_u8(p, &urx->type);
	pack_slice(p, &urx->plain, urx->open ? RECORD_PLAIN_MAX : 0);
	pack_slice(p, &sealed, sizeof(urx->buf) - urx->plain.len);
	if (p->w || p->bad)
		return;
	if (urx->plain.len)
		memcpy(urx->buf, urx->plain.p, urx->plain.len);
	urx->plain.p = urx->buf;
	urx->used = urx->plain.len;
	urx->have = urx->used + sealed.len;
	if (sealed.len)
		memcpy(urx->buf + urx->used, sealed.p, sealed.len);
}
