// SPDX-License-Identifier: MIT
/* Options about extensions of the hello */
#include "config.h"

/* RFC 6066 4, 8449 4 */
static const char *take_sizes(struct ktls_config *cfg,
			      const struct ktls_opts *o)
{
	uint8_t code = 1;

	while (code < 4 && 256u << code != o->max_fragment)
		code++;
	if (o->max_fragment && o->role == KTLS_SERVER)
		return "max_fragment is the client's to ask for";
	if (o->max_fragment && 256u << code != o->max_fragment)
		return "max_fragment is not 512, 1024, 2048 or 4096";
	if (o->record_size_limit &&
	    (o->record_size_limit < 64 || o->record_size_limit > 16385))
		return "record_size_limit is not from 64 to 16385";
	cfg->max_fragment = o->max_fragment ? code : 0;
	cfg->record_limit = (uint16_t)o->record_size_limit;
	return NULL;
}

const char *config_take_exts(struct ktls_config *cfg,
			     const struct ktls_opts *o)
{
	const bool server = o->role == KTLS_SERVER;
	const bool verified = o->verify != KTLS_VERIFY_NONE &&
			      (!server || o->verify);

	if (server && o->flags & KTLS_F_NEED_STATUS)
		return "KTLS_F_NEED_STATUS is a client's";
	if (!verified && o->flags & (KTLS_F_STATUS | KTLS_F_NEED_STATUS))
		return "KTLS_F_STATUS without verification";
	return take_sizes(cfg, o);
}
