#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "ktls serve" after SIGHUP, sessions among servers, and how many connections
# an address may have. Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"

www=$tmp/www
mkdir "$www"
echo page >"$www/index.html"

# ... with a copy of a certificate that can be replaced
serve_copy()	# [OPTION]... DIR
{
	cp "$pki/p256.pem" "$dir/cert.pem"
	cp "$pki/p256.key" "$dir/cert.key"
	serve -c "$dir/cert.pem" -k "$dir/cert.key" "$@"
}

reloads()	# N: SIGHUP, until as many are logged
{
	kill -HUP "$server"
	until_true reloaded "$1"
}

reloaded()
{
	[ "$(grep -cE ' (not )?reloaded' "$log")" = "$1" ]
}

subject()
{
	within openssl s_client -connect "127.0.0.1:$port" -servername \
		localhost </dev/null 2>/dev/null | sed -n 's/^subject=//p'
}

resumes()	# WANTED: a get by the session in $dir/session
{
	get -v --session-file "$dir/session" / >"$dir/page" 2>"$dir/get.log"
	is resumed "$(grep -c 'resumed' "$dir/get.log")" "$1"
}

certificate()
{
	serve_copy "$www"
	is before "$(subject)" 'CN = p256'
	cp "$pki/p384.pem" "$dir/cert.pem"
	cp "$pki/p384.key" "$dir/cert.key"
	is "not yet" "$(subject)" 'CN = p256'
	reloads 1
	is after "$(subject)" 'CN = p384'
	is page "$(get /)" page
}

# Whatever is wrong with a file, it goes on with what it has.
bad()
{
	serve_copy --metrics 127.0.0.1:0 "$www"
	metrics=$(sed -n 's|.*metrics on \(http://.*/metrics\)$|\1|p' "$log")
	echo rubbish >"$dir/cert.pem"
	reloads 1
	is page "$(get /)" page
	has why "$(<"$log")" '^ktls serve: .*cert\.pem'
	cp "$pki/p384.pem" "$dir/cert.pem"	# not of this key
	reloads 2
	rm "$dir/cert.pem"
	reloads 3
	is still "$(subject)" 'CN = p256'
	cp "$pki/p256.pem" "$dir/cert.pem"
	reloads 4
	has good "$(tail -n 1 "$log")" ' reloaded$'
	out=$(within curl -sS --noproxy '*' "$metrics")
	has bad "$out" '^ktls_reloads_total\{outcome="bad"\} 3$'
	has good "$out" '^ktls_reloads_total\{outcome="good"\} 1$'
}

# Tickets of before are good; so is a connection.
sessions()
{
	serve_copy "$www"
	resumes 0
	resumes 1
	mkfifo "$dir/in"
	talk <"$dir/in" >"$dir/answers" &
	others+=($!)
	exec 7>"$dir/in"
	printf 'GET / HTTP/1.1\r\nHost: x\r\n\r\n' >&7
	until_true grep -q page "$dir/answers"
	reloads 1
	resumes 1
	printf 'GET /none HTTP/1.1\r\nHost: x\r\n\r\n' >&7
	until_true grep -qa 'HTTP/1\.1 404' "$dir/answers"
	exec 7>&-
	reloads 2
	resumes 1
}

# Two servers with the same keys are one; with others, or later, they are not.
fleet()
{
	local one_url

	"$ktls" ticket-keys "$dir/keys"
	"$ktls" ticket-keys "$dir/others"
	serve_copy --ticket-keys "$dir/keys" "$www"
	one_url=$url
	resumes 0
	cp -p "$dir/keys" "$dir/second"
	serve_copy --ticket-keys "$dir/second" "$www"
	# sessions are of a name and port: come by the other's
	url=$one_url
	get -v --session-file "$dir/session2" / >/dev/null 2>"$dir/get.log"
	get -v --session-file "$dir/session2" \
		--connect-to "127.0.0.1:$port" / >/dev/null 2>"$dir/get.log"
	is "the other's" "$(grep -c resumed "$dir/get.log")" 1
	cp "$dir/session2" "$dir/before"
	# a fleet's tool puts others there
	cp -p "$dir/others" "$dir/second.new"
	mv "$dir/second.new" "$dir/second"
	takes_keys 1
	resumes_here 1		# what was sealed before still opens
	reloads 1
	cp "$dir/before" "$dir/session2"
	resumes_here 0
	ends 1 "$ktls" serve --ticket-keys "$dir/none" "$www"
	has missing "$out" 'ticket keys of .*none: No such file'
}

