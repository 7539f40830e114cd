// SPDX-License-Identifier: MIT
/*
 * How long records may be: max_fragment_length (RFC 6066 4), which holds both
 * ways, and record_size_limit (RFC 8449), which each end says for itself and
 * which takes precedence.
 */
#include "hs.h"

#define WIRE_MIN	64	/* RFC 8449 4 */
#define CODE_MAX	4	/* MaxFragmentLength: 2^9 to 2^12 */
/*
 * Of early data, sealed not more than 16384: a server that has asked for
 * another hello skips it as if it were in the open, and libssl's is strict then
 */
#define EARLY_RECORD	(RECORD_PLAIN_MAX - RECORD_EXPANSION_MAX)

static uint16_t fragment_of(uint8_t code)
{
	return (uint16_t)(256u << code);
}

/* The most that a RecordSizeLimit may say: 1.3 counts the type as well */
static uint16_t wire_max(uint16_t version)
{
	return RECORD_PLAIN_MAX + (version >= KTLS_TLS13);
}

/* What we say, where that is the highest version */
static uint16_t our_wire(const struct ktls_config *cfg, uint16_t version)
{
	uint16_t max = wire_max(version), own = cfg->record_limit;

	return own && own < max ? own : max;
}

/* Content in a record of at most @wire; more than the protocol's is no error */
static uint16_t content_of(const struct ktls_hs *hs, uint16_t wire)
{
	uint16_t max = wire_max(hs->info.version);

	if (wire > max)
		wire = max;
	return (uint16_t)(wire - (max - RECORD_PLAIN_MAX));
}

/*
 * RFC 8449 4: a record keeps to what the handshake of its keys agreed to.  In
 * another one those of the last are in use still: until that changes we keep
 * to both limits, and hold the peer to the longer.
 */
static void set_limits(struct ktls_hs *hs, uint16_t tx, uint16_t rx)
{
	bool first = !hs->binding.round;

	hs->limit.tx = hs->info.tx_record = tx;
	hs->limit.rx = hs->info.rx_record = rx;
	if (first || tx < record_max(&hs->tx))
		hs->tx.max = tx;
	if (first || rx > record_max(&hs->rx))
		hs->rx.max = rx;
}

void limit_tx_keys(struct ktls_hs *hs)
{
	hs->tx.max = hs->limit.tx;
}

void limit_rx_keys(struct ktls_hs *hs)
{
	if (hs->limit.rx)
		hs->rx.max = hs->limit.rx;
}

/*
 * RFC 8449 4: the keys of early data are there before anything is agreed to,
 * so that it has the protocol's limit.  A client that wants fragments to be
 * shorter can know it, and keeps to that (RFC 6066 4): servers that remember
 * it from the session hold it to it.
 */
void limit_rx_early(struct ktls_hs *hs)
{
	if (hs->limit.rx)
		hs->rx.max = RECORD_PLAIN_MAX;
}

/* With its padding */
void limit_tx_early(struct ktls_hs *hs)
{
	uint8_t code = hs->config->max_fragment;

	hs->tx.max = code ? fragment_of(code) : EARLY_RECORD;
}

/* RFC 8449 4: of protected records alone */
static void set_sizes(struct ktls_hs *hs, uint16_t theirs)
{
	set_limits(hs, content_of(hs, theirs),
		   content_of(hs, our_wire(hs->config, hs->info.version)));
}

/* RFC 6066 4: of all records from now on */
static void set_fragment(struct ktls_hs *hs, uint8_t code)
{
	hs->limit.fragment = code;
	hs->rx.max_plain = true;
	set_limits(hs, fragment_of(code), fragment_of(code));
}

static bool resumed12(const struct ktls_hs *hs)
{
	return hs->info.resumed && hs->info.version == KTLS_TLS12;
}

/* Nothing is agreed: what the last handshake agreed to ends with its keys */
static void set_none(struct ktls_hs *hs)
{
	if (hs->binding.round)
		set_limits(hs, RECORD_PLAIN_MAX, RECORD_PLAIN_MAX);
}

/* ---- client ------------------------------------------------------------ */

void limit_offer(const struct ktls_hs *hs, struct exts *e)
{
	const struct ktls_config *cfg = hs->config;

	e->max_fragment = cfg->max_fragment;
	e->record_limit = our_wire(cfg, hs_max_version(hs));
	if (cfg->max_fragment)
		e->set |= EXT_BIT(EXT_MAX_FRAGMENT_LENGTH);
	if (cfg->record_limit)
		e->set |= EXT_BIT(EXT_RECORD_SIZE_LIMIT);
}

int limit_take(struct ktls_hs *hs, const struct exts *e)
{
	bool sized = ext_has(e, EXT_RECORD_SIZE_LIMIT);

	if (sized && (ext_has(e, EXT_MAX_FRAGMENT_LENGTH) ||
		      e->record_limit < WIRE_MIN))
		return -KTLS_E_RECORD_LIMIT;
	if (sized) {
		set_sizes(hs, e->record_limit);
	} else if (ext_has(e, EXT_MAX_FRAGMENT_LENGTH)) {
		if (e->max_fragment != hs->config->max_fragment)
			return -KTLS_E_RECORD_LIMIT;
		set_fragment(hs, e->max_fragment);
	} else if (resumed12(hs) && hs->session.max_fragment) {
		set_fragment(hs, hs->session.max_fragment);
	} else {
		set_none(hs);
	}
	return 0;
}

/* ---- server ------------------------------------------------------------ */

/* A limit that the kernel must keep and cannot is not agreed to */
static bool can_keep(const struct ktls_config *cfg, uint16_t tx)
{
	return tx >= RECORD_PLAIN_MAX || cfg->tx != KTLS_PATH_KERNEL ||
	       !cfg->caps.max_payload_error;
}

bool limit_resumes(const struct ktls_config *cfg, uint8_t code)
{
	return !code || (code <= CODE_MAX && can_keep(cfg, fragment_of(code)));
}

static int choose_sizes(struct ktls_hs *hs, uint16_t theirs)
{
	if (theirs < WIRE_MIN)
		return -KTLS_E_RECORD_LIMIT;
	if (can_keep(hs->config, content_of(hs, theirs))) {
		hs->limit.answer = EXT_BIT(EXT_RECORD_SIZE_LIMIT);
		set_sizes(hs, theirs);
	} else {
		set_none(hs);
	}
	return 0;
}

int limit_choose(struct ktls_hs *hs, const struct exts *ch)
{
	uint8_t code = ch->max_fragment;

	/* RFC 8449 5: where both are there, the older one is ignored */
	if (ext_has(ch, EXT_RECORD_SIZE_LIMIT))
		return choose_sizes(hs, ch->record_limit);
	/* 6066 1.1: a resumed session has what it had, without a word */
	if (resumed12(hs)) {
		if (hs->session.max_fragment)
			set_fragment(hs, hs->session.max_fragment);
		return 0;
	}
	if (!ext_has(ch, EXT_MAX_FRAGMENT_LENGTH)) {
		set_none(hs);
		return 0;
	}
	if (!code || code > CODE_MAX)
		return -KTLS_E_RECORD_LIMIT;
	if (can_keep(hs->config, fragment_of(code))) {
		hs->limit.answer = EXT_BIT(EXT_MAX_FRAGMENT_LENGTH);
		set_fragment(hs, code);
	} else {
		set_none(hs);
	}
	return 0;
}

void limit_answer(const struct ktls_hs *hs, struct exts *e)
{
	e->set |= hs->limit.answer;
	e->max_fragment = hs->limit.fragment;
	e->record_limit = our_wire(hs->config, hs->info.version);
}
