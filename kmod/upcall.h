/* SPDX-License-Identifier: GPL-2.0-only */
/* net/handshake.h, which leaves to others what it needs itself */
#ifndef KC_UPCALL_H
#define KC_UPCALL_H

#include <linux/key.h>
#include <linux/socket.h>
#include <net/sock.h>

#include <net/handshake.h>
#include <net/tls_prot.h>

#endif