renewed()	# FILE INODE
{
	"$ktls" ticket-keys "$1" && [ "$(stat -c %i "$1")" != "$2" ]
}

# What a link leads to is made, and replaced, and the link stays
linked_keys()
{
	local file=$dir/var/two

	mkdir "$dir/etc" "$dir/var"
	ln -s ../var/one "$dir/etc/keys"
	ln -s two "$dir/var/one"
	"$ktls" ticket-keys --period 1 "$dir/etc/keys"
	is "mode" "$(stat -c %a "$file")" 600
	chmod 640 "$file"
	serve_copy --ticket-keys "$dir/etc/keys" "$www"
	cd "$dir/etc"
	# from one key to the next
	until_true renewed keys "$(stat -c %i "$file")"
	until_true renewed "$file" "$(stat -c %i "$file")"
	cd "$top"
	is "mode of before" "$(stat -c %a "$file")" 640
	is "one link" "$(readlink "$dir/etc/keys")" ../var/one
	is "another" "$(readlink "$dir/var/one")" two
	is "all there is" "$(cd "$dir" && echo etc/* var/*)" \
		'etc/keys var/one var/two'
	until_true grep -q ' new ticket keys' "$log"
	ln -s loop "$dir/loop"
	ends 1 "$ktls" ticket-keys "$dir/loop"
	has loop "$out" 'loop: Too many levels of symbolic links'
}

# By the session of the other one
resumes_here()	# WANTED
{
	get -v --session-file "$dir/session2" \
		--connect-to "127.0.0.1:$port" / >/dev/null 2>"$dir/get.log"
	is resumed "$(grep -c resumed "$dir/get.log")" "$1"
}

# By itself, from a file that has changed
takes_keys()	# N: until that has been so often
{
	until_true eval "[ \"\$(grep -c ' new ticket keys' '$log')\" = $1 ]"
}

keeps_keys()	# N: ... until it has kept the old ones so often, or oftener
{
	until_true eval \
		"[ \"\$(grep -c ' ticket keys of before' '$log')\" -ge $1 ]"
}

refuses_keys()	# N REASON
{
	keeps_keys "$1"
	has why "$(<"$log")" "ticket keys of .*keys: $2"
	resumes 1
	ends 1 "$ktls" serve --ticket-keys "$dir/keys" "$www"
	has why "$out" "ticket keys of .*keys: $2"
}

# What is wrong with the file changes nothing, and is said once.
bad_keys()
{
	"$ktls" ticket-keys "$dir/keys"
	cp -p "$dir/keys" "$dir/good"
	serve_copy --ticket-keys "$dir/keys" "$www"
	resumes 0
	head -c 172 "$dir/good" >"$dir/short"
	chmod 600 "$dir/short"
	mv "$dir/short" "$dir/keys"
	refuses_keys 1 'ticket keys are damaged'
	(umask 077; cat "$dir/good" - <<<"" >"$dir/long")
	mv "$dir/long" "$dir/keys"
	refuses_keys 2 'ticket keys are damaged'
	chmod 604 "$dir/keys"
	refuses_keys 3 'others than its owner'
	rm "$dir/keys"
	refuses_keys 4 'No such file'
	mkdir -m 700 "$dir/keys"
	refuses_keys 5 'ticket keys are damaged'
	rmdir "$dir/keys"
	"$ktls" ticket-keys --period 60 "$dir/keys"
	# of another period: by SIGHUP alone
	keeps_keys 6
	reloads 1
	resumes 0
	resumes 1
	mv "$dir/good" "$dir/keys"
	reloads 2
	resumes 0
}

