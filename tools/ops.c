// SPDX-License-Identifier: MIT
#include "ops.h"

#include "accesslog.h"
#include "addresses.h"
#include "log.h"
#include "metrics.h"
#include "options.h"

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
	case OPT_PER_ADDRESS:
		return parse_number("--max-per-address", arg, 1, 1000000,
				    &o->per_address) ? 1 : -1;
	default:
		return 0;
	}
}

int ops_start(const struct ops *o)
{
	addresses_limit(o->per_address);
	if (o->access_log && access_log_open(o->access_log))
		return -1;
	return o->has_metrics ? metrics_start(&o->metrics) : 0;
}

void ops_stop(void)
{
	metrics_stop();
	access_log_close();
}

void ops_reopen(void)
{
	access_log_reopen();
}
