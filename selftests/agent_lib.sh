# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the shell tests of "ktls agent" share, beside tool_lib.sh.

become=()
[ "$(id -u)" != 0 ] || become=(--user nobody)
# what looks for leaks makes calls that are not allowed
export ASAN_OPTIONS=detect_leaks=0
# shellcheck disable=SC2034	# for those who use it
client=tools/agent_client.py

conf()	# [LINE]...: of the sections web and cli, and more lines
{
	chmod 755 "$tmp" "$dir"
	install -m 600 "$pki/p256.key" "$dir/web.key"
	{
		printf '%s\n' '[web]' "cert = $pki/p256.pem" \
			"key = $dir/web.key" 'roles = server' 'users = *' \
			'[cli]' "trust = $pki/ca.pem" 'roles = client' \
			'users = *' "$@"
	} >"$dir/conf"
}

# Starts one on $sock, and waits until it listens: $agent, $log
agent()
{
	local fifo=$dir/agent.fifo line

	sock=$dir/sock log=$dir/agent.log
	[ -p "$fifo" ] || mkfifo "$fifo"
	"$ktls" agent -f "$dir/conf" -s "$sock" "${become[@]}" \
		>"$fifo" 2>"$log" &
	agent=$!
	others+=("$agent")
	IFS= read -r -t "$limit" line <"$fifo"
	is "first line" "$line" "listening on $sock"
}

stop_agent()
{
	local status=0

	kill -TERM "$agent"
	wait "$agent" || status=$?
	is "status of ktls agent" "$status" 0
	[ ! -e "$sock" ]
}
