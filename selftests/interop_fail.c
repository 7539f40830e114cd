// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handshakes with libssl that must not succeed: the right reason here, the
 * right alert there, or the other way around.
 */
#include "interop_lib.h"

#include <string.h>

#include "harness.h"

/* ---- certificates with a fault ------------------------------------------ */

FIXTURE(fault) {
	struct with with;
};

FIXTURE_VARIANT(fault) {
	const char *cert;
	int err;		/* ours, as a client; 0: none */
	int err_as_server;
	uint8_t alert;		/* ours */
	uint8_t theirs;		/* as a client; NONE: accepted */
	uint8_t theirs_as_server;
};

#define NONE		KTLS_ALERT_NONE
#define BAD		KTLS_ALERT_BAD_CERTIFICATE
#define UNSUPPORTED	KTLS_ALERT_UNSUPPORTED_CERTIFICATE
#define EXPIRED		KTLS_ALERT_CERTIFICATE_EXPIRED
#define UNKNOWN		KTLS_ALERT_UNKNOWN_CA

FIXTURE_VARIANT_ADD(fault, expired) {
	"expired", -KTLS_E_CERT_EXPIRED, -KTLS_E_CERT_EXPIRED, EXPIRED,
	EXPIRED, EXPIRED
};
FIXTURE_VARIANT_ADD(fault, future) {
	"future", -KTLS_E_CERT_EXPIRED, -KTLS_E_CERT_EXPIRED, EXPIRED,
	BAD, BAD
};
FIXTURE_VARIANT_ADD(fault, othername) {
	"othername", -KTLS_E_CERT_NAME, 0, BAD, BAD, NONE
};
FIXTURE_VARIANT_ADD(fault, clientonly) {
	"clientonly", -KTLS_E_CERT_USAGE, 0, UNSUPPORTED, UNSUPPORTED, NONE
};
FIXTURE_VARIANT_ADD(fault, serveronly) {
	"serveronly", 0, -KTLS_E_CERT_USAGE, UNSUPPORTED, NONE, UNSUPPORTED
};
/* libssl's level is set so that it does not mind these */
FIXTURE_VARIANT_ADD(fault, sha1) {
	"sha1", -KTLS_E_CERT_WEAK, -KTLS_E_CERT_WEAK, BAD, NONE, NONE
};
FIXTURE_VARIANT_ADD(fault, rsa1024) {
	"rsa1024", -KTLS_E_CERT_WEAK, -KTLS_E_CERT_WEAK, BAD, NONE, NONE
};
FIXTURE_VARIANT_ADD(fault, stranger) {
	"stranger", -KTLS_E_CERT_ISSUER, -KTLS_E_CERT_ISSUER, UNKNOWN,
	UNKNOWN, UNKNOWN
};
FIXTURE_VARIANT_ADD(fault, selfsigned) {
	"selfsigned", -KTLS_E_CERT_ISSUER, -KTLS_E_CERT_ISSUER, UNKNOWN,
	UNKNOWN, UNKNOWN
};
FIXTURE_VARIANT_ADD(fault, nointer) {
	"nointer", -KTLS_E_CERT_ISSUER, -KTLS_E_CERT_ISSUER, UNKNOWN,
	UNKNOWN, UNKNOWN
};
/* one that we would not load ourselves */
FIXTURE_VARIANT_ADD(fault, nosign) {
	"nosign", -KTLS_E_CERT_USAGE, -KTLS_E_CERT_USAGE, UNSUPPORTED,
	NONE, NONE
};

FIXTURE_TEARDOWN(fault)
{
	with_end(&self->with);
}

TEST_F(fault, of_libssl_server)
{
	with_begin(&self->with, (struct ktls_opts){ .role = KTLS_CLIENT },
		   (struct ssl_opts){ .cert = variant->cert }, "localhost");
	if (variant->err) {
		with_fail(&self->with, variant->err, variant->alert);
	} else {
		with_run(&self->with, 0);
		with_agree(&self->with);
	}
}

/* Key usage counts even where nothing is verified */
TEST_F(fault, of_libssl_server_insecure)
{
	with_begin(&self->with, (struct ktls_opts){
			.role = KTLS_CLIENT, .verify = KTLS_VERIFY_NONE },
		   (struct ssl_opts){ .cert = variant->cert }, "localhost");
	if (!strcmp(variant->cert, "nosign")) {
		with_fail(&self->with, variant->err, variant->alert);
	} else {
		with_run(&self->with, 0);
		with_agree(&self->with);
	}
}

TEST_F(fault, of_libssl_client)
{
	with_begin(&self->with, (struct ktls_opts){
			.role = KTLS_SERVER, .verify = KTLS_VERIFY_REQUIRE },
		   (struct ssl_opts){ .cert = variant->cert, .verify = true },
		   "localhost");
	if (variant->err_as_server) {
		with_fail(&self->with, variant->err_as_server, variant->alert);
	} else {
		with_run(&self->with, 0);
		with_agree(&self->with);
	}
}

TEST_F(fault, of_our_server)
{
	struct ktls_cred cred = pki_cred(variant->cert);

	if (!strcmp(variant->cert, "nosign"))
		return;
	with_begin(&self->with, (struct ktls_opts){
			.role = KTLS_SERVER, .creds = &cred, .creds_len = 1 },
		   (struct ssl_opts){ .verify = true }, "localhost");
	if (variant->theirs != NONE) {
		with_refused(&self->with, variant->theirs, false);
	} else {
		with_run(&self->with, 0);
		with_agree(&self->with);
	}
}

