/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between the kernels that this builds for, 6.12 to 7.3 */
#ifndef KC_COMPAT_H
#define KC_COMPAT_H

#include <linux/version.h>
#include <net/netlink.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#error "ktls_consumer needs Linux 6.12 or later"
#endif

/* Addresses in calls from within the kernel */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
#define sockaddr_unsized sockaddr
#endif

#ifndef NLA_POLICY_MAX_LEN
#define NLA_POLICY_MAX_LEN(len)	NLA_POLICY_MAX(NLA_BINARY, len)
#endif

#endif