# What makes the files
maker()
{
	local sum

	umask 022
	ends 0 "$ktls" ticket-keys --period 1000 "$dir/keys"
	is mode "$(stat -c '%a %s' "$dir/keys")" '600 173'
	is period "$(od -An -tu1 -j1 -N4 "$dir/keys")" '   0   0   3 232'
	sum=$(sum "$dir/keys")
	chmod 640 "$dir/keys"
	ends 0 "$ktls" ticket-keys "$dir/keys"
	is "not due" "$(sum "$dir/keys")" "$sum"
	age_keys "$dir/keys" 1001
	ends 0 "$ktls" ticket-keys "$dir/keys"
	is silent "$out" ""
	# the next one seals, and what sealed before it opens
	is now "$(key_of "$dir/keys" 0)" "$(key_of "$dir/keys.old" 1)"
	is next "$(key_of "$dir/keys" 1)" "$(key_of "$dir/keys.old" 2)"
	[ "$(key_of "$dir/keys" 2)" != "$(key_of "$dir/keys.old" 0)" ]
	is mode "$(stat -c %a "$dir/keys")" 640
	age_keys "$dir/keys" 3001
	ends 0 "$ktls" ticket-keys "$dir/keys"
	has old "$out" 'none of its keys is good'
	is period "$(od -An -tu1 -j1 -N4 "$dir/keys")" '   0   0   3 232'
	# no other file is overwritten, and nothing is left of it
	cp "$pki/p256.key" "$dir/key"
	chmod 600 "$dir/key"
	ends 1 "$ktls" ticket-keys "$dir/key"
	cmp "$dir/key" "$pki/p256.key"
	ends 1 "$ktls" ticket-keys "$dir/no/keys"
	ends 1 "$ktls" ticket-keys
	ends 1 "$ktls" ticket-keys --period 604801 "$dir/new"
	is files "$(ls "$dir")" "$(printf 'key\nkeys\nkeys.old')"
}

# As if they had been made so many seconds earlier; what was there: .old
age_keys()	# FILE SECONDS
{
	cp -p "$1" "$1.old"
	python3 - "$1" "$2" <<-'END'
		import struct, sys
		file, seconds = sys.argv[1], int(sys.argv[2])
		keys = bytearray(open(file, "rb").read())
		for at in range(5, len(keys), 56):
		    when, = struct.unpack_from(">Q", keys, at)
		    if when:
		        struct.pack_into(">Q", keys, at, when - seconds)
		open(file, "wb").write(keys)
	END
}

key_of()	# FILE N: name and key of one of the three
{
	tail -c +$((6 + $2 * 56 + 8)) "$1" | head -c 48 | sha256sum
}

key_process()
{
	"$ktls" ticket-keys "$dir/keys"
	serve_copy --key-process --ticket-keys "$dir/keys" \
		--metrics 127.0.0.1:0 "$www"
	metrics=$(sed -n 's|.*metrics on \(http://.*/metrics\)$|\1|p' "$log")
	rm "$dir/keys"
	until_true grep -q 'keys of before' "$log"
	"$ktls" ticket-keys "$dir/keys"
	takes_keys 1
	reloads 1
	has why "$(<"$log")" 'not reloaded: another process has the keys'
	has "not bad" "$(within curl -sS --noproxy '*' "$metrics")" \
		'^ktls_reloads_total\{outcome="bad"\} 0$'
	is page "$(get /)" page
}

# ---- addresses -------------------------------------------------------------

refused()	# N
{
	within curl -sS --noproxy '*' "$metrics" |
		grep -qx "ktls_connections_refused_total $1"
}

open_from()	# FD: stays until it is closed
{
	eval "exec $1<>/dev/tcp/127.0.0.1/$port"
}

per_address()
{
	serve_copy --max-per-address 2 --metrics 127.0.0.1:0 "$www"
	metrics=$(sed -n 's|.*metrics on \(http://.*/metrics\)$|\1|p' "$log")
	is alone "$(get /)" page
	open_from 7
	open_from 8
	gets 3 / || gets 2 /
	until_true refused 1
	# another address has its own
	is "another address" "$(web --interface 127.0.0.2 /)" page
	exec 7>&-
	again() { get / >"$dir/page" 2>&1; }
	until_true again
	exec 8>&-
	ends 1 "$ktls" serve --max-per-address 0 "$www"
	has complaint "$out" 'max-per-address 0: not a number'
}

run_tests certificate bad sessions fleet linked_keys bad_keys maker key_process \
	per_address
