/* SPDX-License-Identifier: MIT */
/*
 * One handshake: its state, the table that drives it, and the chokepoints
 * through which handlers act: transcript, flight, keys, failure.
 */
#ifndef KTLS_HS_H
#define KTLS_HS_H

#include "config.h"
#include "frag.h"
#include "hs_wait.h"
#include "known_chains.h"
#include "msg.h"
#include "psk.h"
#include "record.h"
#include "session.h"
#include "supp.h"
#include "sched12.h"
#include "transcript.h"

/* What is awaited (RFC 9846 appendix A).  Nothing waits for sending. */
enum hs_state {
	C_SH,		/* ServerHello or HelloRetryRequest */
	C_SH2,		/* ServerHello, after a retry */
	C_EE,
	C_CERT_CR,
	C_CERT,
	C_CV,
	C_FIN,
	S_CH,
	S_CH2,
	S_CERT,
	S_CV,
	S_EARLY,	/* early data or EndOfEarlyData */
	S_FIN,
	/* TLS 1.2 (RFC 5246 7.3) */
	C12_SUPP,	/* SupplementalData or Certificate (RFC 4680 3) */
	C12_CERT,
	C12_STATUS,	/* CertificateStatus, which may not come */
	C12_STATUS_ECDH, /* the same, or what C12_CR_DONE waits for */
	C12_SKE,
	C12_CR_DONE,	/* CertificateRequest or ServerHelloDone */
	C12_DONE,
	C12_NST,
	C12_CCS,
	C12_FIN,
	S12_SUPP_CERT_URL, /* SupplementalData, CertificateURL, Certificate */
	S12_SUPP_CERT,	/* SupplementalData or Certificate */
	S12_SUPP_CKE,	/* SupplementalData or ClientKeyExchange */
	S12_CERT_URL,	/* CertificateURL or Certificate (RFC 6066 5) */
	S12_CERT,
	S12_CKE,
	S12_CV,
	S12_CCS,
	S12_FIN,
	HS_DONE,
	HS_FAILED,
	HS_STATES
};

#define ST(state)	(1ull << (state))

struct ktls_hs;

/* When a message enters the transcript, relative to its handler */
enum hs_hashing {
	HASH_BEFORE,
	HASH_AFTER,	/* the handler verifies what stands before it */
	HASH_SELF,	/* the handler decides: which hash is part of it */
};

struct hs_rule {
	enum hs_state state;
	uint16_t msg;		/* enum msg_type */
	enum hs_hashing hashing;
	int (*fn)(struct ktls_hs *hs, struct slice body);
	uint64_t next;		/* ST()s that it may lead to */
};

/* A message at hand, with its header */
struct hs_msg {
	struct slice whole;
	bool last;		/* nothing follows it in its record */
};

#define CLIENT_SHARES_MAX	2

/*
 * How much rejected early data is dropped unread (4.3.12), besides what our own
 * tickets allow: more than most do, little enough that nobody can keep us busy
 * with it.
 */
#define EARLY_SKIP_MAX		65536

/* What only the client needs */
struct hs_client {
	struct kex kex[CLIENT_SHARES_MAX];
	struct wr shares;	/* KeyShareEntrys of kex[] */
	struct wr hello;	/* our ClientHello, with its header */
	uint64_t asked;		/* its extensions */
	struct wr cookie;	/* from a HelloRetryRequest */
	bool cert_asked;	/* CertificateRequest was there */
	struct wr request;	/* ... and its body */
	bool session_offered;
	bool status_due;	/* CertificateStatus may come (1.2) */
	bool cert_urls;		/* the server takes CertificateURL */
	struct psk psks[PSKS_OFFERED];
	size_t psks_len;
	struct wr psks_wire;	/* PskIdentitys, then PskBinderEntrys */
	size_t binders_at;	/* in it */
	struct wr ticket;	/* RFC 5077: offered, then received */
	uint32_t ticket_lifetime;	/* seconds; 0: not said */
};

