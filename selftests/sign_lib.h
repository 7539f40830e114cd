/* SPDX-License-Identifier: GPL-2.0-only */
/* Who keeps a private key, and signs with it what the library asks for */
#ifndef SELFTESTS_SIGN_LIB_H
#define SELFTESTS_SIGN_LIB_H

#include "peer.h"

/*
 * Sign with the key @name of the pki: the signature's length, at most
 * @request->max_len, or -1.  By what the request says alone, as one who does
 * not have the library would.
 */
ssize_t sign_with(const char *name, const struct ktls_sign_request *request,
		  void *sig);

#endif /* SELFTESTS_SIGN_LIB_H */
