// SPDX-License-Identifier: MIT
#include "include/ktls.h"

#include <stdlib.h>
#include <string.h>

static const struct error_row {
	int nr;
	enum ktls_alert alert;
	const char *text;
} error_rows[] = {
#define ROW(nr, name, alert, text) { nr, KTLS_ALERT_##alert, text },
	KTLS_ERRORS(ROW)
#undef ROW
};

static const struct error_row *find(int err)
{
	size_t n = sizeof(error_rows) / sizeof(*error_rows);

	for (size_t i = 0; i < n; i++)
		if (error_rows[i].nr == abs(err))
			return &error_rows[i];
	return NULL;
}

const char *ktls_strerror(int err)
{
	const struct error_row *row = find(err);

	return row ? row->text : strerror(abs(err));
}

enum ktls_alert ktls_error_alert(int err)
{
	const struct error_row *row = find(err);

	/* an errno is our own trouble, of which the peer learns no more */
	return row ? row->alert : KTLS_ALERT_INTERNAL_ERROR;
}

static const struct {
	enum ktls_alert alert;
	const char *name;
} alert_rows[] = {
	{ KTLS_ALERT_CLOSE_NOTIFY, "close_notify" },
	{ KTLS_ALERT_UNEXPECTED_MESSAGE, "unexpected_message" },
	{ KTLS_ALERT_BAD_RECORD_MAC, "bad_record_mac" },
	{ KTLS_ALERT_RECORD_OVERFLOW, "record_overflow" },
	{ KTLS_ALERT_HANDSHAKE_FAILURE, "handshake_failure" },
	{ KTLS_ALERT_BAD_CERTIFICATE, "bad_certificate" },
	{ KTLS_ALERT_UNSUPPORTED_CERTIFICATE, "unsupported_certificate" },
	{ KTLS_ALERT_CERTIFICATE_REVOKED, "certificate_revoked" },
	{ KTLS_ALERT_CERTIFICATE_EXPIRED, "certificate_expired" },
	{ KTLS_ALERT_CERTIFICATE_UNKNOWN, "certificate_unknown" },
	{ KTLS_ALERT_ILLEGAL_PARAMETER, "illegal_parameter" },
	{ KTLS_ALERT_UNKNOWN_CA, "unknown_ca" },
	{ KTLS_ALERT_ACCESS_DENIED, "access_denied" },
	{ KTLS_ALERT_DECODE_ERROR, "decode_error" },
	{ KTLS_ALERT_DECRYPT_ERROR, "decrypt_error" },
	{ KTLS_ALERT_PROTOCOL_VERSION, "protocol_version" },
	{ KTLS_ALERT_INSUFFICIENT_SECURITY, "insufficient_security" },
	{ KTLS_ALERT_INTERNAL_ERROR, "internal_error" },
	{ KTLS_ALERT_INAPPROPRIATE_FALLBACK, "inappropriate_fallback" },
	{ KTLS_ALERT_USER_CANCELED, "user_canceled" },
	{ KTLS_ALERT_NO_RENEGOTIATION, "no_renegotiation" },
	{ KTLS_ALERT_MISSING_EXTENSION, "missing_extension" },
	{ KTLS_ALERT_UNSUPPORTED_EXTENSION, "unsupported_extension" },
	{ KTLS_ALERT_CERTIFICATE_UNOBTAINABLE, "certificate_unobtainable" },
	{ KTLS_ALERT_UNRECOGNIZED_NAME, "unrecognized_name" },
	{ KTLS_ALERT_BAD_CERTIFICATE_STATUS,
	  "bad_certificate_status_response" },
	{ KTLS_ALERT_BAD_CERTIFICATE_HASH, "bad_certificate_hash_value" },
	{ KTLS_ALERT_UNKNOWN_PSK_IDENTITY, "unknown_psk_identity" },
	{ KTLS_ALERT_CERTIFICATE_REQUIRED, "certificate_required" },
	{ KTLS_ALERT_GENERAL_ERROR, "general_error" },
	{ KTLS_ALERT_NO_APPLICATION_PROTOCOL, "no_application_protocol" },
};

const char *ktls_alert_name(uint8_t alert)
{
	size_t n = sizeof(alert_rows) / sizeof(*alert_rows);

	for (size_t i = 0; i < n; i++)
		if (alert_rows[i].alert == alert)
			return alert_rows[i].name;
	return "unknown";
}
