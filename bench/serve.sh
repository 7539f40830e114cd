#!/bin/bash
# SPDX-License-Identifier: MIT
#
# serve.sh [-t SECONDS] [-r REPETITIONS] [-o FILE.tsv] [ROW...]
#
# ktls serve beside nginx: the same files, certificate and cipher, as many
# workers, on the same CPUs, driven by the same clients (wrk, curl, connect.c),
# which take turns with them. For each row and server the median of what is
# done in a second and of the server's CPU time for one of it (user and system,
# of all its processes), with their ranges, and the ratios to nginx's. Where
# one CPU has to do for client and server, it is the CPU time that counts; it
# comes in ticks there, so that "less_us", by how much less time passes for one
# than with nginx and the same client, tells the difference more exactly.
#
# Each engine that ktls serve knows is a server of its own, with the cache of
# files that it has by default.
#   SERVE_OPTS	more options for ktls serve
#   THREADS	workers of each server (1)
#   BENCH_DISK	where to put the files (build/bench)
#   STRACE=1	instead of times: the system calls of one server per request

set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/.."
build=build/bench
seconds=3
repeat=5
tsv=$build/serve.tsv
threads=${THREADS:-1}
cipher=TLS_AES_128_GCM_SHA256

usage() {
	sed -n 's/^# \(serve\.sh.*\)/usage: \1/p' "$0" >&2
	exit 2
}

while getopts t:r:o: opt; do
	case $opt in
	t) seconds=$OPTARG ;;
	r) repeat=$OPTARG ;;
	o) tsv=$OPTARG ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[[ $seconds$repeat =~ ^[0-9]+$ ]] || usage	# wrk takes whole seconds

