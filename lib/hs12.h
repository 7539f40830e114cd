/* SPDX-License-Identifier: MIT */
/* What is TLS 1.2's alone; of hs.h, which includes it */
#ifndef KTLS_HS12_H
#define KTLS_HS12_H

#include "msg.h"
#include "suite.h"
#include "wire.h"

struct cred;
struct kex;
struct ktls_config;
struct ktls_hs;
struct sigscheme;

/* On the stack: what is signed of a ServerKeyExchange with a curve */
#define PARAMS_ROOM	288

/* ---- TLS 1.2 (hs_auth12.c) --------------------------------------------- */

/* Without the extended main secret no other handshake is bound to this one */
bool hs12_need_ems(const struct ktls_hs *hs);
/* Main secret and key block, from the premaster secret */
int hs12_secrets(struct ktls_hs *hs, struct slice premaster);
/* The key block only, from the main secret of hs->session */
int hs12_resume(struct ktls_hs *hs);
/* ECDHE and DHE: the premaster secret of our half and @share */
int hs12_agree(struct ktls_hs *hs, struct kex *kex, struct slice share,
	       struct wr *premaster);
const struct sigscheme *hs12_common_scheme(const struct ktls_config *cfg,
					   const struct cred *cred,
					   enum suite_auth auth,
					   uint32_t peer);
/* What a suite of a client's needs: a credential of @auth, that it can verify */
struct suite_ask {
	enum suite_auth auth;
	const struct exts *peer;
};

/* What a client has of it, as a set; as a number, how well it does for that */
enum {
	CRED_OF_CA = 1,		/* that it says that it trusts (RFC 6066 6) */
	CRED_VERIFIABLE = 2,	/* a MUST, where there is one (7.4.2) */
	CRED_NAMED = 4,
};

int hs12_cred_score(const struct ktls_hs *hs, const struct cred *cred,
		    const struct exts *peer);
bool hs12_choose_cred(struct ktls_hs *hs, const struct suite_ask *ask);
bool hs12_scheme_fits(const struct sigscheme *scheme, enum suite_auth auth);
int hs12_send_certificate(struct ktls_hs *hs);
int hs12_take_certificate(struct ktls_hs *hs, struct slice body);
/* One more into hs->peer, and what is asked of all of them */
int hs12_add_certificate(struct ktls_hs *hs, struct slice der);
int hs12_verify_peer(struct ktls_hs *hs);
int hs12_send_certificate_verify(struct ktls_hs *hs, hs_step *then);
int hs12_take_certificate_verify(struct ktls_hs *hs, struct slice body);
/* ChangeCipherSpec, our keys, Finished */
int hs12_send_finished(struct ktls_hs *hs);
int hs12_take_finished(struct ktls_hs *hs, struct slice body);
/* The messages so far, in full: what 1.2's CertificateVerify signs */
struct slice hs12_messages(const struct ktls_hs *hs);
/* @msg is signed by the peer with scheme @id */
int hs12_verify(struct ktls_hs *hs, uint16_t id, struct slice msg,
		struct slice signature);
/* client_random, server_random, params: what ServerKeyExchange signs */
int hs12_signed_params(struct ktls_hs *hs, struct slice params,
		       struct wr *out);

/* ---- static ECDH (hs_ecdh12.c) ----------------------------------------- */

/* Client: by the certificate in hs->peer; -KTLS_E_CERT_SUITE, _GROUP_CHOICE */
int ecdh_take(struct ktls_hs *hs);
/*
 * Server: a credential that has what the suites of @auth need, and its group.
 * -KTLS_E_NO_SUITE: there is none; -KTLS_E_NO_GROUP: on no common curve.
 */
int ecdh_choose(struct ktls_hs *hs, const struct suite_ask *ask);
int ecdh_begin(struct ktls_hs *hs);
/* The curve of any certificate, ephemeral suites' as well */
bool ecdh_curve_known(const struct cred *cred, const struct exts *e);

/* ---- SupplementalData (hs_supp.c) -------------------------------------- */

/* Is it for protected handshakes only, hence for a second one? */
bool hs_supp_protected(const struct ktls_hs *hs);
/* What our hello says of it; the server's, in answer to @m */
int hs_supp_offer(struct ktls_hs *hs, struct exts *e);
int hs_supp_answer(struct ktls_hs *hs, const struct client_hello *m,
		   struct exts *e);
int hs_supp_take_answer(struct ktls_hs *hs, const struct server_hello *m);
bool hs_supp_agreed(const struct ktls_hs *hs);
/* The message, if there is anything to say */
int hs_supp_send(struct ktls_hs *hs);
int hs_supp_take(struct ktls_hs *hs, struct slice body);
/* To the application, once the peer's Finished is right */
int hs_supp_deliver(struct ktls_hs *hs);
void hs_supp_forget(struct ktls_hs *hs);

/* ---- messages (hs_client12.c, hs_server12.c) --------------------------- */

int c12_supplemental_data(struct ktls_hs *hs, struct slice body);
int c12_certificate(struct ktls_hs *hs, struct slice body);
int c12_certificate_status(struct ktls_hs *hs, struct slice body);
int c12_server_key_exchange(struct ktls_hs *hs, struct slice body);
int c12_certificate_request(struct ktls_hs *hs, struct slice body);
int c12_server_hello_done(struct ktls_hs *hs, struct slice body);
int c12_new_session_ticket(struct ktls_hs *hs, struct slice body);
int c12_change_cipher_spec(struct ktls_hs *hs, struct slice body);
int c12_finished(struct ktls_hs *hs, struct slice body);
int s12_supplemental_data(struct ktls_hs *hs, struct slice body);
int s12_certificate(struct ktls_hs *hs, struct slice body);
int s12_certificate_url(struct ktls_hs *hs, struct slice body);
int s12_client_key_exchange(struct ktls_hs *hs, struct slice body);
int s12_certificate_verify(struct ktls_hs *hs, struct slice body);
int s12_change_cipher_spec(struct ktls_hs *hs, struct slice body);
int s12_finished(struct ktls_hs *hs, struct slice body);

#endif /* KTLS_HS12_H */
