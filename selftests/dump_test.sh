#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# dump.c with the library as it is shipped.  Speaks KTAP.

set -u
cd "$(dirname "$0")/.." || exit 1
# whatever the sanitizers of the tests around us are set to; not in a VM
if [ -z "${KTLS_VM-}" ] && ! out=$(env -u SAN -u MAKEFLAGS make -j"$(nproc)" O=build \
		build/selftests/dump build/selftests/pki/.stamp 2>&1); then
	echo "# ${out//$'\n'/$'\n'# }"
	echo "Bail out! make"
	exit 1
fi
exec build/selftests/dump "$@"