# name, unit, and what makes it: see drive()
rows=(keep-1k keep-16k close-1k full resumed get-1m get-256m slow-1k)
if [ $# -gt 0 ]; then
	rows=("$@")
fi

selftests/deps.sh bench
tmp=$(mktemp -d "$(readlink -f "${BENCH_DISK:-$build}")/serve.XXXXXX")
pids=()

# shellcheck disable=SC2317	# it is called, by the trap
cleanup() {
	trap '' HUP INT TERM
	[ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null || true
	wait
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

# ---- the servers ------------------------------------------------------------

make_files() {
	mkdir "$tmp/www"
	head -c 1024 /dev/urandom >"$tmp/www/1k"
	head -c 16384 /dev/urandom >"$tmp/www/16k"
	head -c 1048576 /dev/urandom >"$tmp/www/1m"
	head -c 268435456 /dev/zero >"$tmp/www/256m"
	chmod -R a+rX "$tmp"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$tmp/key.pem" -out "$tmp/cert.pem" -days 2 \
		-subj /CN=localhost -addext subjectAltName=DNS:localhost \
		2>/dev/null
}

nginx_conf() {	# PORT NAME EXTRA
	cat <<-EOF
		worker_processes $threads;
		pid $tmp/$2.pid;
		error_log $tmp/$2.log;
		daemon off;
		worker_rlimit_nofile 20000;
		$([ "$(id -u)" != 0 ] || echo "user root;")
		events {
			worker_connections 8192;
			multi_accept on;
		}
		http {
			access_log off;
			default_type application/octet-stream;
			client_body_temp_path $tmp/body;
			proxy_temp_path $tmp/proxy;
			fastcgi_temp_path $tmp/fastcgi;
			uwsgi_temp_path $tmp/uwsgi;
			scgi_temp_path $tmp/scgi;
			sendfile on;
			tcp_nopush on;
			keepalive_requests 100000000;
			keepalive_timeout 60;
			send_timeout 60;
			$3
			ssl_certificate $tmp/cert.pem;
			ssl_certificate_key $tmp/key.pem;
			ssl_protocols TLSv1.2 TLSv1.3;
			ssl_conf_command Options KTLS;
			ssl_conf_command Ciphersuites $cipher;
			ssl_session_cache shared:bench:4m;
			server {
				listen 127.0.0.1:$1 ssl backlog=4096;
				root $tmp/www;
			}
		}
	EOF
}

declare -A port pid
servers=()

# start NAME PORT CMD...
start() {
	local name=$1

	port[$name]=$2
	shift 2
	"$@" >"$tmp/$name.out" 2>&1 &
	pid[$name]=$!
	pids+=($!)
	servers+=("$name")
	for _ in {1..50}; do
		! curl -so /dev/null -k --max-time 2 \
			"https://127.0.0.1:${port[$name]}/1k" || return 0
		sleep 0.1
	done
	echo "serve.sh: $name does not answer:" >&2
	tail -n 20 "$tmp/$name".{out,log} >&2 || true
	exit 1
}

start_ktls() {	# NAME PORT OPTION...
	local name=$1 at=$2

	shift 2
	# shellcheck disable=SC2086	# a list of options
	start "$name" "$at" build/ktls serve -q --timeout 60 \
		-l "127.0.0.1:$at" -c "$tmp/cert.pem" -k "$tmp/key.pem" \
		--ciphers "$cipher" "$@" ${SERVE_OPTS-} "$tmp/www"
}

start_all() {
	local manual engine opts=() n=18001

	manual=$(build/ktls serve --help)
	if grep -q -- --threads <<<"$manual"; then
		opts=(--threads "$threads")
	elif [ "$threads" != 1 ]; then
		echo "serve.sh: ktls serve has one thread, nginx $threads" >&2
	fi
	nginx_conf 18000 nginx "" >"$tmp/nginx.conf"
	start nginx 18000 nginx -c "$tmp/nginx.conf"
	nginx_conf 18099 nginx-cache "open_file_cache max=1000 inactive=60s;" \
		>"$tmp/nginx-cache.conf"
	start nginx-cache 18099 nginx -c "$tmp/nginx-cache.conf"
	if ! grep -q -- --engine <<<"$manual"; then
		start_ktls ktls $n "${opts[@]}"
		return
	fi
	for engine in epoll uring; do
		start_ktls "ktls-$engine" $n --engine "$engine" "${opts[@]}"
		n=$((n + 1))
	done
}

# The processes of a server
family() {	# NAME
	echo "${pid[$1]}"
	pgrep -P "${pid[$1]}" || true
}

# Seconds of CPU time that a server has had
cpu() {	# NAME
	local p

	for p in $(family "$1"); do
		# after the name, which may have spaces: the 14th and 15th
		sed 's/.*) //' "/proc/$p/stat" 2>/dev/null || true
	done | awk -v hz="$(getconf CLK_TCK)" '{ n += $12 + $13 }
		END { print n / hz }'
}

# ---- the clients ------------------------------------------------------------

# wrk's "N requests in 3.00s"; any error spoils the row
run_wrk() {	# CONNECTIONS URL [WRK-OPTION]...
	local out

	out=$(wrk -t 1 -c "$1" -d "${seconds}s" "${@:3}" "$2") || return
	if grep -qE 'Socket errors|Non-2xx' <<<"$out"; then
		echo "serve.sh: $2: $out" >&2
		return 1
	fi
	awk '$2 == "requests" { sub(/s,?$/, "", $4); print $1, $4 }' <<<"$out"
}

# Prints how much was done, and in how many seconds
drive() {	# ROW PORT
	local url=https://127.0.0.1:$2 out

	case $1 in
	keep-1k | slow-1k)
		run_wrk 16 "$url/1k"
		;;
	keep-16k)
		run_wrk 16 "$url/16k"
		;;
	close-1k)
		run_wrk 16 "$url/1k" -H 'Connection: close'
		;;
	get-1m)
		run_wrk 4 "$url/1m"
		;;
	full)
		out=$($build/connect -t "$seconds" -C $cipher "$2" /1k) ||
			return
		awk '{ print $1, $4 }' <<<"$out"
		;;
	resumed)
		out=$($build/connect -r -t "$seconds" -C $cipher "$2" /1k) ||
			return
		awk '{ print $1, $4 }' <<<"$out"
		;;
	get-256m)
		out=$(curl -sfko /dev/null -w '%{size_download} %{time_total}' \
			"$url/256m") || return
		awk '{ print $1 / 1048576, $2 }' <<<"$out"
		;;
	*)
		echo "serve.sh: no such row: $1" >&2
		return 1
		;;
	esac
}

declare -A unit=([get-256m]=MiB [full]=connection [resumed]=connection)

