#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What "ktls serve" tells of its work: the access log, and the counters for
# Prometheus. Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"

www=$tmp/www
mkdir "$www"
printf 0123456789 >"$www/digits"
truncate -s 4M "$www/big"
short=$slow

# ... with counters, at $metrics
serve_counted()	# [OPTION]... DIR
{
	serve_p256 --metrics 127.0.0.1:0 "$@"
	metrics=$(sed -n 's|.*metrics on \(http://.*/metrics\)$|\1|p' "$log")
}

scrape()
{
	within curl -sS --noproxy '*' "$metrics"
}

value()	# NAME{LABELS}
{
	scrape | grep -v '^#' | grep -F "$1 " | cut -d' ' -f2
}

counts()	# NAME{LABELS} VALUE
{
	[ "$(value "$1")" = "$2" ]
}

counted()	# NAME{LABELS} VALUE: sooner or later
{
	until_true counts "$@" || { scrape; return 1; }
}

lines()	# N: the access log has as many
{
	until_true eval "[ \"\$(wc -l <'$dir/access')\" = $1 ]" ||
		{ cat "$dir/access"; return 1; }
}

# ---- the access log --------------------------------------------------------

combined()
{
	local way='kernel=(tx,rx|tx|rx|-)'
	local at='\[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2} \+0000\]'

	serve_p256 --access-log "$dir/access" --client-ca "$pki/ca.pem" \
		--client-optional "$www"
	web -A 'agent "x" \y' -e 'http://a/' '/digits?q=1' >"$dir/page"
	lines 1
	has line "$(<"$dir/access")" "^127\.0\.0\.1 - - $at \
\"GET /digits\?q=1 HTTP/1\.1\" 200 10 \"http://a/\" \
\"agent \\\\x22x\\\\x22 \\\\x5cy\" TLSv1\.3 TLS_AES_128_GCM_SHA256 full $way\$"
	is HEAD "$(code -I /digits)" 200
	is none "$(code /none)" 404
	is range "$(code -r 2-4 -A '' /digits)" 206
	is post "$(code -d x /digits)" 405
	code --tls-max 1.2 --ciphers ECDHE-ECDSA-AES128-GCM-SHA256 /digits \
		>"$dir/code"
	get -c "$pki/client.pem" -k "$pki/client.key" /digits >"$dir/page"
	lines 7
	has HEAD "$(sed -n 2p "$dir/access")" '"HEAD /digits HTTP/1\.1" 200 0 "-"'
	has none "$(sed -n 3p "$dir/access")" '"GET /none HTTP/1\.1" 404 14 '
	has range "$(sed -n 4p "$dir/access")" ' 206 3 "-" "-" TLSv1'
	has post "$(sed -n 5p "$dir/access")" '"POST /digits HTTP/1\.1" 405 '
	has 1.2 "$(sed -n 6p "$dir/access")" \
		' TLSv1\.2 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 full '
	has client "$(sed -n 7p "$dir/access")" \
		'^127\.0\.0\.1 - [^ ]*client \['
	stop_server
	is mode "$(stat -c %a "$dir/access" | tail -c 2)" 0
	ends 1 "$ktls" serve --access-log "$dir/no/such" "$www"
	has complaint "$out" 'access-log .*No such file'
}

# Nothing that a client sends makes a line of its own, or ends a field.
hostile()
{
	serve_p256 --access-log "$dir/access" "$www"
	printf 'GET /a"b\\c HTTP/1.1\r\nHost: x\r\nUser-Agent: \001\t\033[1m" "\200\r\nConnection: close\r\n\r\n' |
		talk >"$dir/answer"
	printf '\001\002\r\n\r\n' | talk >"$dir/answer"
	printf 'BREW / HTTP/1.1\r\n\r\n' | talk >"$dir/answer"
	lines 3
	lacks controls "$(<"$dir/access")" $'[\001-\011\013-\037\177-\377]'
	has quotes "$(sed -n 1p "$dir/access")" '"GET /a\\x22b\\x5cc( HTTP/1\.1)?" '
	has garbage "$(sed -n 2p "$dir/access")" ' "-" 400 '
	has method "$(sed -n 3p "$dir/access")" ' "-" 501 '
	is quotes "$(tr -cd '"\n' <"$dir/access" | sort -u)" '""""""'
}

# After SIGHUP under its name again, and not a line is lost.
reopened()
{
	local n

	serve_p256 --access-log "$dir/access" "$www"
	for n in {1..4}; do
		is page "$(web "/digits?$n")" 0123456789
	done
	lines 4
	mv "$dir/access" "$dir/old"
	is page "$(web "/digits?5")" 0123456789
	until_true grep -q '?5' "$dir/old"
	kill -HUP "$server"
	until_true test -e "$dir/access"
	is page "$(web "/digits?6")" 0123456789
	lines 1
	has new "$(<"$dir/access")" '\?6'
	is "old ones" "$(wc -l <"$dir/old")" 5
}

# Many at once: each line is whole.
whole_lines()
{
	local n

	serve_p256 --access-log "$dir/access" "$www"
	for n in {1..8}; do
		within curl -sS -4 --cacert "$pki/ca.pem" \
			"$url/digits?[1-25]" >/dev/null 2>&1 &
		others+=($!)
	done
	wait "${others[@]}"
	lines 200
	is whole "$(grep -cE '^127.* kernel=[tr,x-]+$' "$dir/access")" 200
}

