#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Supplemental data, user mapping and double handshakes of "ktls serve" and
# "ktls get": who says what to whom, and what is logged of it. Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"

www=$tmp/www
mkdir "$www"
echo page >"$www/index.html"
printf 'of the client' >"$tmp/client"
printf 'of the server' >"$tmp/server"

# Gets the page by TLS 1.2 while it tells all: $said (stderr)
told()	# [OPTION]...
{
	is "page (${*})" "$(get -v "$@" / 2>"$dir/said")" page
	said=$(<"$dir/said")
}

# The connection's line in the log, the N-th of this server: $line
logged()	# N
{
	until_true is_logged "$1"
	line=$(grep ' end=' "$log" | sed -n "$1p")
}

is_logged()	# N
{
	[ "$(grep -c ' end=' "$log")" -ge "$1" ]
}

heard()	# what the server logged as supplemental data
{
	grep -F ' supplemental data: ' "$log" | sed 's/.* data: //'
}

# ---- supplemental data -----------------------------------------------------

both_ends()
{
	serve_p256 --supp-data "16385=$tmp/server" "$www"
	told --tls 1.2 --supp-data "16385=$tmp/client"
	has client "$said" 'data of the server: 16385 "of the server"$'
	logged 1
	is server "$(heard)" '16385 "of the client"'
	lacks line "$line" renegotiated=
	# the version is no matter of the options: it may be 1.2 for the peer's
	stop_server
	serve_p256 --tls 1.2 --supp-data "1:16385=$tmp/server" \
		--supp-data "2:16385=$tmp/server" "$www"
	told --supp-data 2:16385= --supp-data 1:16385="$tmp/client"
	is "two types" "$(grep -c 'data of the server: [12] ' "$dir/said")" 2
	logged 1
	is "only what has a file" "$(heard)" '1 "of the client"'
}

# One end has nothing to send, or does not know the type
one_end()
{
	serve_p256 --supp-data "16385=$tmp/server" "$www"
	told --tls 1.2 --supp-data 16385=
	has "to a client that listens" "$said" '16385 "of the server"$'
	told --tls 1.2
	lacks "to one that does not" "$said" supplemental
	told --tls 1.2 --supp-data "16386=$tmp/client"
	lacks "to one with another type" "$said" supplemental
	told --tls 1.2 --supp-data "16385:16386=$tmp/client"
	lacks "by another extension" "$said" supplemental
	logged 4
	is "server heard" "$(heard)" ''
	stop_server
	serve_p256 "$www"
	told --tls 1.2 --supp-data "16385=$tmp/client"
	logged 1
	is "a server without" "$(heard)" ''
}

sizes()
{
	local n eight=()

	: >"$dir/empty"
	head -c 65535 /dev/zero | tr '\0' a >"$dir/most"
	serve_p256 --supp-data 16385= "$www"
	told --tls 1.2 --supp-data "16385=$dir/empty"
	told --tls 1.2 --supp-data "16385=$dir/most"
	logged 2
	is empty "$(heard | head -n 1)" '16385 ""'
	is most "$(heard | tail -n 1)" \
		"16385 $(head -c 200 "$dir/most") and 65335 bytes more"
	stop_server
	# all that there can be, in one message
	for n in 1 2 3 4 5 6 7 8; do
		eight+=(--supp-data "$n:16385=$dir/most")
	done
	serve_p256 "${eight[@]}" "$www"
	told --tls 1.2 "${eight[@]}"
	is eight "$(grep -c '65335 bytes more$' "$dir/said")" 8
	logged 1
	is "eight, server" "$(heard | grep -c '65335 bytes more$')" 8
	echo >>"$dir/most"
	ends 1 "$ktls" get --supp-data "16385=$dir/most" "$url/"
	has "too large" "$out" "most: more than 65535 bytes"
	ends 1 "$ktls" serve --supp-data 1=/dev/zero "$www"
	has "without end" "$out" "/dev/zero: more than 65535 bytes"
	ends 1 "$ktls" serve --supp-data 1=/nonesuch "$www"
	has none "$out" "/nonesuch: No such file"
	ends 1 "$ktls" serve --supp-data "1=$www" "$www"
	has "a folder" "$out" "www: Is a directory"
}

# Nothing of it is in TLS 1.3, and nobody is told that it was
not_13()
{
	serve_p256 --supp-data "16385=$tmp/server" --user-mapping "$www"
	told --tls 1.3 --supp-data "16385=$tmp/client" --user-mapping u@d.test
	lacks client "$said" supplemental
	has version "$said" '^\* TLS 1\.3, '
	told --supp-data "16385=$tmp/client" --user-mapping u@d.test
	has "the default" "$said" '^\* TLS 1\.3, '
	logged 2
	is server "$(heard)" ''
	lacks server "$line" '(user|domain)=[^"]'
}

# What a peer says cannot be taken for the log's own words
injection()
{
	local n all

	printf 'x"\n2026-01-01T00:00:00Z peer=1.2.3.4:5 \r\e[2J\0\302\233\\\377' \
		>"$dir/evil"
	for n in $(seq 0 255); do
		printf "\\x$(printf %02x "$n")"
	done | head -c 200 >"$dir/all"
	serve_p256 --supp-data "16385=$dir/evil" --user-mapping "$www"
	told --tls 1.2 --supp-data "16385=$dir/evil"
	all='"x\"\x0a2026-01-01T00:00:00Z peer=1.2.3.4:5 \x0d\x1b[2J\x00\xc2\x9b\\\xff"'
	is "to the client" "$(sed -n 's/.*of the server: 16385 //p' \
		"$dir/said")" "$all"
	told --tls 1.2 --supp-data "16385=$dir/all"
	told --tls 1.2 --user-mapping 'a" end=b\ü@d.test'
	logged 3
	is "in the log" "$(heard | head -n 1)" "16385 $all"
	has user "$line" ' user="a\\" end=b\\\\\\xc3\\xbc@d\.test" tx='
	is "one line each" "$(grep -c ^ "$log")" 5
	is "of nothing else" "$(grep -vcE '^[0-9TZ:-]+ peer=127\.0\.0\.1:' \
		"$log")" 0
	is "only printable" "$(LC_ALL=C tr -d ' -~\n' <"$log" | wc -c)" 0
	is "only printable, get" "$(LC_ALL=C tr -d ' -~\n' <"$dir/said" |
		wc -c)" 0
}

