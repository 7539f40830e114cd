// SPDX-License-Identifier: MIT
#include "upcall_config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handshake_abi.h"
#include "log.h"
#include "pem.h"
#include "text.h"
#include "tlshd_conf.h"

#define FILES		4	/* of struct tlshd_end */
#define FILE_SIZE_MAX	(4 << 20)

/*
 * What is alike for all: TLS 1.3, as the kernel's consumers want it, carried by
 * the kernel both ways, and nothing that leads to messages after the
 * handshake, for which they have no hand-off: no tickets are given, and none
 * are asked for.
 */
#define BASE								\
	.size = sizeof(struct ktls_opts), .min_version = KTLS_TLS13,	\
	.flags = KTLS_F_NO_TICKETS, .sessions = KTLS_NO_SESSIONS,	\
	.tx = KTLS_PATH_KERNEL, .rx = KTLS_PATH_KERNEL

/* Of certificates; a client without one is known to the kernel as such */
static const struct kind {
	enum ktls_role role;
	uint32_t auth;
	enum ktls_verify verify;
	bool cred;
} kinds[] = {
	{ KTLS_CLIENT, HANDSHAKE_AUTH_NONE, KTLS_VERIFY_REQUIRE, false },
	{ KTLS_CLIENT, HANDSHAKE_AUTH_X509, KTLS_VERIFY_REQUIRE, true },
	{ KTLS_SERVER, HANDSHAKE_AUTH_X509, KTLS_VERIFY_OPTIONAL, true },
};

#define KINDS	(sizeof(kinds) / sizeof(*kinds))

/* A file as it was when it was read; all 0: there is none */
struct stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
};

struct made {
	struct ktls_config *config;	/* NULL: not yet */
	struct stamp files[FILES];
};

struct upcall_configs {
	struct tlshd_conf conf;
	const struct ktls_hooks *hooks;
	struct made made[KINDS];
};

static const struct tlshd_end *end_of(const struct upcall_configs *c,
				      const struct kind *kind)
{
	return kind->role == KTLS_SERVER ? &c->conf.server : &c->conf.client;
}

/* ---- files ------------------------------------------------------------- */

static void stamp_files(struct stamp stamps[FILES], const struct tlshd_end *e)
{
	const char *const names[FILES] = { e->truststore, e->crl,
					   e->certificate, e->private_key };

	memset(stamps, 0, FILES * sizeof(*stamps));
	for (size_t i = 0; i < FILES; i++) {
		struct stat st;

		if (!names[i] || stat(names[i], &st))
			continue;
		stamps[i].dev = st.st_dev;
		stamps[i].ino = st.st_ino;
		stamps[i].size = st.st_size;
		stamps[i].mtime = st.st_mtim;
	}
}

static bool read_file(struct text *t, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : 1;

	while (n > 0 && t->len < FILE_SIZE_MAX) {
		char *room = text_room(t, 65536);

		n = room ? read(fd, room, 65536) : -1;
		if (n > 0)
			t->len += (size_t)n;
	}
	if (n < 0)
		log_line("kernel: %s: %s", path, strerror(errno));
	else if (n > 0)
		log_line("kernel: %s: too large", path);
	if (fd >= 0)
		close(fd);
	return !n;
}

/*
 * The trust of @e into @o: revocation lists go with the certificates that they
 * are for, in one text.
 */
static bool set_trust(struct ktls_opts *o, const struct tlshd_end *e,
		      struct text *pem)
{
	if (!e->crl) {
		o->ca_file = e->truststore;
		return true;
	}
	if (!e->truststore) {
		log_line("kernel: x509.crl without x509.truststore");
		return false;
	}
	if (!read_file(pem, e->truststore))
		return false;
	text_puts(pem, "\n");
	if (!read_file(pem, e->crl))
		return false;
	text_put(pem, "", 1);
	o->ca_pem = pem->buf;
	return !pem->failed;
}

/* ---- configs ----------------------------------------------------------- */

/* 0 or a positive errno, after a line of the log */
static int make(struct ktls_config **config, struct ktls_opts *o)
{
	char why[512] = "";
	int err;

	o->error = why;
	o->error_size = sizeof(why);
	err = ktls_config_new(config, o);
	if (err)
		log_line("kernel: no configuration for a %s: %s%s%s",
			 o->role == KTLS_SERVER ? "server" : "client",
			 ktls_strerror(err), *why ? ": " : "", why);
	return err ? EIO : 0;
}

/* The credential of @r's keys as PEM text */
static int read_cred(struct ktls_cred *cred, const struct upcall_request *r)
{
	const struct {
		int32_t serial;
		const char **pem;
		char *(*encode)(const void *data, size_t len);
	} rows[] = {
		{ r->cert, &cred->cert_pem, pem_certificate },
		{ r->privkey, &cred->key_pem, pem_private_key },
	};

	for (size_t i = 0; i < 2; i++) {
		void *data;
		size_t len;
		int err = keyring_read(rows[i].serial, &data, &len);

		if (!err) {
			*rows[i].pem = rows[i].encode(data, len);
			keyring_free(data, len);
			err = *rows[i].pem ? 0 : -EINVAL;
		}
		if (err) {
			log_line("kernel: key %d cannot be used: %s",
				 rows[i].serial, strerror(-err));
			return -err;
		}
	}
	return 0;
}