/* What only the server needs */
struct hs_server {
	const struct group *retry_group;	/* asked for; NULL: only the cookie */
	struct secret hello_digest;	/* what CH2 must repeat */
	struct wr cookie;		/* the one sent; empty: none */
	const struct cred *only;	/* to choose from; NULL: any */
	bool named;		/* our certificate is for the name asked for */
	bool ca_known;		/* ... and by a CA that the client named */
	bool cert_urls;		/* CertificateURL may come */
	bool post_auth;		/* the client offers it for later */
	bool unobtained;	/* it came, and what it is about did not */
	struct secret binder_digest;	/* of the hello up to its binders */
	bool tickets_wanted;	/* the client takes them (1.3) */
	size_t early_skip;	/* bytes of rejected 0-RTT still to drop */
};

/* What only TLS 1.2 needs */
struct hs_tls12 {
	uint8_t server_random[RANDOM_LEN];
	struct secret master;
	struct key_block keys;
	struct wr premaster;	/* client: until the session hash is there */
	struct kex kex;		/* server: its half */
	bool ems;		/* extended main secret, RFC 7627 */
	bool ticket_due;	/* a NewSessionTicket is to come */
};

/* How long records may be; of record_size_limit the records know */
struct hs_limit {
	uint8_t fragment;	/* max_fragment_length agreed to; 0: none */
	uint64_t answer;	/* server: EXT_BIT()s that it answers with */
	uint16_t tx, rx;	/* under the keys of this handshake; 0: as was */
};

/*
 * What the handshakes of one connection have in common: each proves that it
 * follows the last (RFC 5746).
 */
struct hs_binding {
	unsigned int round;	/* handshakes that are done */
	bool secure;		/* the peer does RFC 5746 */
	uint8_t verify[2 * VERIFY_DATA_LEN];	/* client's, server's */
	struct peer_chain peer;	/* of the last one in which it had one */
};

/* SupplementalData of this handshake (RFC 4680) */
struct hs_supp {
	uint32_t agreed;	/* of the config's types */
	bool mapping;		/* user mapping, too (RFC 4681) */
	struct wr extensions;	/* that our hello has for them */
	struct wr taken;	/* SupplementalDataEntrys, to be delivered */
};

/* CertificateType (RFC 7250) */
enum { CERT_X509 = 0, CERT_RAW = 2 };

/* Has the chain in hs->peer been verified before? (hs_chain.c) */
struct hs_chain {
	enum { CHAIN_NEW, CHAIN_NAMED, CHAIN_KNOWN } state;
	uint8_t id[KNOWN_ID_LEN];	/* unless new */
	uint64_t verified;	/* when; seconds since the epoch */
};

/* The form of certificates (RFC 7250, 8879) */
struct hs_certs {
	uint8_t ours, theirs;	/* their types */
	bool unasked;		/* server: the client has none that we take */
	uint8_t packers;	/* of the config's codecs, the peer's: bits */
};

/* GREASE of this handshake (RFC 8701) */
struct hs_grease {
	uint8_t seed[8];	/* each value's, the same in all its hellos */
	struct wr lists;	/* with the values in them */
};

/* Early data (hs_early.c) */
struct hs_early {
	bool begun;		/* client: it was offered in the first hello, */
	bool offered;		/* ... and has not been rejected */
	size_t left;		/* bytes that may be sent, or may come */
	struct secret secret;	/* server: it comes under this */
	struct wr data;		/* server: what came, */
	size_t at;		/* ... and has been read of it */
};

/* How the socket took the ULP; written by the layer that has sockets */
struct hs_attach {
	bool tried;
	struct ktls_why why;	/* STEP_NONE: attached */
};

struct ktls_hs {
	struct ktls_config *config;
	enum hs_state state;
	int error;
	int send_error;		/* the socket's, while there is more to read */
	char error_text[256];
	struct ktls_info info;
	char peer_name[256];	/* client: whom we want to talk to, or "" */

	/* wire */
	struct record rx, tx;
	struct wr in;		/* the record being received */
	size_t in_need;		/* its length, so far as it is known */
	struct frag frag;
	struct wr flight;	/* messages not yet sealed */
	struct wr out;		/* records */
	size_t out_sent;
	struct hs_msg msg;	/* being handled */
	struct hs_wait wait;	/* for the application */
	uint16_t out_version;	/* of plaintext records: 0x0301, then 0x0303 */
	bool ccs_sent;
	bool tx_moved;		/* the kernel has the sending keys, */
	uint8_t alert_due;	/* ... so this is to go through it; 0: none */
	unsigned int idle_records;	/* in a row, that had no effect */

