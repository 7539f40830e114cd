// SPDX-License-Identifier: GPL-2.0-only
/*
 * model [+|-STATE:MESSAGE:NEXT]...: the tables of the library as Promela, for
 * model.pml.  Each role becomes an inline that takes a message (m) in the state
 * st and leaves the next one in next.  Where a row leads to several states, the
 * frame has to say when: STATE__NEXT.  What is added with + comes in any case;
 * with that and - a test breaks the tables, to see that it is found.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../lib/hs.h"

struct name {
	unsigned int value;
	const char *name;
};

#define STATE(name)	{ name, #name }
#define MSG(name)	{ HT_##name, #name }

static const struct name states[] = {
	STATE(C_SH), STATE(C_SH2), STATE(C_EE), STATE(C_CERT_CR),
	STATE(C_CERT), STATE(C_CV), STATE(C_FIN), STATE(S_CH), STATE(S_CH2),
	STATE(S_CERT), STATE(S_CV), STATE(S_EARLY), STATE(S_FIN),
	STATE(C12_SUPP), STATE(C12_CERT), STATE(C12_STATUS),
	STATE(C12_STATUS_ECDH), STATE(C12_SKE), STATE(C12_CR_DONE),
	STATE(C12_DONE), STATE(C12_NST), STATE(C12_CCS), STATE(C12_FIN),
	STATE(S12_SUPP_CERT_URL), STATE(S12_SUPP_CERT), STATE(S12_SUPP_CKE),
	STATE(S12_CERT_URL), STATE(S12_CERT), STATE(S12_CKE), STATE(S12_CV),
	STATE(S12_CCS), STATE(S12_FIN), STATE(HS_DONE), STATE(HS_FAILED),
};

#define N_STATES	(sizeof(states) / sizeof(*states))
_Static_assert(N_STATES == HS_STATES, "each state has a name");

static const struct name msgs[] = {
	MSG(CLIENT_HELLO), MSG(SERVER_HELLO), MSG(NEW_SESSION_TICKET),
	MSG(END_OF_EARLY_DATA), MSG(ENCRYPTED_EXTENSIONS), MSG(CERTIFICATE),
	MSG(SERVER_KEY_EXCHANGE), MSG(CERTIFICATE_REQUEST),
	MSG(SERVER_HELLO_DONE), MSG(CERTIFICATE_VERIFY),
	MSG(CLIENT_KEY_EXCHANGE), MSG(FINISHED), MSG(CERTIFICATE_URL),
	MSG(CERTIFICATE_STATUS), MSG(SUPPLEMENTAL_DATA),
	MSG(COMPRESSED_CERTIFICATE), MSG(CCS),
};

#define N_MSGS		(sizeof(msgs) / sizeof(*msgs))

/* A change of a table */
struct change {
	bool add, used;
	unsigned int state, msg, next;
};

#define CHANGES_MAX	8

static struct change changes[CHANGES_MAX];
static size_t changes_len;

static const struct name *by_value(const struct name *list, size_t len,
				   unsigned int value)
{
	for (size_t i = 0; i < len; i++)
		if (list[i].value == value)
			return &list[i];
	return NULL;
}

static bool by_name(const struct name *list, size_t len, const char *name,
		    unsigned int *value)
{
	for (size_t i = 0; name && i < len; i++) {
		if (strcmp(list[i].name, name))
			continue;
		*value = list[i].value;
		return true;
	}
	return false;
}

static bool parse_change(char *arg, struct change *c)
{
	char *rest, *state = strtok_r(arg + 1, ":", &rest);
	char *msg = strtok_r(NULL, ":", &rest);
	char *next = strtok_r(NULL, ":", &rest);

	c->add = *arg == '+';
	return (c->add || *arg == '-') &&
	       by_name(states, N_STATES, state, &c->state) &&
	       by_name(msgs, N_MSGS, msg, &c->msg) &&
	       by_name(states, N_STATES, next, &c->next);
}

