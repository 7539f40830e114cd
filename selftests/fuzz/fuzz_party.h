/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An end of either library that wants what a side says, over its connections,
 * each of which may resume the one before.
 */
#ifndef SELFTESTS_FUZZ_PARTY_H
#define SELFTESTS_FUZZ_PARTY_H

#include "fuzz_side.h"

/* Of early data: what a server takes, and what a client sends */
#define EARLY_TAKEN	1000
#define EARLY_SENT	700

/* What has become of a connection, as one end sees it */
struct outcome {
	bool done;		/* of both; if not, nothing else counts */
	bool resumed, ems;
	bool data;		/* has gone both ways */
	uint16_t version;
	uint16_t tx_record, rx_record;
	char suite[64], group[32], alpn[256], name[256];
	enum ktls_early early;
	size_t early_len;	/* server: what it got of it */
};

struct party {
	const struct party_ops *ops;
	const struct side *side;
	bool server;
	int fd;			/* of this connection; does not wait */
	int state;		/* 1: it is done, 0: not yet, -1: it failed */
	uint8_t early[EARLY_TAKEN];
	size_t early_len;
	char why[256];		/* for which it failed */
	/* ours */
	struct ktls_config *config;
	struct ktls_hs *hs;
	struct ktls_conn *conn;
	/* libssl's */
	struct ssl_end *end;
	bool early_over;
};

struct party_ops {
	/* false: it cannot be what the side wants, and says so */
	bool (*begin)(struct party *p);
	void (*end)(struct party *p);
	/* The next connection, on @p->fd; the last one was used as it should */
	void (*next)(struct party *p);
	/* The handshake, as far as it goes: what @p->state is then */
	int (*step)(struct party *p);
	/* All fields but @done and @data */
	void (*outcome)(const struct party *p, struct outcome *o);
	/* All of it, or false */
	bool (*send)(struct party *p, const void *buf, size_t len);
	bool (*recv)(struct party *p, void *buf, size_t len);
};

extern const struct party_ops party_ours, party_libssl;

/* EARLY_SENT bytes of a client's */
extern const uint8_t early_bytes[EARLY_SENT];

#endif /* SELFTESTS_FUZZ_PARTY_H */