	/* secrets */
	const struct suite *suite;
	const struct group *group;
	struct transcript transcript;
	struct sched sched;
	struct secret client_hs, server_hs, client_app, server_app;
	struct traffic_keys rx_keys, tx_keys;	/* of rx and tx */
	struct secret exporter;
	struct hs_psk psk;
	struct hs_early early;
	struct secret resumption;	/* of the tickets of this connection */
	uint32_t tickets;		/* of them, sent so far */

	/* hello */
	uint8_t client_random[RANDOM_LEN];
	uint8_t session_id[SESSION_ID_MAX];
	size_t session_id_len;

	/* authentication */
	const struct cred *cred;		/* ours */
	const struct sigscheme *scheme;		/* with which we sign */
	struct peer_chain peer;
	struct hs_chain chain;
	struct wr status;			/* OCSPResponse of ours */
	struct hs_certs certs;
	struct wr sct;				/* timestamps of the peer's */
	bool sct_due;				/* ours go along */

	struct session session;			/* offered, resumed, or made */
	struct hs_client client;
	struct hs_server server;
	struct hs_tls12 tls12;
	struct hs_limit limit;
	struct hs_binding binding;
	struct hs_supp supp;
	struct hs_grease grease;
	void *data;		/* the caller's */
	struct hs_attach attach;
};

/* Random bytes that the peer gets to see, and that may repeat (nonces.h) */
static inline int hs_nonce(const struct ktls_hs *hs, void *buf, size_t len)
{
	return crypto_nonce(hs->config->crypto, buf, len);
}

/* ---- driver (hs.c) ----------------------------------------------------- */

extern const struct hs_rule client_rules[], server_rules[];
extern const size_t client_rules_len, server_rules_len;

/* The rule for @msg in the present state, or NULL, as while suspended */
const struct hs_rule *hs_rule_find(const struct ktls_hs *hs, uint16_t msg);
/* One complete message, with its header */
int hs_message(struct ktls_hs *hs, struct slice whole, bool last);
/* TLS 1.2: the peer's keys change */
int hs_change_cipher_spec(struct ktls_hs *hs);

/* ---- chokepoints (hs.c) ------------------------------------------------ */

/*
 * The end: the only place that records a reason and sends an alert for it.
 * The first reason counts.  Returns @err.
 */
int hs_fail(struct ktls_hs *hs, int err);
/* ... of the socket, through which nothing can be said any more */
int hs_lost(struct ktls_hs *hs, int err);
/* Keep a detail in words for a failure about to be returned */
struct text hs_text(struct ktls_hs *hs);

/* A message in the flight: open, write its body to hs->flight, close */
struct wr_mark hs_open(struct ktls_hs *hs, enum msg_type type);
int hs_close(struct ktls_hs *hs, struct wr_mark *m);
/* Seal the flight under the present key */
int hs_flush(struct ktls_hs *hs);
/* ChangeCipherSpec for middleboxes, once, if the mode asks for it (E.4) */
int hs_send_ccs(struct ktls_hs *hs);
/* Change keys: what was written goes out under the old one */
int hs_tx_keys(struct ktls_hs *hs, const struct traffic_keys *keys);
/* ... and -KTLS_E_UNALIGNED if the peer's flight goes on in the record */
int hs_rx_keys(struct ktls_hs *hs, const struct traffic_keys *keys);
/* The same from a traffic secret of 1.3 */
int hs_tx_key(struct ktls_hs *hs, const struct secret *traffic);
int hs_rx_key(struct ktls_hs *hs, const struct secret *traffic);
/* Derive a secret from the transcript so far and log it if asked to */
void hs_keylog(const struct ktls_hs *hs, const char *label,
	       const struct secret *secret);
int hs_derive(struct ktls_hs *hs, const char *label, const char *log_label,
	      struct secret *out);
/* All that belongs to this handshake alone, and not to the connection */
void hs_forget(struct ktls_hs *hs);
void hs_wipe(struct ktls_hs *hs);
/* The newest version that this handshake may lead to */
uint16_t hs_max_version(const struct ktls_hs *hs);

/* ---- another handshake (hs_renego.c) ----------------------------------- */