TEST_F(fault, of_our_client)
{
	struct ktls_cred cred = pki_cred(variant->cert);

	if (!strcmp(variant->cert, "nosign"))
		return;
	with_begin(&self->with, (struct ktls_opts){
			.role = KTLS_CLIENT, .creds = &cred, .creds_len = 1 },
		   (struct ssl_opts){ .require = true }, "localhost");
	if (variant->theirs_as_server != NONE) {
		with_refused(&self->with, variant->theirs_as_server, true);
	} else {
		with_run(&self->with, 0);
		with_agree(&self->with);
	}
}

/* ---- nothing in common ------------------------------------------------- */

FIXTURE(nothing) {
	struct with with;
};

FIXTURE_VARIANT(nothing) {
	struct ktls_opts ours;
	struct ssl_opts theirs;
	const char *name;
	int version;		/* libssl's newest */
	int err;		/* ours; 0: libssl gives up */
	uint8_t alert;
	bool late;
};

#define GCM128		"TLS_AES_128_GCM_SHA256"
#define GCM256		"TLS_AES_256_GCM_SHA384"
#define CLIENT		.ours.role = KTLS_CLIENT
#define SERVER		.ours.role = KTLS_SERVER
#define FAILURE		.alert = KTLS_ALERT_HANDSHAKE_FAILURE

FIXTURE_VARIANT_ADD(nothing, client_version) {
	CLIENT, .ours.min_version = KTLS_TLS13, .version = TLS1_2_VERSION,
	.alert = KTLS_ALERT_PROTOCOL_VERSION
};
FIXTURE_VARIANT_ADD(nothing, server_version) {
	SERVER, .ours.min_version = KTLS_TLS13, .version = TLS1_2_VERSION,
	.err = -KTLS_E_VERSION, .alert = KTLS_ALERT_PROTOCOL_VERSION
};
FIXTURE_VARIANT_ADD(nothing, client_suite) {
	CLIENT, .ours.ciphers = GCM128, .theirs.ciphers = GCM256, FAILURE
};
FIXTURE_VARIANT_ADD(nothing, server_suite) {
	SERVER, .ours.ciphers = GCM128, .theirs.ciphers = GCM256, FAILURE,
	.err = -KTLS_E_NO_SUITE
};
FIXTURE_VARIANT_ADD(nothing, client_group) {
	CLIENT, .ours.groups = "x25519", .theirs.groups = "secp256r1", FAILURE
};
FIXTURE_VARIANT_ADD(nothing, server_group) {
	SERVER, .ours.groups = "x25519", .theirs.groups = "secp256r1", FAILURE,
	.err = -KTLS_E_NO_GROUP
};
FIXTURE_VARIANT_ADD(nothing, client_sigalg) {
	CLIENT, .ours.sigalgs = "ed25519", FAILURE
};
FIXTURE_VARIANT_ADD(nothing, server_sigalg) {
	SERVER, .theirs.sigalgs = "ed25519", FAILURE, .err = -KTLS_E_NO_SIGALG
};
FIXTURE_VARIANT_ADD(nothing, client_alpn) {
	CLIENT, .ours.alpn = "h2", .theirs.alpn = "http/1.1",
	.alert = KTLS_ALERT_NO_APPLICATION_PROTOCOL
};
FIXTURE_VARIANT_ADD(nothing, server_alpn) {
	SERVER, .ours.alpn = "h2", .theirs.alpn = "http/1.1",
	.err = -KTLS_E_NO_ALPN, .alert = KTLS_ALERT_NO_APPLICATION_PROTOCOL
};
FIXTURE_VARIANT_ADD(nothing, server_name) {
	SERVER, .ours.flags = KTLS_F_STRICT_NAME, .name = "unknown.test",
	.err = -KTLS_E_UNKNOWN_NAME, .alert = KTLS_ALERT_UNRECOGNIZED_NAME
};
FIXTURE_VARIANT_ADD(nothing, client_cert) {
	CLIENT, .theirs.require = true, .late = true,
	.alert = KTLS_ALERT_CERTIFICATE_REQUIRED
};
FIXTURE_VARIANT_ADD(nothing, server_cert) {
	SERVER, .ours.verify = KTLS_VERIFY_REQUIRE,
	.err = -KTLS_E_CERT_REQUIRED, .alert = KTLS_ALERT_CERTIFICATE_REQUIRED
};
/* neither cert is for it */
FIXTURE_VARIANT_ADD(nothing, client_cert_name) {
	CLIENT, .name = "a.b.example.test", .err = -KTLS_E_CERT_NAME,
	.alert = BAD
};
FIXTURE_VARIANT_ADD(nothing, server_cert_name) {
	SERVER, .name = "a.b.example.test", .alert = BAD
};
FIXTURE_VARIANT_ADD(nothing, client_cert_address) {
	CLIENT, .name = "127.0.0.2", .err = -KTLS_E_CERT_NAME, .alert = BAD
};
FIXTURE_VARIANT_ADD(nothing, server_cert_address) {
	SERVER, .name = "127.0.0.2", .alert = BAD
};

FIXTURE_TEARDOWN(nothing)
{
	with_end(&self->with);
}

TEST_F(nothing, in_common)
{
	struct ssl_opts theirs = variant->theirs;

	theirs.verify = variant->ours.role == KTLS_SERVER;
	with_begin(&self->with, variant->ours, theirs,
		   variant->name ? variant->name : "localhost");
	if (variant->version)
		ASSERT_EQ(SSL_set_max_proto_version(self->with.ssl,
						    variant->version), 1);
	if (variant->err)
		with_fail(&self->with, variant->err, variant->alert);
	else
		with_refused(&self->with, variant->alert, variant->late);
}

HARNESS_MAIN
