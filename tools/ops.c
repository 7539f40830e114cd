// SPDX-License-Identifier: MIT
#include "ops.h"

#include "accesslog.h"
#include "addresses.h"
#include "log.h"
#include "metrics.h"
#include "options.h"
#include "pool.h"

int ops_option(struct ops *o, int opt, const char *arg)
{
	switch (opt) {
	case OPT_ACCESS_LOG:
		o->access_log = arg;
		return 1;
	case OPT_METRICS:
		o->has_metrics = true;
		if (net_parse(&o->metrics, arg, NULL))
			return 1;
		complain("--metrics %s: not ADDR:PORT", arg);
		return -1;
	case OPT_TICKET_KEYS:
		o->ticket_keys.name = arg;
		return 1;
	case OPT_STORE:
		o->fleet.url = arg;
		return 1;
	case OPT_STORE_AUTH:
		o->fleet.auth = arg;
		return 1;
	case OPT_STORE_TIMEOUT:
		return parse_seconds("--store-timeout", arg,
				     &o->fleet.timeout) ? 1 : -1;
	case OPT_PER_ADDRESS:
		return parse_number("--max-per-address", arg, 1, 1000000,
				    &o->per_address) ? 1 : -1;
	default:
		return 0;
	}
}

/* What one has sealed the others have to open */
static int start_fleet(const struct ops *o)
{
	if (!o->fleet.url && !o->fleet.auth && !o->fleet.timeout)
		return 0;
	if (o->fleet.url && o->ticket_keys.name)
		return pool_start(&o->fleet);
	complain(o->fleet.url ? "--store needs --ticket-keys" :
		 "--store-auth and --store-timeout need --store");
	return -1;
}

int ops_start(const struct ops *o)
{
	addresses_limit(o->per_address);
	if (start_fleet(o))
		return -1;
	if (o->access_log && access_log_open(o->access_log))
		return -1;
	return o->has_metrics ? metrics_start(&o->metrics) : 0;
}

void ops_stop(void)
{
	metrics_stop();
	pool_stop();
	access_log_close();
}

void ops_reopen(void)
{
	access_log_reopen();
}
