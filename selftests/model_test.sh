#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The tables of the handshakes in model.pml, searched by spin(1): all that may
# happen, with and without somebody in the middle.  Then tables that are broken,
# in which that has to find the fault.  Speaks KTAP.

set -u
cd "$(dirname "$0")/.." || exit 1
selftests/deps.sh model || exit 1
model=$PWD/${KTLS_TEST_BUILD:-build}/selftests/model
limit=$((300 * ${KTLS_TEST_SLOW:-1}))	# of one search, seconds
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

n=0
failed=0
verdict()	# STATUS NAME
{
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n $2"
	else
		echo "not ok $n $2"
		failed=1
	fi
}

# A program that searches, $tmp/NAME/pan
build()	# NAME VERSION [ATTACK|LIVE|ALONE] [CHANGE...]
{
	local dir=$tmp/$1 defs=(-DVERSION="$2" -D"$3") how=(-O0 -DSAFETY)

	[ "$3" != LIVE ] || how=(-O0)	# cycles are looked for as well
	[[ $1 != attacked* ]] || how=(-O1 -DSAFETY)
	shift 3
	mkdir "$dir" && cp selftests/model.pml "$dir" &&
		"$model" "$@" >"$dir/rules.pml" || return
	# -o3: each line stays a step of its own, so that all are counted
	(cd "$dir" && spin -o3 "${defs[@]}" -a model.pml &&
		gcc -w -DMEMLIM=2000 -DVECTORSZ=1024 "${how[@]}" \
			-o pan pan.c) >"$dir/build" 2>&1 && return
	sed 's/^/# /' "$dir/build"
	return 1
}

# All of it, to the file NAME/out: 0 if it has been and nothing is wrong
search()	# NAME [OPTION...]
{
	local dir=$tmp/$1 out=$tmp/$1/out

	shift
	(cd "$dir" && timeout -k 5 "$limit" ./pan -m100000 "$@") \
		>"$out" 2>&1 &&
		grep -q 'errors: 0$' "$out" &&
		! grep -q 'not completed\|max search depth\|out of memory' "$out"
}

figures()	# NAME
{
	awk '/ states, stored/ { states = $1 }
		/ transitions / { moves = $1 }
		/depth reached/ { sub(/,/, "", $6); depth = $6 }
		/elapsed time/ { time = $4 }
		/^pan:[0-9]+: / { print "# " $0 }
		END { printf "# %s states, %s transitions, depth %s, %s s\n",
			states, moves, depth, time }' "$tmp/$1/out"
}

holds()	# WHAT NAME VERSION [ATTACK|LIVE|ALONE] [OPTION...]
{
	local what=$1 name=$2 status

	build "$2" "$3" "$4" || { verdict 1 "$what"; return; }
	shift 4
	search "$name" "$@"
	status=$?
	figures "$name"
	verdict $status "$what"
}

# The transitions (lines of rules.pml) that none of these searches has taken
never_taken()	# NAME...
{
	local dir

	for dir in "${@/#/$tmp/}"; do
		comm -23 <(grep -n -e '-> next = ' "$dir/rules.pml" |
			grep -v ':: else' | cut -d: -f1 | sort) \
			<(sed -nE 's/.*rules.pml:([0-9]+), .*"next = .*/\1/p' \
			"$dir/out" | sort -u)
	done | sort -u >"$tmp/taken"
	grep -n -e '-> next = ' "$tmp/alone12/rules.pml" | grep -v ':: else' |
		sort | join -t: -v1 - "$tmp/taken"
}

all_taken()	# NAME...
{
	local left

	left=$(never_taken "$@")
	echo "# $(wc -l <"$tmp/taken") transitions taken"
	sed '/^$/d; s/^/# never: /' <<<"$left"
	[ -z "$left" ] && [ -s "$tmp/taken" ]
	verdict $? "every row and every transition is taken"
	# of the other version's this says so
	never_taken alone13 | grep -q 'next = C12_FIN$'
	verdict $? "found: transitions that are not taken"
}

# A table with a fault: what has to be found, and where
broken()	# NAME VERSION [ATTACK|ALONE] FOUND CHANGE...
{
	local what=$1 version=$2 how=$3 found=$4 dir=broken$n

	shift 4
	build "$dir" "$version" "$how" "$@" || { verdict 1 "$what"; return; }
	search "$dir" && { verdict 1 "found: $what"; return; }
	figures "$dir"
	grep -q "^pan:.*$found" "$tmp/$dir/out"
	verdict $? "found: $what"
}

echo "KTAP version 1"
echo "1..23"
# left alone, both ends finish, whatever they want; nothing waits for ever
holds "1.2, left alone: no deadlock, no fault" alone12 12 ALONE
holds "1.2, left alone: both ends complete" live12 12 LIVE -a
holds "1.3, left alone: no deadlock, no fault" alone13 13 ALONE
holds "1.3, left alone: both ends complete" live13 13 LIVE -a
all="Finished, authentication, keys, no deadlock"
holds "1.2, attacked: $all" attacked12 12 ATTACK
holds "1.3, attacked: $all" attacked13 13 ATTACK
holds "either version, attacked: $all, version" attacked0 0 ATTACK
all_taken alone12 alone13 attacked12 attacked13 attacked0

in_cert='c_cert&&'
broken "1.3: no certificate of the server" 13 ATTACK "$in_cert" \
	+C_CERT_CR:FINISHED:HS_DONE
broken "1.3: no CertificateVerify of the server" 13 ATTACK "$in_cert" \
	+C_CV:FINISHED:HS_DONE
broken "1.3: the client's certificate is optional" 13 ATTACK 'verify' \
	+S_CERT:FINISHED:HS_DONE
broken "1.3: no CertificateVerify of the client" 13 ATTACK 'verify' \
	+S_CERT:CERTIFICATE:S_FIN
broken "1.3: the client's Finished may be left out" 13 ATTACK ' s_fin' \
	+S_CERT:CERTIFICATE:HS_DONE
broken "1.3: the server's Finished may be left out" 13 ATTACK ' c_fin' \
	+C_CV:CERTIFICATE_VERIFY:HS_DONE
broken "1.3: early data does not end before Finished" 13 ALONE 'invalid end' \
	-S_EARLY:END_OF_EARLY_DATA:S_FIN
broken "1.3: early data under other keys" 13 ATTACK 'k==' \
	+S_CH2:CLIENT_HELLO:S_EARLY -S_FIN:FINISHED:HS_DONE
broken "1.2: no ServerKeyExchange" 12 ATTACK "$in_cert" \
	+C12_SKE:SERVER_HELLO_DONE:C12_CCS
broken "1.2: Finished before ChangeCipherSpec" 12 ATTACK 's_rx' \
	+S12_CCS:FINISHED:HS_DONE
broken "1.2: no CertificateVerify of the client" 12 ATTACK 'verify' \
	+S12_CKE:CLIENT_KEY_EXCHANGE:S12_CCS
broken "1.2: the client's certificate is optional" 12 ATTACK 'verify' \
	+S12_CERT:CLIENT_KEY_EXCHANGE:S12_CCS
broken "1.2: a transition is missing" 12 ALONE 'invalid end' \
	-S12_CV:CERTIFICATE_VERIFY:S12_CCS
broken "1.2: ChangeCipherSpec too early" 12 ATTACK 's_key==2' \
	+S12_CKE:CCS:S12_FIN
exit $failed
