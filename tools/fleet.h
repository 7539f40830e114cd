/* SPDX-License-Identifier: MIT */
/*
 * What the servers of a fleet share in a store, Valkey or Redis: sessions by
 * id, and which hellos have brought early data.  The store is trusted with
 * nothing but that it does not say of two that each is the first; and it may be
 * down, slow, or hang, which costs full handshakes and no more.
 */
#ifndef TOOLS_FLEET_H
#define TOOLS_FLEET_H

#include <ktls.h>

struct fleet_options {
	const char *url;	/* redis://HOST[:PORT], unix:/PATH; NULL: none */
	const char *auth;	/* the file with the password; NULL: none */
	int timeout;		/* of each request, ms; 0: FLEET_TIMEOUT */
};

#define FLEET_TIMEOUT	50

/* For the options of a config, whatever their argument is */
extern const struct ktls_session_store fleet_sessions;
int fleet_first(void *arg, const void *id, size_t id_len, uint64_t until);

#endif
