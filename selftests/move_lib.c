// SPDX-License-Identifier: GPL-2.0-only
#include "move_lib.h"

#include <stdlib.h>
#include <string.h>

struct ktls_config *established(enum ktls_role role)
{
	static struct ktls_config *kept[KTLS_CLIENT + 1];

	if (!kept[role])
		ASSERT_OK(ktls_config_new(&kept[role], KTLS_OPTS(.role = role,
				.flags = KTLS_F_ESTABLISHED)));
	return kept[role];
}

/* The further ciphers on one path: where keys lie is the same on all */
bool moved_all(size_t i, struct mode *m, char *name, size_t size)
{
	bool more;

	established(KTLS_CLIENT);
	established(KTLS_SERVER);
	more = mode_all(i, m, name, size);
	if (more && m->suite->aead != AEAD_AES_128_GCM &&
	    mode_kernel_bits(m) != (getenv("KTLS_VM") ? KTLS_TX | KTLS_RX : 0))
		*name = '\0';
	return more;
}

bool moved_ends(size_t i, struct mode *m, char *name, size_t size)
{
	established(KTLS_CLIENT);
	established(KTLS_SERVER);
	return mode_ends(i, m, name, size);
}

bool moved_paths(size_t i, struct mode *m, char *name, size_t size)
{
	established(KTLS_CLIENT);
	established(KTLS_SERVER);
	return mode_paths(i, m, name, size);
}

void save(struct saved *s, struct ktls_conn *conn, unsigned int flags)
{
	ssize_t n = ktls_conn_save(conn, s->b, sizeof(s->b), flags);

	ASSERT_OK(n);
	ASSERT_GT(n, 0);
	ASSERT_LE(n, sizeof(s->b));
	s->len = (size_t)n;
}

struct ktls_conn *load(const struct saved *s, int fd, enum ktls_role role,
		       unsigned int flags)
{
	struct ktls_conn *conn;

	ASSERT_OK(ktls_conn_load(&conn, established(role), fd, s->b, s->len,
				 flags));
	ASSERT_TRUE(conn);
	return conn;
}

void load_fails(const struct saved *s, int fd, struct ktls_config *config,
		unsigned int flags, int err)
{
	struct ktls_conn *conn = (struct ktls_conn *)s;

	ASSERT_EQ(ktls_conn_load(&conn, config, fd, s->b, s->len, flags), err);
	ASSERT_FALSE(conn);
}

void move_to(struct ktls_conn **conn, struct ktls_config *config)
{
	int fd = ktls_conn_fd(*conn);
	static struct saved s;

	save(&s, *conn, 0);
	ktls_conn_free(*conn);
	ASSERT_OK(ktls_conn_load(conn, config, fd, s.b, s.len, 0));
	memset(&s, 0, sizeof(s));
}

void move(struct ktls_conn **conn, enum ktls_role role)
{
	move_to(conn, established(role));
}
