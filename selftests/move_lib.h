/* SPDX-License-Identifier: GPL-2.0-only */
/* A connection that is saved and loaded, as if by another process */
#ifndef SELFTESTS_MOVE_LIB_H
#define SELFTESTS_MOVE_LIB_H

#include "mode_lib.h"
#include "../lib/conn.h"

/*
 * mode_paths(), without and with the further ciphers on one path of each
 * version, and mode_ends(); established() is made before the tests
 */
bool moved_all(size_t i, struct mode *m, char *name, size_t size);
bool moved_ends(size_t i, struct mode *m, char *name, size_t size);
bool moved_paths(size_t i, struct mode *m, char *name, size_t size);

struct saved {
	size_t len;
	uint8_t b[256 * 1024];
};

/* KTLS_F_ESTABLISHED, and else the defaults */
struct ktls_config *established(enum ktls_role role);

void save(struct saved *s, struct ktls_conn *conn, unsigned int flags);
/* Must work, under established() */
struct ktls_conn *load(const struct saved *s, int fd, enum ktls_role role,
		       unsigned int flags);
/* Must fail with @err */
void load_fails(const struct saved *s, int fd, struct ktls_config *config,
		unsigned int flags, int err);

/* The connection in place of itself, under established() or @config */
void move(struct ktls_conn **conn, enum ktls_role role);
void move_to(struct ktls_conn **conn, struct ktls_config *config);

#endif /* SELFTESTS_MOVE_LIB_H */
