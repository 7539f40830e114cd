/* SPDX-License-Identifier: MIT */
/*
 * What goes with certificates, and the forms that they go in; of hs.h, which
 * includes it.
 */
#ifndef KTLS_HS_CERT_H
#define KTLS_HS_CERT_H

#include "ext.h"

struct ktls_hs;

/* ---- status of certificates (hs_status.c) ------------------------------ */

/* Do we ask for it? What came, and whether it had to */
bool status_wanted(const struct ktls_hs *hs);
int status_take(struct ktls_hs *hs, struct slice response);
int status_require(struct ktls_hs *hs);
/* The response for hs->cred into hs->status, if @asked asks for one */
int status_fetch(struct ktls_hs *hs, const struct exts *asked);
int status_send(struct ktls_hs *hs);

/* ---- types of certificates (hs_cert_type.c) ---------------------------- */

/* Client: what it has and takes; the server's choice */
void cert_type_offer(const struct ktls_hs *hs, struct exts *e);
int cert_type_take(struct ktls_hs *hs, const struct exts *e);
/*
 * Server: its credential, the type of the client's, and the answer.
 * -KTLS_E_CERT_TYPE; -KTLS_E_NO_SIGALG.
 */
int cert_type_choose_cred(struct ktls_hs *hs, const struct exts *ch);
int cert_type_choose_peer(struct ktls_hs *hs, const struct exts *ch);
void cert_type_answer(const struct ktls_hs *hs, const struct exts *ch,
		      struct exts *e);
/* The list of a Certificate of the raw type */
int cert_type_take_raw(struct ktls_hs *hs, struct slice list,
		       uint64_t asked);

/* ---- compression of certificates (hs_compress.c) ----------------------- */

/* What we take, in a hello or a CertificateRequest; what the peer takes */
void compress_offer(const struct ktls_hs *hs, struct exts *e);
void compress_take_offer(struct ktls_hs *hs, const struct exts *e);
/* Our Certificate as a CompressedCertificate: 1, or 0 if it has to go plain */
int compress_send(struct ktls_hs *hs, struct slice context);

/* ---- timestamps of certificates (hs_sct.c) ----------------------------- */

/* Do we ask for them? */
bool sct_wanted(const struct ktls_hs *hs);
/* With hs->cred, if @asked asks for them; then into what answers */
void sct_choose(struct ktls_hs *hs, const struct exts *asked);
void sct_answer(const struct ktls_hs *hs, struct exts *e);
/* What came, kept until the chain is verified; -KTLS_E_SCT_REFUSED */
int sct_take(struct ktls_hs *hs, struct slice list);
int sct_deliver(struct ktls_hs *hs);

/* ---- client_certificate_url (hs_cert_url.c) ---------------------------- */

/* Client: does it offer to send one, has it to, and the message */
void cert_url_offer(const struct ktls_hs *hs, struct exts *e);
bool cert_url_due(const struct ktls_hs *hs);
int cert_url_send(struct ktls_hs *hs);
/* Server, in a full handshake: is it agreed to? */
void cert_url_agree(struct ktls_hs *hs, const struct exts *asked);

#endif /* KTLS_HS_CERT_H */