# 1,000 clients that read slowly are connected while CMD runs. What waits in
# their sockets has to fit into the memory for it, or TCP serves nobody.
with_slow() {	# PORT CMD...
	local at=$1 slow status=0 limit=/proc/sys/net/ipv4/tcp_wmem

	shift
	[ -z "${KTLS_VM-}" ] || echo 4096 16384 65536 >$limit
	coproc SLOW { $build/connect -s 1000 -C $cipher "$at" /256m; }
	slow=$SLOW_PID		# is gone when it has ended
	read -r -t 60 _ <&"${SLOW[0]}" || {
		echo "serve.sh: slow clients cannot connect" >&2
		return 1
	}
	"$@" || status=$?
	eval "exec ${SLOW[1]}>&-"
	wait "$slow" || status=1
	[ -z "${KTLS_VM-}" ] || echo 4096 16384 4194304 >$limit
	return $status
}

once() {	# ROW NAME
	local before after did

	before=$(cpu "$2")
	did=$(drive "$1" "${port[$2]}") || return
	after=$(cpu "$2")
	printf '%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "${unit[$1]-request}" \
		"$(awk '{ print $1 / $2 }' <<<"$did")" \
		"$(awk -v s="$before" -v e="$after" \
			'{ print (e - s) * 1e6 / $1 }' <<<"$did")" >>"$tsv.raw"
}

measure() {	# ROW NAME
	case $1 in
	slow-*)
		with_slow "${port[$2]}" once "$@"
		;;
	*)
		once "$@"
		;;
	esac
}

# ---- what comes of it -------------------------------------------------------

summary() {
	awk -F '\t' '
	function median(list, n, range,		v, i, j, t) {
		n = split(list, v, " ")
		for (i = 2; i <= n; i++)
			for (j = i; j > 1 && v[j] + 0 < v[j - 1] + 0; j--) {
				t = v[j]; v[j] = v[j - 1]; v[j - 1] = t
			}
		low = v[1]; high = v[n]
		return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
	}
	!(($1, $2) in rate) { order[++k] = $1 SUBSEP $2; unit[$1] = $3 }
	{ rate[$1, $2] = rate[$1, $2] " " $4; cpu[$1, $2] = cpu[$1, $2] " " $5 }
	END {
		OFS = "\t"
		print "row", "server", "unit", "per_s", "per_s_min",
			"per_s_max", "per_s_ratio", "less_us", "cpu_us",
			"cpu_us_min", "cpu_us_max", "cpu_ratio"
		for (i = 1; i <= k; i++) {
			split(order[i], key, SUBSEP)
			r = median(rate[order[i]]); rl = low; rh = high
			c = median(cpu[order[i]]); cl = low; ch = high
			nr = median(rate[key[1], "nginx"])
			nc = median(cpu[key[1], "nginx"])
			printf "%s\t%s\t%s\t%.1f\t%.1f\t%.1f\t%.2f\t", key[1],
				key[2], unit[key[1]], r, rl, rh,
				nr ? r / nr : 0
			printf "%.1f\t", nr ? 1e6 / nr - 1e6 / r : 0
			printf "%.1f\t%.1f\t%.1f\t%.2f\n", c, cl, ch,
				nc ? c / nc : 0
		}
	}' "$tsv.raw"
}

# Calls for each request, of one server after the other
count_calls() {
	local row name p args before

	for row in "${rows[@]}"; do
		for name in "${servers[@]}"; do
			args=()
			for p in $(family "$name"); do
				args+=(-p "$p")
			done
			strace -c -f -o "$tmp/strace" "${args[@]}" &
			before=$!
			sleep 1
			did=$(drive "$row" "${port[$name]}")
			kill -INT $before
			wait $before || true
			echo "$row, $name: calls for each ${unit[$row]-request}"
			awk -v n="${did% *}" '$4 ~ /^[0-9]+$/ && !/total$/ &&
				$4 / n > 0.02 {
				printf "  %8.2f %s\n", $4 / n, $NF
			}' "$tmp/strace"
		done
	done
}

make_files
start_all
if [ "${STRACE-}" ]; then
	count_calls
	exit
fi
: >"$tsv.raw"
failed=0
for row in "${rows[@]}"; do
	for ((i = 0; i < repeat; i++)); do
		for name in "${servers[@]}"; do
			measure "$row" "$name" || {
				echo "serve.sh: $row, $name: failed" >&2
				failed=1
			}
		done
	done
done
summary >"$tsv"
rm -f "$tsv.raw"
column -t "$tsv"
exit $failed