supp_usage()
{
	local arg eight=()

	for arg in '' x 1 =f -1=f +1=f ' 1=f' 0x10=f 65536=f 1:=f 1:65536=f \
		1:x=f 1:2 1:2:3=f 99999999999999999999=f; do
		ends 1 "$ktls" serve --supp-data "$arg" "$www"
		has "'$arg'" "$out" "^ktls serve: --supp-data .*: not TYPE=FILE"
	done
	# types and extensions that have a meaning already
	for arg in 0= 5=; do
		ends 1 "$ktls" get --supp-data "$arg" https://127.0.0.1:1/
		has "'$arg'" "$out" '^ktls get: option is not valid: .*type '
	done
	ends 1 "$ktls" get --supp-data 1:16385= --supp-data 1:16386= \
		https://127.0.0.1:1/
	has twice "$out" '^ktls get: option is not valid: .*type 1 '
	for arg in 1 2 3 4 5 6 7 8; do
		eight+=(--supp-data "$arg:16385=$tmp/client")
	done
	# the one too many is not looked at, let alone kept
	for arg in 9:16385= 5= 65535:65535=/dev/null nonsense; do
		ends 1 "$ktls" get "${eight[@]}" --supp-data "$arg" \
			https://127.0.0.1:1/
		is nine "$(head -n 1 <<<"$out")" \
			'ktls get: more than 8 times --supp-data'
	done
	serve_p256 "${eight[@]}" "$www"
	told --tls 1.2 "${eight[@]}"
	is eight "$(grep -c 'data of the server: [1-8] "of' "$dir/said")" 8
	logged 1
	is "eight, server" "$(heard | grep -c '"of the client"')" 8
}

# ---- user mapping ----------------------------------------------------------

user_mapping()
{
	serve_p256 --user-mapping "$www"
	told --tls 1.2 --user-mapping me@home.test
	logged 1
	has user "$line" ' user=me@home\.test tx='
	told --tls 1.2 --user-mapping @home.test
	logged 2
	has domain "$line" ' domain=home\.test tx='
	told --tls 1.2
	logged 3
	lacks none "$line" ' (user|domain)='
	is heard "$(heard)" ''
	stop_server
	serve_p256 "$www"
	told --tls 1.2 --user-mapping me@home.test
	logged 1
	lacks "not asked for" "$line" ' (user|domain)='
}

user_usage()
{
	local arg long

	long=$(printf %500s '' | tr ' ' a)
	for arg in '' @ @@ x x@ x@y@z; do
		ends 1 "$ktls" get --user-mapping "$arg" https://127.0.0.1:1/
		has "'$arg'" "$out" \
			'^ktls get: --user-mapping .*: not USER@DOMAIN'
	done
	for arg in $'a\n@b' $'a@b\377' "$long@x.example.test" "@$long"; do
		ends 1 "$ktls" get --user-mapping "$arg" https://127.0.0.1:1/
		has "'$arg'" "$out" '^ktls get: option is not valid: user_'
	done
}

# ---- double handshakes -----------------------------------------------------

double()
{
	serve_p256 --double-handshake --user-mapping \
		--supp-data "16385=$tmp/server" "$www"
	told --double-handshake --user-mapping me@home.test \
		--supp-data "16385=$tmp/client"
	has client "$said" 'data of the server: 16385 "of the server"$'
	is once "$(grep -c supplemental "$dir/said")" 1
	logged 1
	is server "$(heard)" '16385 "of the client"'
	has line "$line" ' user=me@home\.test renegotiated=1 tx='
	has version "$line" ' version="TLS 1\.2" '
	# nothing to say is no reason not to
	told --double-handshake
	logged 2
	has line "$line" ' renegotiated=1 tx='
	gets 3 --tls 1.3 /
	has "only 1.3" "$out" protocol_version
	gets 1 --tls 1.3 --double-handshake /
	has "both" "$out" 'TLS 1\.3 has no double handshake'
}

gets()	# STATUS [OPTION]... PATH
{
	ends "$1" "$ktls" get --cafile "$pki/ca.pem" "${@:2:$#-2}" "$url${!#}"
}

# Who wants it does without the connection rather than without protection
double_one_end()
{
	serve_p256 --double-handshake --supp-data "16385=$tmp/server" "$www"
	gets 3 -v --supp-data "16385=$tmp/client" --tls 1.2 /
	lacks "what it is told" "$out" supplemental
	logged 1
	has reason "$line" ' end="handshake failed" reason='
	lacks "what is heard" "$(heard)" client
	stop_server
	serve_p256 --user-mapping --supp-data "16385=$tmp/server" "$www"
	gets 3 -v --double-handshake --user-mapping me@home.test \
		--supp-data "16385=$tmp/client" /
	lacks "what it is told" "$out" supplemental
	logged 1
	lacks "nothing in the open" "$(<"$log")" 'of the client|me@home'
}

run_tests both_ends one_end sizes not_13 injection supp_usage user_mapping \
	user_usage double double_one_end
