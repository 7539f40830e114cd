/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's handshake upcall */
#ifndef KC_HANDSHAKE_H
#define KC_HANDSHAKE_H

struct kc_config;
struct kc_conn;

/* Is there an upcall for its role and AUTH, with its keys? 0 or -EINVAL */
int kc_handshake_check(const struct kc_config *config);
/* Have the agent shake hands on the connection's socket: 0 or an error */
int kc_handshake(struct kc_conn *conn);

#endif