static void free_cred(struct ktls_cred *cred)
{
	pem_free((char *)cred->cert_pem);
	pem_free((char *)cred->key_pem);
}

/* With @cred, or none */
static int make_kind(struct upcall_configs *c, const struct kind *kind,
		     const struct ktls_cred *cred, struct ktls_config **config)
{
	const struct tlshd_end *e = end_of(c, kind);
	struct ktls_opts o = {
		BASE, .role = kind->role, .verify = kind->verify,
		.creds = cred, .creds_len = cred ? 1 : 0, .hooks = c->hooks,
	};
	struct text pem = { 0 };
	int err = set_trust(&o, e, &pem) ? make(config, &o) : EIO;

	text_free(&pem);
	return err;
}

static int make_of_keys(struct upcall_configs *c, const struct kind *kind,
			const struct upcall_request *r,
			struct ktls_config **config)
{
	struct ktls_cred cred = { 0 };
	int err = read_cred(&cred, r);

	if (!err)
		err = make_kind(c, kind, &cred, config);
	free_cred(&cred);
	return err;
}

/* The one made before, unless a file is another by now */
static int get_of_files(struct upcall_configs *c, size_t i,
			struct ktls_config **config)
{
	const struct kind *kind = &kinds[i];
	const struct tlshd_end *e = end_of(c, kind);
	const struct ktls_cred cred = { .cert_file = e->certificate,
					.key_file = e->private_key };
	struct made *made = &c->made[i];
	struct stamp now[FILES];
	int err;

	if (kind->cred && !e->certificate) {
		log_line("kernel: no x509.certificate for a %s",
			 kind->role == KTLS_SERVER ? "server" : "client");
		return EIO;
	}
	stamp_files(now, e);
	if (made->config && memcmp(made->files, now, sizeof(now))) {
		ktls_config_put(made->config);
		made->config = NULL;
	}
	if (!made->config) {
		err = make_kind(c, kind, kind->cred ? &cred : NULL,
				&made->config);
		if (err)
			return err;
		memcpy(made->files, now, sizeof(now));
	}
	*config = ktls_config_get(made->config);
	return 0;
}

/*
 * Those whose files are named, before somebody waits for them, and so that what
 * is wrong is known at once.  The system's trust need not be there.
 */
static bool make_named(struct upcall_configs *c)
{
	struct ktls_config *config;

	for (size_t i = 0; i < KINDS; i++) {
		const struct tlshd_end *e = end_of(c, &kinds[i]);

		if (kinds[i].cred ? !e->certificate : !e->truststore)
			continue;
		if (get_of_files(c, i, &config))
			return false;
		ktls_config_put(config);
	}
	return true;
}

/* ---- pre-shared keys --------------------------------------------------- */

/* Whoever has none of the keys is nobody, whatever certificate he shows */
static int refuse(void *arg, struct ktls_hs *hs,
		  const struct ktls_verify_request *request)
{
	(void)arg;
	(void)hs;
	(void)request;
	return -KTLS_E_CERT_REFUSED;
}

static const struct ktls_hooks psk_hooks = { .verify = refuse };

/*
 * NVMe's identities name the hash: "NVMe0R02 HOST SUBSYSTEM", of which 02 is
 * SHA-384 (NVMe TCP Transport 3.6.1.3).  NULL: the usual one.
 */
static const char *psk_hash(const char *identity)
{
	static const struct {
		const char *digits, *hash;
	} rows[] = { { "01 ", "SHA256" }, { "02 ", "SHA384" } };

	if (strlen(identity) < 9 || strncmp(identity, "NVMe", 4))
		return NULL;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (!strncmp(identity + 6, rows[i].digits, 3))
			return rows[i].hash;
	return NULL;
}

/* Those that are named; of a server that names none, all that it has */
static bool find_psks(struct keyring_psks *list,
		      const struct upcall_request *r)
{
	if (!r->server || r->keys_len) {
		for (size_t i = 0; i < r->keys_len; i++)
			if (!keyring_psks(list, r->keys[i]))
				return false;
		return true;
	}
	return (!r->keyring || keyring_psks(list, r->keyring)) &&
	       keyring_own_psks(list);
}

static int make_of_psks(const struct upcall_request *r,
			struct keyring_psks *list,
			struct ktls_config **config)
{
	struct ktls_opts o = {
		BASE, .role = r->server ? KTLS_SERVER : KTLS_CLIENT,
		.psks_len = list->len,
	};
	struct ktls_psk *psks = calloc(list->len, sizeof(*psks));
	int err;