/* One is done: 0, and the state is another if one more has begun */
int hs_done(struct ktls_hs *hs);

/* ---- shared by both roles (hs_auth13.c) -------------------------------- */

int hs_handshake_secrets(struct ktls_hs *hs, const struct kex_secret *kex);
int hs_main_secrets(struct ktls_hs *hs);
/* The client's Finished is in the transcript: what tickets come from */
int hs_resumption_secret(struct ktls_hs *hs);

/* May the client be asked for its certificate afterwards (4.7.2)? */
bool hs_post_auth(const struct ktls_hs *hs);
int hs_send_certificate(struct ktls_hs *hs, struct slice context);
int hs_send_certificate_verify(struct ktls_hs *hs, hs_step *then);
int hs_send_finished(struct ktls_hs *hs);

/* Certificate: @asked is what our request had; 0 certificates are allowed */
int hs_take_certificate(struct ktls_hs *hs, struct slice body,
			struct slice context, uint64_t asked);
int hs_take_certificate_verify(struct ktls_hs *hs, struct slice body);
int hs_take_finished(struct ktls_hs *hs, struct slice body);

/*
 * Server: hs->cred and its scheme, by what the peer can verify, and whom it
 * wants; false if none fits its signature algorithms.
 */
bool hs_choose_cred(struct ktls_hs *hs, const struct exts *peer);

const struct sigscheme *hs_offered_scheme(const struct ktls_hs *hs,
					  uint16_t id);

/* ---- the peer's chain (hs_chain.c) ------------------------------------- */

/* A Certificate message that is read; all 0: not begun */
struct chain_seen {
	struct hash hash;
	unsigned int count;
	size_t bytes;
	bool nameless;		/* too long to be kept, or nothing is */
};

/* Its next certificate; -KTLS_E_CERT_CHAIN: one too many */
int chain_see(struct ktls_hs *hs, struct chain_seen *seen, struct slice der);
/* These were all, in any case: hs->peer is the chain, if that is known */
bool chain_known(struct ktls_hs *hs, struct chain_seen *seen);
/* The chain in hs->peer: may it be, and is it whom we want? */
int hs_verify_chain(struct ktls_hs *hs);
/* The handshake is done: the next time it is known */
void chain_keep(struct ktls_hs *hs);

/* ---- the cookie of a HelloRetryRequest (hs_cookie.c) ------------------- */

/* May a second hello come first, of a handshake that another began? */
bool cookie_awaited(const struct ktls_hs *hs);
/* hs->server.cookie, from the state before the request is sent */
int cookie_make(struct ktls_hs *hs);
/* ... and that from the cookie, with Hash(ClientHello1); -KTLS_E_COOKIE */
int cookie_take(struct ktls_hs *hs, struct slice cookie,
		struct secret *first);

/* ---- record sizes (hs_limit.c) ----------------------------------------- */

/* Client: what is offered, and what the answer makes of it */
void limit_offer(const struct ktls_hs *hs, struct exts *e);
int limit_take(struct ktls_hs *hs, const struct exts *e);
/* Server: before it answers the hello, and its answer */
int limit_choose(struct ktls_hs *hs, const struct exts *ch);
void limit_answer(const struct ktls_hs *hs, struct exts *e);
/* The keys of a direction change: so do their records' sizes */
void limit_tx_keys(struct ktls_hs *hs);
void limit_rx_keys(struct ktls_hs *hs);
/* ... and in early data */
void limit_rx_early(struct ktls_hs *hs);
void limit_tx_early(struct ktls_hs *hs);
/* 1.2: a session with this MaxFragmentLength (0: none) can be resumed here */
bool limit_resumes(const struct ktls_config *cfg, uint8_t code);

/* ---- GREASE (hs_grease.c) ---------------------------------------------- */

int grease_start(struct ktls_hs *hs);
/* Client: a share in front of ours, then values in all lists of the hello */
void grease_share(const struct ktls_hs *hs, struct wr *shares);
int grease_hello(struct ktls_hs *hs, struct client_hello *m);
/* Server: in what it asks of a client */
int grease_request(struct ktls_hs *hs, struct exts *e);

/* ---- early data (hs_early.c) ------------------------------------------- */

