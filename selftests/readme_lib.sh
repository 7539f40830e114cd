# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The server of README.md, as a user of an installed library builds and meets
# it, and the calls that it has pages for; beside tool_lib.sh.
# $where: the prefix; $libs: its folder of libraries.

exported()	# of the map of LIBRARY
{
	sed -nE 's/^\t(ktls_[a-z_0-9]+);$/\1/p' "lib/$1.map" | sort
}

# What has a page of section 3: all of them, and what headers alone have
calls()	# BEFORE AFTER
{
	{
		exported libktls
		exported libktls-uring
		sed -nE 's/^static inline .*\b(ktls_[a-z_0-9]+)\(.*/\1/p' \
			lib/include/*.h
		printf 'ktls_hs_%s_request\n' sign cred verify	# by a macro
	} | sed "s,.*,$1&$2,"
}

# On a free port: the one in the text may be taken.
readme_source()	# FILE
{
	awk '/^<!-- server\.c -->/ { on = 1; next }
	     on && /^```c/ { code = 1; next }
	     /^```/ { if (code) exit }
	     code' README.md >"$1"
	is "lines with the port" "$(grep -c 'htons(4433)' "$1")" 1
	sed -i 's/htons(4433)/htons(0)/' "$1"
}

# Where process $1 listens, once it does: on IPv6, while on IPv4 the library for
# a moment tries the kernel.  And not where the one before it did:
# bash, when it loses sight of a process ("No record of process"), assigns
# nothing.
listening()	# PID
{
	port=
	port=$(ss -Hltnp -6 2>/dev/null | grep -F "pid=$1," |
		awk '{ sub(/.*:/, "", $4); print $4 }')
	[ -n "$port" ] && return
	kill -0 "$1" && return 1
	return 99
}

start_readme()	# PROGRAM
{
	LD_LIBRARY_PATH=$libs "$1" "$pki/p256.pem" "$pki/p256.key" \
		>"$dir/readme.log" 2>&1 &
	server=$!
	servers=("$server")
	until_true listening "$server"
}

# An echo for one connection, by s_client and then by ktls get, whose request
# comes back as what cannot be an answer: exit status 5.  That is a cut, which
# the server takes for an error.
reach_readme()	# PROGRAM
{
	local status=0

	start_readme "$1"
	mkfifo "$dir/in"
	: >"$dir/out"
	within openssl s_client -quiet -no_ign_eof -verify_return_error \
		-CAfile "$pki/ca.pem" -verify_hostname localhost \
		-connect "localhost:$port" \
		<"$dir/in" >"$dir/out" 2>"$dir/err" &
	exec 7>"$dir/in"
	echo "over and over" >&7
	until_true grep -qx "over and over" "$dir/out"
	exec 7>&-
	wait $!
	await_server
	start_readme "$1"
	ends 5 env "LD_LIBRARY_PATH=$libs" "$where/bin/ktls" get -v \
		--cafile "$pki/ca.pem" "https://localhost:$port/"
	has "ktls get" "$out" 'TLS 1\.3.*'
	has "ktls get" "$out" malformed
	wait "$server" || status=$?
	is "status of the server" "$status" 1
	servers=()
	rm "$dir/in"
}