	if (!psks)
		return ENOMEM;
	for (size_t i = 0; i < list->len; i++) {
		const struct keyring_psk *k = &list->psks[i];

		psks[i] = (struct ktls_psk){
			.identity = k->identity,
			.identity_len = strlen(k->identity),
			.key = k->key, .key_len = k->len,
			.hash = psk_hash(k->identity),
		};
	}
	o.psks = psks;
	if (!r->server) {
		o.flags |= KTLS_F_VERIFY_ELSEWHERE;
		o.hooks = &psk_hooks;
	}
	err = make(config, &o);
	free(psks);
	return err;
}

static int get_of_psks(const struct upcall_request *r,
		       struct ktls_config **config, struct keyring_psks *list)
{
	int err = 0;

	if (!find_psks(list, r))
		err = ENOMEM;
	if (!err && !list->len) {
		log_line("kernel: no pre-shared key can be read");
		err = ENOKEY;
	}
	if (!err)
		err = make_of_psks(r, list, config);
	for (size_t i = 0; i < list->len; i++)
		explicit_bzero(list->psks[i].key, sizeof(list->psks[i].key));
	if (err)
		keyring_psks_free(list);
	return err;
}

/* "psk:" and the identity, with %xx for bytes that do not print, cut */
static bool is_subject(const char *identity, const char *subject)
{
	const size_t full = sizeof(((struct ktls_info *)NULL)->peer_subject) -
			    3;
	const char *s = subject;

	if (strncmp(s, "psk:", 4))
		return false;
	for (s += 4; *s && *identity; identity++) {
		char hex[4];

		snprintf(hex, sizeof(hex), "%%%02x", (uint8_t)*identity);
		if (*s == '%' && !strncmp(s, hex, 3))
			s += 3;
		else if (*s++ != *identity)
			return false;
	}
	return !*s && (!*identity || strlen(subject) >= full);
}

int32_t upcall_psk_serial(const struct keyring_psks *psks,
			  const char *subject)
{
	int32_t serial = 0;

	for (size_t i = 0; i < psks->len; i++) {
		if (!is_subject(psks->psks[i].identity, subject))
			continue;
		if (serial)
			return 0;
		serial = psks->psks[i].serial;
	}
	return serial;
}

/* ---- the whole --------------------------------------------------------- */

/*
 * What tlshd links: what the configuration says, and the consumers' own, which
 * are there when their modules are.  Anew each time, for the same reason.
 */
static void link_keyrings(const struct tlshd_conf *conf)
{
	static const char *const consumers[] = { ".nvme", ".nfs", ".nfsd" };
	char *list = strdup(conf->keyrings ? conf->keyrings : "");
	char *name, *next = list;

	for (size_t i = 0; i < sizeof(consumers) / sizeof(*consumers); i++)
		keyring_link(consumers[i]);
	while ((name = strsep(&next, "; \t"))) {
		int err = *name ? keyring_link(name) : 0;

		if (err)
			log_line("kernel: keyring %s: %s", name,
				 strerror(-err));
	}
	free(list);
}

static int get(struct upcall_configs *c, const struct upcall_request *r,
	       struct ktls_config **config, struct keyring_psks *psks)
{
	enum ktls_role role = r->server ? KTLS_SERVER : KTLS_CLIENT;

	if (r->auth == HANDSHAKE_AUTH_PSK)
		return get_of_psks(r, config, psks);
	for (size_t i = 0; i < KINDS; i++) {
		if (kinds[i].role != role || kinds[i].auth != r->auth)
			continue;
		if (kinds[i].cred && r->cert && r->privkey)
			return make_of_keys(c, &kinds[i], r, config);
		return get_of_files(c, i, config);
	}
	log_line("kernel: asks for an authentication (%u) that is not known",
		 r->auth);
	return EOPNOTSUPP;
}

int upcall_configs_get(struct upcall_configs *configs,
		       const struct upcall_request *r,
		       struct ktls_config **config, struct keyring_psks *psks)
{
	int err;

	*psks = (struct keyring_psks){ 0 };
	if (r->auth == HANDSHAKE_AUTH_PSK || r->cert)
		link_keyrings(&configs->conf);
	err = get(configs, r, config, psks);
	keyring_forget();
	return err;
}

struct upcall_configs *upcall_configs_new(const char *path,
					  const struct ktls_hooks *hooks)
{
	struct upcall_configs *c = calloc(1, sizeof(*c));

	if (!c) {
		complain("out of memory");
		return NULL;
	}
	c->hooks = hooks;
	if (tlshd_conf_read(&c->conf, path) && make_named(c))
		return c;
	upcall_configs_free(c);
	return NULL;
}

void upcall_configs_free(struct upcall_configs *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < KINDS; i++)
		ktls_config_put(c->made[i].config);
	tlshd_conf_free(&c->conf);
	free(c);
}
