#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# ct.c on valgrind, with the library as it is shipped: by a compiler that may
# have made a jump of what is none in C, hence with each (CC=clang is another).
# Speaks KTAP.

set -u
cd "$(dirname "$0")/.." || exit 1
selftests/deps.sh ct || exit 1
cc=${CC:-gcc}
dir=build
cflags='-O2 -g'
# valgrind 3.19 does not read what clang 14 writes by default
[[ $cc != *clang* ]] || { dir=build-clang/ct; cflags='-O2 -gdwarf-4'; }
# whatever the sanitizers of the tests around us are set to
if ! out=$(env -u SAN -u MAKEFLAGS make -j"$(nproc)" CC="$cc" O=$dir \
		CFLAGS="$cflags" $dir/selftests/ct $dir/selftests/pki/.stamp \
		2>&1); then
	echo "# ${out//$'\n'/$'\n'# }"
	echo "Bail out! make"
	exit 1
fi
# everything takes so many times as long
export KTLS_TEST_SLOW=$((5 * ${KTLS_TEST_SLOW:-1}))
exec valgrind -q --error-limit=no --leak-check=no \
	--suppressions=selftests/ct.supp $dir/selftests/ct "$@"
