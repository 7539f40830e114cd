/* SPDX-License-Identifier: GPL-2.0-only */
/* Extensions of a message on its way, by their number: read and changed */
#ifndef SELFTESTS_EXT_LIB_H
#define SELFTESTS_EXT_LIB_H

#include "mitm_lib.h"

/*
 * Where the length of the extensions is in a ClientHello, ServerHello,
 * EncryptedExtensions, or CertificateRequest or NewSessionTicket of TLS 1.3,
 * whatever is in it; 0: it has none
 */
size_t ext_block(const struct item *it);
/*
 * In a ClientHello, ServerHello, EncryptedExtensions, or CertificateRequest
 * of TLS 1.3: its body, borrowed; false if it is not there
 */
bool ext_find(const struct item *it, uint16_t type, struct slice *body);
/* Put it there, in place of what there is, else at the end */
void ext_put(struct item *it, uint16_t type, const void *body, size_t len);
void ext_drop(struct item *it, uint16_t type);

/*
 * For mitm_run(): ext_put() in the message @msg of the end @from, or
 * ext_drop() where @drop
 */
struct ext_edit {
	enum end from;
	uint8_t msg;
	uint16_t type;
	const void *body;
	size_t len;
	bool drop;
};

void ext_edit(struct mitm *m, enum end from, struct flight *f, void *arg);

#endif /* SELFTESTS_EXT_LIB_H */
