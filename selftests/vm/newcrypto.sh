#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# newcrypto.sh CMD [ARG...]
#
# Runs a program of the host's, linked with its libcrypto.so.3, on OpenSSL 3.5
# or later (ML-KEM, X25519MLKEM768), which needs a newer libc too: so it is the
# newer dynamic linker that starts the program. What the program executes in
# its turn runs on the host's libraries as ever. "openssl" is the program that
# came with the libraries.

set -euo pipefail

if [ $# = 0 ]; then
	echo "usage: ${0##*/} CMD [ARG...]" >&2
	exit 2
fi
root=$("$(dirname "$(readlink -f "$0")")/fetch.sh" openssl)

if [ "$1" = openssl ]; then
	program=$root/openssl
elif ! program=$(command -v -- "$1") || [ ! -f "$program" ]; then
	echo "${0##*/}: no such program: $1" >&2
	exit 127
fi
shift

# The built-in paths of both are those of the host's OpenSSL: its providers do
# not belong into another libcrypto, its configuration may not suit it.
export OPENSSL_MODULES=$root/lib/ossl-modules
export OPENSSL_CONF=${OPENSSL_CONF:-$root/openssl.cnf}
exec "$root/lib/ld-linux-x86-64.so.2" \
	--library-path "$root/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" \
	--argv0 "$program" "$program" "$@"