/* Client: does our hello offer it; begin to send; what became of it; the end */
void early_offer(struct ktls_hs *hs, struct exts *e);
int early_begin(struct ktls_hs *hs);
void early_reject(struct ktls_hs *hs);
int early_take_answer(struct ktls_hs *hs, const struct exts *ee);
int early_end(struct ktls_hs *hs);
/* Server: is it taken? once the PSK is chosen and the hello hashed */
int early_choose(struct ktls_hs *hs, const struct exts *ch);
bool early_accepted(const struct ktls_hs *hs);
int early_rx_key(struct ktls_hs *hs);
int early_take(struct ktls_hs *hs, struct slice content);
/* From @at on, which moves */
/* Server: our flight is complete, the client's is not, and we may send */
bool early_may_answer(const struct ktls_hs *hs);
ssize_t early_read(struct wr *data, size_t *at, void *buf, size_t len);
int s13_end_of_early_data(struct ktls_hs *hs, struct slice body);

/* ---- HelloRetryRequest (hs_retry.c) ------------------------------------ */

/* Of @m what the answers, the key log and the connection need */
void hello_keep(struct ktls_hs *hs, const struct client_hello *m);
/* Ask for a share of hs->group, if @need_share, and for a cookie */
int retry_send(struct ktls_hs *hs, struct slice body,
	       const struct client_hello *m, bool need_share);
/*
 * The second hello: is it the first, changed as asked and no more?
 * @stateless: another handshake has asked, and its cookie knows
 */
int retry_take(struct ktls_hs *hs, struct slice body,
	       const struct client_hello *m, bool stateless);

/* ---- entry points of the roles ----------------------------------------- */

int client_start(struct ktls_hs *hs);
/* The transcript begins, with our hello and the server's */
int client_begin_transcript(struct ktls_hs *hs);
/* A key for @group into @kex, its share to our others */
int client_add_share(struct ktls_hs *hs, struct kex *kex,
		     const struct group *group);
int client_send_hello(struct ktls_hs *hs);
int client_take_suite(struct ktls_hs *hs, uint16_t id, uint16_t version);
int client_take_alpn(struct ktls_hs *hs, struct slice list);
int client13_server_hello(struct ktls_hs *hs, struct server_hello *m);
int client12_server_hello(struct ktls_hs *hs, struct server_hello *m);
/* Our share for hs->group, and the premaster secret from it and theirs */
int client12_agree(struct ktls_hs *hs, struct slice share);
size_t server_suites(const struct ktls_config *cfg, struct slice theirs,
		     uint16_t version, const struct suite *common[SUITES_MAX]);
int server_choose_alpn(struct ktls_hs *hs, const struct exts *e);
const struct group *server_choose_group(const struct ktls_hs *hs,
					const struct exts *e,
					struct slice shares,
					bool (*usable)(const struct group *));
/* Suite, group and credential together (hs_choice12.c) */
int server12_choose(struct ktls_hs *hs, const struct client_hello *m);
int server12_client_hello(struct ktls_hs *hs, const struct client_hello *m);
/* For a certificate in this handshake? */
bool server_asks(const struct ktls_hs *hs);
bool server13_asks(const struct ktls_hs *hs);
/* CertificateRequest, and the Certificate that answers it */
int server13_ask(struct ktls_hs *hs, struct slice context);
int server13_answer(struct ktls_hs *hs, struct slice body,
		    struct slice context);
int server13_client_hello(struct ktls_hs *hs, struct slice body,
			  const struct client_hello *m);

int c13_encrypted_extensions(struct ktls_hs *hs, struct slice body);
int c13_certificate_request(struct ktls_hs *hs, struct slice body);
int c13_certificate(struct ktls_hs *hs, struct slice body);
int c13_compressed_certificate(struct ktls_hs *hs, struct slice body);
int c13_certificate_verify(struct ktls_hs *hs, struct slice body);
int c13_finished(struct ktls_hs *hs, struct slice body);
int s13_certificate(struct ktls_hs *hs, struct slice body);
int s13_compressed_certificate(struct ktls_hs *hs, struct slice body);
int s13_certificate_verify(struct ktls_hs *hs, struct slice body);
int s13_finished(struct ktls_hs *hs, struct slice body);

#include "hs12.h"
#include "hs_cert.h"

#endif /* KTLS_HS_H */
