// SPDX-License-Identifier: MIT
#include "agent_cred.h"

#include <stdlib.h>
#include <string.h>

static bool among(const struct ids *ids, unsigned int id)
{
	for (size_t i = 0; i < ids->len; i++)
		if (ids->id[i] == id)
			return true;
	return ids->all;
}

static bool allows(const struct credential *c, const struct user *user)
{
	if (among(&c->users, user->uid))
		return true;
	for (size_t i = 0; i < user->gids_len; i++)
		if (among(&c->members, user->gids[i]))
			return true;
	return false;
}

const struct credential *credential_find(const struct agent_conf *conf,
				   const char *name, const struct user *user)
{
	for (size_t i = 0; i < conf->len; i++) {
		const struct credential *c = &conf->creds[i];

		if (!strcmp(c->name, name))
			return allows(c, user) ? c : NULL;
	}
	return NULL;
}

static void wipe_text(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

void credential_free(struct credential *c)
{
	free(c->name);
	for (size_t i = 0; i < CERTS_MAX; i++) {
		free(c->cert_pem[i]);
		wipe_text(c->key_pem[i]);
	}
	free(c->trust_pem);
	free(c->alpn);
	free(c->ciphers);
	free(c->groups);
	free(c->users.id);
	free(c->members.id);
	*c = (struct credential){ 0 };
}
