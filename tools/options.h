/* SPDX-License-Identifier: MIT */
/* What the command lines of the subcommands have in common. */
#ifndef TOOLS_OPTIONS_H
#define TOOLS_OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

#include <ktls.h>

#include "keeper.h"
#include "suppdata.h"

#define CREDS_MAX	16

/* How to negotiate: filled by options, turned into a config */
struct tls_options {
	struct ktls_cred creds[CREDS_MAX];
	size_t creds_len;
	const char *ca_file;
	const char *ca_dir;
	enum ktls_verify verify;
	const char *ciphers;
	const char *groups;
	const char *sigalgs;
	const char *sigalgs_cert;
	const char *alpn;
	const char *cert_compression;
	const char *peer_keys, *peer_key_hashes;
	enum ktls_path tx, rx;
	unsigned int version;		/* 0: whatever the library does */
	unsigned int flags;		/* KTLS_F_* */
	unsigned int padding;		/* 0: none */
	unsigned int tickets;		/* 0: as many as the library sends */
	unsigned int ticket_period;	/* seconds; 0: the library's */
	unsigned int early_data;	/* bytes; 0: none */
	/* what a server shares with others; NULL: nothing */
	const struct ktls_session_store *store;
	int (*early_first)(void *arg, const void *id, size_t id_len,
			   uint64_t until);
	struct suppdata supp;
	const char *user_principal, *user_domain;
	/* as ktls_hooks.verify; NULL: none */
	int (*peer)(void *arg, struct ktls_hs *hs,
		    const struct ktls_verify_request *request);
	struct keeper *keeper;		/* NULL: this process has the keys */
};

/* Values of getopt_long(); options that have a letter use the letter */
enum {
	OPT_TLS = 256,
	OPT_TX,
	OPT_RX,
	OPT_CIPHERS,
	OPT_GROUPS,
	OPT_SIGALGS,
	OPT_ALPN,
	OPT_NEED_REKEY,
	OPT_NO_TICKETS,
	OPT_SUPP_DATA,
	OPT_DOUBLE_HANDSHAKE,
	OPT_CERT_COMPRESSION,
	OPT_PADDING,
	OPT_SIGALGS_CERT,
	OPT_GREASE,
	OPT_RAW_KEY,
	OPT_PEER_KEYS,
	OPT_PEER_KEY_HASHES,
	OPT_CAFILE,
	OPT_CAPATH,
	OPT_INSECURE,
	OPT_OWN,			/* from here on, a subcommand's own */
};

#define TLS_LONG_OPTIONS						\
	{ "cert", required_argument, NULL, 'c' },			\
	{ "key", required_argument, NULL, 'k' },			\
	{ "tls", required_argument, NULL, OPT_TLS },			\
	{ "tx", required_argument, NULL, OPT_TX },			\
	{ "rx", required_argument, NULL, OPT_RX },			\
	{ "ciphers", required_argument, NULL, OPT_CIPHERS },		\
	{ "groups", required_argument, NULL, OPT_GROUPS },		\
	{ "sigalgs", required_argument, NULL, OPT_SIGALGS },		\
	{ "alpn", required_argument, NULL, OPT_ALPN },			\
	{ "need-rekey", no_argument, NULL, OPT_NEED_REKEY },		\
	{ "no-tickets", no_argument, NULL, OPT_NO_TICKETS },		\
	{ "supp-data", required_argument, NULL, OPT_SUPP_DATA },	\
	{ "double-handshake", no_argument, NULL, OPT_DOUBLE_HANDSHAKE }, \
	{ "cert-compression", required_argument, NULL, OPT_CERT_COMPRESSION }, \
	{ "padding", required_argument, NULL, OPT_PADDING },		\
	{ "sigalgs-cert", required_argument, NULL, OPT_SIGALGS_CERT },	\
	{ "grease", no_argument, NULL, OPT_GREASE },			\
	{ "raw-key", required_argument, NULL, OPT_RAW_KEY },		\
	{ "peer-keys", required_argument, NULL, OPT_PEER_KEYS },	\
	{ "peer-key-hashes", required_argument, NULL, OPT_PEER_KEY_HASHES }

#define TLS_HELP							\
	"  --tls VERSION          this version only, e.g. 1.3\n"	\
	"  --tx PATH, --rx PATH   who encrypts what is sent, and decrypts\n" \
	"                         what is received: 'kernel' (or fail),\n" \
	"                         'user' (never the kernel) or 'prefer',\n" \
	"                         the default: the kernel where it can\n" \
	"  --need-rekey           the kernel only where it can change keys\n" \
	"  --ciphers LIST         suites, best first, separated by colons\n" \
	"  --groups LIST          key exchange groups, likewise\n"	\
	"  --sigalgs LIST         signature schemes, likewise\n"	\
	"                         ('ktls probe' lists all the names)\n" \
	"  --sigalgs-cert LIST    what the peer's certificates may be\n" \
	"                         signed with\n"			\
	"  --alpn LIST            application protocols, separated by\n" \
	"                         commas; '' for none\n"		\
	"  --no-tickets           no session tickets; TLS 1.2: resume by id\n" \
	"  --supp-data TYPE=FILE  TLS 1.2: send FILE as SupplementalData\n" \
	"                         of this type (a number) if the peer has\n" \
	"                         the type too; '' sends nothing; agreed by\n" \
	"                         the hello extension of the same number,\n" \
	"                         or TYPE:EXTENSION=FILE; up to 8 times\n" \
	"  --double-handshake     ... and the user mapping only in a second\n" \
	"                         handshake, under protection; TLS 1.2;\n" \
	"                         both ends have to want it\n"	\
	"  --cert-compression LIST TLS 1.3: compress certificates, best\n" \
	"                         first, e.g. zlib:brotli:zstd\n" \
	"  --padding N            TLS 1.3: pad records to multiples of N\n" \
	"                         bytes (1 to 16384), in user space\n" \
	"  --grease               offer meaningless values too (RFC 8701)\n" \
	"  --raw-key FILE         TLS 1.3: a private key (PEM) that is shown\n" \
	"                         without a certificate\n"		\
	"  --peer-keys FILE       TLS 1.3: the peer proves itself by one of\n" \
	"                         these public keys (PEM) ...\n"	\
	"  --peer-key-hashes LIST ... or one with such a SHA-256 hash (64\n" \
	"                         hex digits; separated by colons)\n"

/* A client's, who has a server to verify */
#define TRUST_LONG_OPTIONS						\
	{ "cafile", required_argument, NULL, OPT_CAFILE },		\
	{ "capath", required_argument, NULL, OPT_CAPATH },		\
	{ "insecure", no_argument, NULL, OPT_INSECURE }

#define TRUST_HELP							\
	"  --cafile FILE          trust these certificates (PEM), ...\n" \
	"  --capath DIR           ... or those in DIR, by hash; without\n" \
	"                         either, the system's\n"		\
	"  --insecure             verify nothing\n"

/*
 * Take the option that getopt_long() returned as @opt with @arg.
 * Returns 1 if it was one of the above, 0 if not, -1 after a complaint.
 */
int tls_option(struct tls_options *o, int opt, const char *arg);

/* Make the config, with the key log; 0, or the reason after a complaint. */
int tls_config(struct ktls_config **config, enum ktls_role role,
	       const struct tls_options *o);

/* "2.5" seconds into milliseconds, above 0; false after a complaint */
bool parse_seconds(const char *what, const char *arg, int *ms);
/* A number within bounds; false after a complaint */
bool parse_number(const char *what, const char *arg, unsigned int min,
		  unsigned int max, unsigned int *number);

#endif
