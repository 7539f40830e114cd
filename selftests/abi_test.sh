#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What programs that were built with the headers rely on is what lib/libktls.abi
# says, and a comparison of two such files tells what breaks.  Speaks KTAP.
set -u
cd "$(dirname "$0")/.." || exit 1
. selftests/verdict_lib.sh
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# What of it a version would lack that SED made
broken()	# SED
{
	sed -E "$1" lib/libktls.abi >"$dir/new"
	cmp -s "$dir/new" lib/libktls.abi && echo "$1 changes nothing"
	awk -f lib/abi.awk lib/libktls.abi "$dir/new"
}

breaks()	# NAME SED LINE...: these and no others
{
	local name=$1 sed=$2

	shift 2
	verdict "$name" "$(diff <(broken "$sed") <(printf '%s\n' "$@"))"
}

verdicts 8
build=${KTLS_TEST_BUILD:-build}
verdict "libktls.abi is this library's, see make abi-update" "$(
	O=$build timeout 120 gdb -nx -batch -x lib/abi.py 2>&1 |
	diff lib/libktls.abi -)"
verdict "more is fine" "$(broken '$s/$/\ncall ktls_new: int (void)/')"
verdict "a struct with a size may grow" \
	"$(broken 's/^(struct ktls_opts size) .* grows/\1 9999 grows/')"
breaks "but not shrink" 's/^(struct ktls_opts size) .* grows/\1 8 grows/' \
	"$(grep '^struct ktls_opts size' lib/libktls.abi)"
breaks "nor may others grow" 's/^(struct ktls_why size) .* f/\1 9999 f/' \
	"$(grep '^struct ktls_why size' lib/libktls.abi)"
breaks "a call that is gone" '/^call ktls_flush:/d' \
	"call ktls_flush: int (struct ktls_conn *)"
breaks "... or takes something else" \
	's/^(call ktls_flush: .*)\)/\1, int)/' \
	"call ktls_flush: int (struct ktls_conn *)"
breaks "a number that means something else" \
	's/^(enum ktls_role KTLS_CLIENT =) 2/\1 3/' \
	"enum ktls_role KTLS_CLIENT = 2"
verdicts_end
