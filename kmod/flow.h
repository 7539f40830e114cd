/* SPDX-License-Identifier: GPL-2.0-only */
/* What a service does with a connection, on either side */
#ifndef KC_FLOW_H
#define KC_FLOW_H

#include <linux/types.h>

struct kc_conn;

struct kc_flow {
	/* a second thread sends the text */
	bool source;
	/* ... and is all there is to do, for a client */
	bool source_only;
	/* what becomes of @len bytes that were received: 0 or an error */
	int (*sink)(struct kc_conn *conn, size_t len);
};

const struct kc_flow *kc_flow(int role, int service);
/* Speak until the connection's end: 0 if that was orderly, or an error */
int kc_flow_run(struct kc_conn *conn);

#endif