# ---- metrics ---------------------------------------------------------------

counters()
{
	local page path

	serve_counted "$www"
	is "as text" "$(within curl -sS -o /dev/null -w '%{content_type}' \
		"$metrics")" 'text/plain; version=0.0.4; charset=utf-8'
	counted ktls_connections_total 0
	path=user
	! has_ktls || path=kernel
	web /digits >/dev/null
	web /none >/dev/null
	code -d x / >/dev/null
	get --session-file "$dir/session" /digits >/dev/null
	get --session-file "$dir/session" /big >"$dir/big"
	counted ktls_connections_total 5
	counted 'ktls_handshakes_total{version="1.3",suite="TLS_AES_128_GCM_SHA256",resumed="0"}' 4
	counted 'ktls_handshakes_total{version="1.3",suite="TLS_AES_128_GCM_SHA256",resumed="1"}' 1
	counted 'ktls_requests_total{status="2xx"}' 3
	counted 'ktls_requests_total{status="4xx"}' 2
	counted "ktls_connections{path=\"$path\"}" 0
	[ "$(value 'ktls_bytes_total{direction="tx"}')" -gt 4194304 ]
	[ "$(value 'ktls_bytes_total{direction="rx"}')" -gt 100 ]
	# one that stays
	mkfifo "$dir/in"
	talk <"$dir/in" >"$dir/answers" &
	others+=($!)
	exec 7>"$dir/in"
	printf 'GET /digits HTTP/1.1\r\nHost: x\r\n\r\n' >&7
	counted "ktls_connections{path=\"$path\"}" 1
	# s_client does not go by itself
	printf 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' >&7
	exec 7>&-
	counted "ktls_connections{path=\"$path\"}" 0
	# failures, by the name of the reason
	talk -alpn h2 </dev/null >/dev/null || true
	talk -tls1_1 -cipher ALL:@SECLEVEL=0 </dev/null >/dev/null || true
	counted 'ktls_handshake_failures_total{reason="NO_ALPN"}' 1
	counted 'ktls_handshake_failures_total{reason="VERSION"}' 1
	page=$(scrape)
	has fds "$page" '^process_open_fds [1-9]'
	has max "$page" '^process_max_fds [1-9]'
	# each line is a comment, or a name and a number
	is format "$(grep -cvE '^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9]+)$' <<<"$page")" 0
	is "types" "$(grep -c '^# TYPE' <<<"$page")" \
		"$(grep -v '^#' <<<"$page" | sed 's/[{ ].*//' | sort -u |
			wc -l)"
}

timeouts()
{
	serve_counted --timeout "$short" --idle-timeout "$short" "$www"
	exec 7<>"/dev/tcp/127.0.0.1/$port"
	counted 'ktls_timeouts_total{kind="handshake"}' 1
	counted 'ktls_handshake_failures_total{reason="TIMEOUT"}' 1
	exec 7>&-
	mkfifo "$dir/in" "$dir/in2"
	talk <"$dir/in" >"$dir/answers" &
	exec 7>"$dir/in"
	counted 'ktls_timeouts_total{kind="idle"}' 1
	talk <"$dir/in2" >"$dir/answers" &
	exec 8>"$dir/in2"
	printf 'GET / HT' >&8
	counted 'ktls_timeouts_total{kind="request"}' 1
	counted 'ktls_requests_total{status="4xx"}' 1
	exec 7>&- 8>&-
}

# Who asks otherwise, or slowly, or gets stuck, does no harm.
askers()
{
	local at n

	serve_counted "$www"
	at=${metrics#http://}
	at=${at%/metrics}
	is path "$(within curl -sS -o /dev/null -w '%{http_code}' \
		"http://$at/")" 404
	is path "$(within curl -sS -o /dev/null -w '%{http_code}' \
		"${metrics}x")" 404
	is query "$(within curl -sS -o /dev/null -w '%{http_code}' \
		"$metrics?x=1")" 200
	is method "$(within curl -sS -o /dev/null -w '%{http_code}' -d x \
		"$metrics")" 405
	is HEAD "$(within curl -sS -I -o /dev/null -w '%{http_code}' \
		"$metrics")" 200
	exec 7<>"/dev/tcp/${at/://}"
	printf 'GET /met' >&7
	for n in {1..5}; do
		is "page $n" "$(web /digits)" 0123456789
	done
	# it is given up, and the next is served; 16 KiB of garbage are too many
	counted ktls_connections_total 5
	exec 7>&-
	exec 7<>"/dev/tcp/${at/://}"
	head -c 70000 /dev/zero >&7 2>/dev/null || true
	exec 7>&-
	counted ktls_connections_total 5
	# a stuck one does not keep the server from ending
	exec 7<>"/dev/tcp/${at/://}"
	stop_server
	exec 7>&-
	ends 1 "$ktls" serve --metrics nonsense:: "$www"
	has complaint "$out" 'metrics nonsense::: not ADDR:PORT'
	serve_p256 "$www"
	lacks "without the option" "$(<"$log")" 'metrics on'
}

both_engines
run_tests combined hostile reopened whole_lines counters timeouts askers