/* The change of this transition, if there is one */
static struct change *changed(bool add, unsigned int state, unsigned int msg,
			      unsigned int next)
{
	for (size_t i = 0; i < changes_len; i++) {
		struct change *c = &changes[i];

		if (c->add == add && c->state == state && c->msg == msg &&
		    c->next == next)
			return c;
	}
	return NULL;
}

/* One line for each, by which the unreached are known */
static void print_next(const struct hs_rule *r, unsigned int next)
{
	bool choice = r->next & (r->next - 1);
	struct change *add = changed(true, r->state, r->msg, next);
	struct change *drop = changed(false, r->state, r->msg, next);
	const char *from = states[r->state].name, *to = states[next].name;

	if (add) {
		add->used = true;
		printf("\t\t:: true -> next = %s\n", to);
	} else if (drop) {
		drop->used = r->next & ST(next);
	} else if (r->next & ST(next) && choice) {
		printf("\t\t:: %s__%s -> next = %s\n", from, to, to);
	} else if (r->next & ST(next)) {
		printf("\t\t:: true -> next = %s\n", to);
	}
}

static bool print_rule(const struct hs_rule *r)
{
	const struct name *msg = by_value(msgs, N_MSGS, r->msg);

	if (!msg) {
		fprintf(stderr, "model: message %u has no name\n", r->msg);
		return false;
	}
	printf("\t:: st == %s && m == %s ->\n\t\tif\n", states[r->state].name,
	       msg->name);
	for (unsigned int next = 0; next < HS_STATES; next++)
		print_next(r, next);
	printf("\t\t:: else -> next = HS_FAILED\n\t\tfi\n");
	return true;
}

static bool is_rule(const struct hs_rule *r, size_t len,
		    const struct change *c)
{
	for (; len--; r++)
		if (r->state == c->state && r->msg == c->msg)
			return true;
	return false;
}

static bool print_rules(const char *role, const struct hs_rule *r, size_t len)
{
	printf("inline %s_rules(st)\n{\n\tif\n", role);
	for (size_t i = 0; i < len; i++)
		if (!print_rule(&r[i]))
			return false;
	/* rows that are new; of the other role they match nothing */
	for (size_t i = 0; i < changes_len; i++) {
		struct change *c = &changes[i];

		if (!c->add || is_rule(client_rules, client_rules_len, c) ||
		    is_rule(server_rules, server_rules_len, c))
			continue;
		c->used = true;
		printf("\t:: st == %s && m == %s -> next = %s\n",
		       states[c->state].name,
		       by_value(msgs, N_MSGS, c->msg)->name,
		       states[c->next].name);
	}
	printf("\t:: else -> next = HS_FAILED\n\tfi\n}\n\n");
	return true;
}

static void print_any(void)
{
	printf("inline any_message()\n{\n\tif\n");
	for (size_t i = 0; i < N_MSGS; i++)
		printf("\t:: m = %s\n", msgs[i].name);
	printf("\t:: m = DATA\n\tfi\n}\n\n");
}

int main(int argc, char **argv)
{
	bool ok = true;

	for (int i = 1; i < argc; i++)
		if (changes_len == CHANGES_MAX ||
		    !parse_change(argv[i], &changes[changes_len++])) {
			fprintf(stderr, "usage: %s [+|-STATE:MESSAGE:NEXT]...\n",
				argv[0]);
			return 2;
		}
	/* of the states that the table knows, and in its order */
	for (unsigned int i = 0; i < N_STATES; i++)
		printf("#define %s %u\n", states[i].name, states[i].value);
	for (size_t i = 0; i < N_MSGS; i++)
		printf("#define %s %zu\n", msgs[i].name, i + 1);
	printf("#define MSGS %zu\n\n", N_MSGS);
	print_any();
	ok = print_rules("client", client_rules, client_rules_len) &&
	     print_rules("server", server_rules, server_rules_len);
	for (size_t i = 0; i < changes_len; i++)
		if (!changes[i].used) {
			fprintf(stderr, "model: change %zu has no effect\n", i);
			ok = false;
		}
	return ok ? 0 : 1;
}
