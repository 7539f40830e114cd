// SPDX-License-Identifier: MIT
#include "secret.h"

#include <stdlib.h>
#include <string.h>

void wipe(void *p, size_t len)
{
	/* several times as fast as OPENSSL_cleanse(), for what is longer */
	if (p)
		explicit_bzero(p, len);
}

void wipe_free(void *p, size_t len)
{
	wipe(p, len);
	free(p);
}
