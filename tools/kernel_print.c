// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <ktls.h>
#include <linux/ktls_consumer.h>

#include "kernel_print.h"

const char *const kernel_services[] = { "echo", "discard", "chargen", NULL };
const char *const kernel_auths[] = { "anon", "x509", "psk", NULL };
static const char *const roles[] = { "listen", "connect", NULL };
static const char *const states[] = {
	"connecting", "handshake", "open", "closing", NULL,
};

enum kind {
	KIND_NONE,
	KIND_NUMBER,		/* unsigned */
	KIND_LIST,		/* ... and there may be several */
	KIND_NAME,		/* ... of names */
	KIND_ERRNO,
	KIND_VERSION,
	KIND_CIPHER,
	KIND_STRING,
	KIND_ADDRESS,
	KIND_NEST,
};

struct field {
	const char *name;
	enum kind kind;
	const char *const *names;
	const struct kernel_set *nest;
};

struct kernel_set {
	const struct field *fields;
	int max;
};

#define SET(array)	\
	{ .fields = (array), .max = sizeof(array) / sizeof(*(array)) - 1 }

#define COUNTER(attr, name)	\
	[KTLS_CONSUMER_A_COUNTERS_##attr] = { name, KIND_NUMBER, NULL, NULL }

static const struct field counter_fields[] = {
	COUNTER(OPENED, "opened"),
	COUNTER(REFUSED, "refused"),
	COUNTER(HANDSHAKES, "handshakes"),
	COUNTER(HANDSHAKE_ERRORS, "handshake_errors"),
	COUNTER(COMPLETED, "completed"),
	COUNTER(ERRORS, "errors"),
	COUNTER(RX_BYTES, "rx_bytes"),
	COUNTER(TX_BYTES, "tx_bytes"),
	COUNTER(RX_RECORDS, "rx_records"),
	COUNTER(TX_RECORDS, "tx_records"),
	COUNTER(RX_ALERTS, "rx_alerts"),
	COUNTER(RX_HANDSHAKE, "rx_handshake"),
};

static const struct kernel_set counters = SET(counter_fields);

#define FIELD(attr, name, kind, ...)	\
	[KTLS_CONSUMER_A_##attr] = { name, KIND_##kind, __VA_ARGS__ }
#define PLAIN(attr, name, kind)	FIELD(attr, name, kind, NULL, NULL)

static const struct field endpoint_fields[] = {
	PLAIN(ENDPOINT_ID, "id", NUMBER),
	FIELD(ENDPOINT_ROLE, "role", NAME, roles, NULL),
	FIELD(ENDPOINT_SERVICE, "service", NAME, kernel_services, NULL),
	FIELD(ENDPOINT_AUTH, "auth", NAME, kernel_auths, NULL),
	PLAIN(ENDPOINT_ADDRESS, "address", ADDRESS),
	PLAIN(ENDPOINT_PORT, "port", NUMBER),
	PLAIN(ENDPOINT_PEERNAME, "peername", STRING),
	PLAIN(ENDPOINT_TIMEOUT, "timeout_ms", NUMBER),
	PLAIN(ENDPOINT_IDLE_TIMEOUT, "idle_timeout_ms", NUMBER),
	PLAIN(ENDPOINT_CONNECTIONS, "connections", NUMBER),
	PLAIN(ENDPOINT_BYTES, "bytes", NUMBER),
	PLAIN(ENDPOINT_CERTIFICATE, "certificate", NUMBER),
	PLAIN(ENDPOINT_PRIVATE_KEY, "private_key", NUMBER),
	PLAIN(ENDPOINT_KEYRING, "keyring", NUMBER),
	PLAIN(ENDPOINT_PSK, "psk", LIST),
	PLAIN(ENDPOINT_ACTIVE, "active", NUMBER),
	PLAIN(ENDPOINT_LAST_ERROR, "last_error", ERRNO),
	PLAIN(ENDPOINT_LAST_ALERT, "last_alert", NUMBER),
	FIELD(ENDPOINT_COUNTERS, "counters", NEST, NULL, &counters),
};

static const struct field conn_fields[] = {
	PLAIN(CONN_ENDPOINT, "endpoint", NUMBER),
	PLAIN(CONN_ID, "id", NUMBER),
	FIELD(CONN_STATE, "state", NAME, states, NULL),
	PLAIN(CONN_ADDRESS, "address", ADDRESS),
	PLAIN(CONN_PORT, "port", NUMBER),
	PLAIN(CONN_LOCAL_PORT, "local_port", NUMBER),
	PLAIN(CONN_PEER_IDENTITY, "peer_identity", NUMBER),
	PLAIN(CONN_VERSION, "version", VERSION),
	PLAIN(CONN_CIPHER, "cipher", CIPHER),
	FIELD(CONN_COUNTERS, "counters", NEST, NULL, &counters),
};

static const struct field stats_fields[] = {
	PLAIN(STATS_ENDPOINTS, "endpoints", NUMBER),
	FIELD(STATS_COUNTERS, "counters", NEST, NULL, &counters),
};

const struct kernel_set kernel_endpoint = SET(endpoint_fields);
const struct kernel_set kernel_conn = SET(conn_fields);
const struct kernel_set kernel_stats = SET(stats_fields);

int kernel_name(const char *const *names, const char *name)
{
	for (int i = 0; names[i]; i++)
		if (!strcmp(names[i], name))
			return i;
	return -1;
}

uint64_t kernel_number(const struct nlattr *attr)
{
	switch (nla_len(attr)) {
	case 1:
		return nla_get_u8(attr);
	case 2:
		return nla_get_u16(attr);
	case 4:
		return nla_get_u32(attr);
	case 8:
		return nla_get_u64(attr);
	default:
		return 0;
	}
}

static const char *listed(const char *const *names, uint64_t at)
{
	for (uint64_t i = 0; names[i]; i++)
		if (i == at)
			return names[i];
	return NULL;
}

static const char *address(const struct nlattr *attr, char *buf, size_t size)
{
	switch (nla_len(attr)) {
	case sizeof(struct in_addr):
		return inet_ntop(AF_INET, nla_data(attr), buf, (socklen_t)size);
	case sizeof(struct in6_addr):
		return inet_ntop(AF_INET6, nla_data(attr), buf,
				 (socklen_t)size);
	default:
		return NULL;
	}
}

/* The value in words, in @buf if there is none of its own; NULL: a number */
static const char *words(const struct field *f, const struct nlattr *attr,
			 char *buf, size_t size)
{
	switch (f->kind) {
	case KIND_NAME:
		return listed(f->names, kernel_number(attr));
	case KIND_ERRNO:
		return strerrorname_np((int)kernel_number(attr));
	case KIND_VERSION:
		return ktls_version_name((uint16_t)kernel_number(attr));
	case KIND_CIPHER:
		return ktls_cipher_name((uint16_t)kernel_number(attr));
	case KIND_ADDRESS:
		return address(attr, buf, size);
	case KIND_STRING:
		snprintf(buf, size, "%.*s", nla_len(attr),
			 (const char *)nla_data(attr));
		return buf;
	default:
		return NULL;
	}
}

/* Calls @put for each attribute that is known, in the order of the message */
static void walk(const struct kernel_set *set, const struct nlattr *attrs,
		 int len, void (*put)(void *arg, const struct field *f,
				      const struct nlattr *attr), void *arg)
{
	const struct nlattr *attr;
	int rem;

	nla_for_each_attr(attr, attrs, len, rem)
		if (nla_type(attr) <= set->max &&
		    set->fields[nla_type(attr)].name)
			put(arg, &set->fields[nla_type(attr)], attr);
}

static void put_text(void *arg, const struct field *f,
		     const struct nlattr *attr)
{
	char buf[300];
	const char *word = words(f, attr, buf, sizeof(buf));
	bool *more = arg;

	if (f->kind == KIND_NEST) {
		walk(f->nest, nla_data(attr), nla_len(attr), put_text, more);
		return;
	}
	printf("%s%s=", *more ? " " : "", f->name);
	*more = true;
	if (word)
		printf("%s", word);
	else
		printf("%" PRIu64, kernel_number(attr));
}

void kernel_print(const struct kernel_set *set, const struct nlattr *attrs,
		  int len)
{
	bool more = false;

	walk(set, attrs, len, put_text, &more);
	printf("\n");
}

static void put_json(void *arg, const struct field *f,
		     const struct nlattr *attr)
{
	char buf[300];
	const char *word = words(f, attr, buf, sizeof(buf));

	if (f->kind == KIND_NEST)
		kernel_json(arg, f->name, f->nest, nla_data(attr),
			    nla_len(attr));
	else if (f->kind == KIND_LIST)
		return;
	else if (word)
		json_string(arg, f->name, word);
	else
		json_number(arg, f->name, (long long)kernel_number(attr));
}

static void json_lists(struct json *j, const struct kernel_set *set,
		       const struct nlattr *attrs, int len)
{
	const struct nlattr *attr;
	int rem;

	for (int i = 1; i <= set->max; i++) {
		if (set->fields[i].kind != KIND_LIST ||
		    !nla_find(attrs, len, i))
			continue;
		json_begin(j, set->fields[i].name, '[');
		nla_for_each_attr(attr, attrs, len, rem)
			if (nla_type(attr) == i)
				json_number(j, NULL,
					    (long long)kernel_number(attr));
		json_end(j, ']');
	}
}

void kernel_json(struct json *j, const char *name, const struct kernel_set *set,
		 const struct nlattr *attrs, int len)
{
	json_begin(j, name, '{');
	walk(set, attrs, len, put_json, j);
	json_lists(j, set, attrs, len);
	json_end(j, '}');
}
