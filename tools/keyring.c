// SPDX-License-Identifier: MIT
#include "keyring.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <keyutils.h>

#define DATA_MAX	65536		/* bytes of a key */
#define DEPTH_MAX	3		/* keyrings in keyrings */
#define PEER_LIFETIME	86400		/* s */
#define PEER_PERM	(KEY_POS_ALL | KEY_USR_VIEW | KEY_USR_READ |	\
			 KEY_USR_SEARCH)

/* ---- keyrings ---------------------------------------------------------- */

static int32_t peers;		/* a keyring in the session's */

int keyring_start(void)
{
	if (keyctl_join_session_keyring(NULL) < 0)
		return -errno;
	peers = add_key("keyring", "TLS peers", NULL, 0,
			KEY_SPEC_SESSION_KEYRING);
	return peers < 0 ? -errno : 0;
}

void keyring_forget(void)
{
	/* it need not exist */
	keyctl_clear(KEY_SPEC_PROCESS_KEYRING);
}

/* Of "type;uid;gid;perm;description", as keyctl_describe(3) has it; or NULL */
static const char *description(const char *text)
{
	for (int i = 0; i < 4 && text; i++)
		text = (text = strchr(text, ';')) ? text + 1 : NULL;
	return text;
}

/* Is it a keyring of this user's, with this name? */
static bool is_keyring(int32_t serial, const char *name)
{
	char begin[32], *text;
	const char *is;
	bool ok;

	if (keyctl_describe_alloc(serial, &text) < 0)
		return false;
	snprintf(begin, sizeof(begin), "keyring;%u;", geteuid());
	is = description(text);
	ok = !strncmp(text, begin, strlen(begin)) && is && !strcmp(is, name);
	free(text);
	return ok;
}

/*
 * A line of proc(5)'s keys: serial, flags, usage, timeout, permissions, uid,
 * gid, type, description and what the type has to say.  A description is
 * whatever its owner likes, who may show it to others, and has line feeds as
 * they are: a line is no more than a hint where to look.
 */
static int32_t match_line(const char *line, const char *name)
{
	unsigned int serial;
	int at = 0;
	size_t len = strlen(name);

	if (sscanf(line, "%x %*s %*s %*s %*x %*d %*d keyring %n", &serial,
		   &at) != 1 || !at)
		return 0;
	line += at;
	if (strncmp(line, name, len) || strncmp(line + len, ": ", 2))
		return 0;
	return is_keyring((int32_t)serial, name) ? (int32_t)serial : 0;
}

static int32_t find_keyring(const char *name)
{
	FILE *f = fopen("/proc/keys", "re");
	char line[4608];		/* a description has 4095 at most */
	int32_t serial = 0;

	if (!f)
		return 0;
	while (!serial && fgets(line, sizeof(line), f))
		serial = match_line(line, name);
	fclose(f);
	return serial;
}

int keyring_link(const char *name)
{
	char *end;
	long n = strtol(name, &end, 0);
	int32_t serial = !*end && end != name && n <= INT_MAX && n >= INT_MIN ?
			 (int32_t)n : find_keyring(name);

	if (!serial)
		return -ENOKEY;
	return keyctl_link(serial, KEY_SPEC_SESSION_KEYRING) < 0 ? -errno : 0;
}

/* ---- keys -------------------------------------------------------------- */

int keyring_read(int32_t serial, void **data, size_t *len)
{
	uint8_t *buf = malloc(DATA_MAX);
	long n;

	*data = NULL;
	if (!buf)
		return -ENOMEM;
	n = keyctl_read(serial, (char *)buf, DATA_MAX);
	if (n < 0 || n > DATA_MAX) {
		int err = n < 0 ? -errno : -EMSGSIZE;

		keyring_free(buf, DATA_MAX);
		return err;
	}
	*data = buf;
	*len = (size_t)n;
	return 0;
}

void keyring_free(void *data, size_t len)
{
	if (data)
		explicit_bzero(data, len);
	free(data);
}

/* Of two with one name, the first */
static bool known(const struct keyring_psks *list, const char *identity)
{
	for (size_t i = 0; i < list->len; i++)
		if (!strcmp(list->psks[i].identity, identity))
			return true;
	return false;
}

static bool add_psk(struct keyring_psks *list, int32_t serial,
		    const char *identity)
{
	struct keyring_psk *more, *psk;
	void *data;
	size_t len;

	if (list->len == KEYRING_PSKS_MAX || !*identity ||
	    known(list, identity) || keyring_read(serial, &data, &len))
		return true;
	if (len < 16 || len > KEYRING_PSK_MAX) {
		keyring_free(data, len);
		return true;
	}
	/* not realloc(), which leaves keys behind */
	more = calloc(list->len + 1, sizeof(*more));
	psk = more ? more + list->len : NULL;
	if (psk)
		psk->identity = strdup(identity);
	if (!psk || !psk->identity) {
		free(more);
		keyring_free(data, len);
		return false;
	}
	psk->serial = serial;
	memcpy(psk->key, data, len);
	psk->len = len;
	keyring_free(data, len);
	if (list->len)
		memcpy(more, list->psks, list->len * sizeof(*more));
	keyring_free(list->psks, list->len * sizeof(*more));
	list->psks = more;
	list->len++;
	return true;
}

static bool collect(struct keyring_psks *list, int32_t serial, int depth);

static bool collect_ring(struct keyring_psks *list, int32_t serial, int depth)
{
	int32_t *serials;
	void *data;
	size_t len;
	bool ok = true;

	if (!depth || keyring_read(serial, &data, &len))
		return true;
	serials = data;
	for (size_t i = 0; i < len / sizeof(*serials) && ok; i++)
		ok = collect(list, serials[i], depth - 1);
	keyring_free(data, len);
	return ok;
}

static bool collect(struct keyring_psks *list, int32_t serial, int depth)
{
	const char *identity;
	char *text;
	bool ok = true;

	if (keyctl_describe_alloc(serial, &text) < 0)
		return true;
	identity = description(text);
	if (!strncmp(text, "keyring;", 8))
		ok = collect_ring(list, serial, depth);
	else if (identity && !strncmp(text, "psk;", 4))
		ok = add_psk(list, serial, identity);
	free(text);
	return ok;
}

bool keyring_psks(struct keyring_psks *list, int32_t serial)
{
	return collect(list, serial, DEPTH_MAX);
}

bool keyring_own_psks(struct keyring_psks *list)
{
	return collect(list, KEY_SPEC_PROCESS_KEYRING, DEPTH_MAX) &&
	       collect(list, KEY_SPEC_SESSION_KEYRING, DEPTH_MAX);
}

void keyring_psks_free(struct keyring_psks *list)
{
	for (size_t i = 0; i < list->len; i++)
		free(list->psks[i].identity);
	keyring_free(list->psks, list->len * sizeof(*list->psks));
	*list = (struct keyring_psks){ 0 };
}

/* ---- who a peer is ----------------------------------------------------- */

int32_t keyring_keep_peer(const char *name, const void *der, size_t len)
{
	char description[320];
	int32_t serial;

	snprintf(description, sizeof(description), "TLS x509 %s", name);
	serial = add_key("asymmetric", description, der, len, peers);
	/* a kernel without that type, or without the certificate's algorithm */
	if (serial < 0 && (errno == ENODEV || errno == EBADMSG ||
			   errno == ENOPKG))
		serial = add_key("user", description, der, len, peers);
	if (serial < 0)
		return -errno;
	if (keyctl_set_timeout(serial, PEER_LIFETIME) < 0 ||
	    keyctl_setperm(serial, PEER_PERM) < 0)
		return -errno;
	return serial;
}
