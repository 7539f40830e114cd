#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The rules of the tree that a program can check.  Speaks KTAP.
set -u
cd "$(dirname "$0")/.." || exit 1
. selftests/verdict_lib.sh

sources()	# DIR...: the C files there
{
	find "$@" -name '*.[ch]' | sort
}

verdicts 5

# (of Debian's forms, most have no place for it, and "copyright" is there for all)
verdict "every file names its licence" "$(find .ci lib tools bench selftests \
	kmod uapi Makefile Kbuild -type f ! -name '*.pc.in' ! -name '*.map' ! -name '*.abi' ! -name '*.md' \
	! -path 'tools/debian/*' \
	-exec grep -L SPDX-License-Identifier {} +)"

verdict "libssl nowhere but beside us" "$(sources lib tools bench |
	grep -v 'bench/\(cn\|hs\)_ssl\.c$' | xargs grep -n '<openssl/ssl\|-lssl')"

verdict "no file of library, program or module above 500 lines" \
	"$(sources lib tools bench kmod uapi | grep -v include/ | xargs wc -l |
	awk '$1 > 500 && $2 != "total"')"

verdict "no function above 80 lines" "$(sources lib tools bench kmod | xargs awk '
	FNR == 1 { start = 0 }
	/^\{/ { start = FNR }
	/^\}/ { if (start && FNR - start > 80) print FILENAME ":" start
		start = 0 }')"

# exported MAP HEADER...
exported()
{
	local map=$1

	shift
	diff <(grep -hv 'static inline' "$@" |
		grep -oE '^[a-z].*\bktls_[a-z_0-9]+\(' |
		grep -oE 'ktls_[a-z_0-9]+\($' | tr -d '(' | sort -u) \
	     <(grep -oE '\bktls_[a-z_0-9]+;' "$map" | tr -d ';' | sort -u)
}

verdict "every exported call is in the map, and nothing else" "$(
	exported lib/libktls.map lib/include/ktls.h lib/include/ktls_agent.h
	exported lib/libktls-uring.map lib/include/ktls_uring.h)"

verdicts_end
