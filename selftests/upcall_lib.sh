# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# What the tests of 'ktls agent --kernel' share, besides tool_lib.sh.

# what looks for leaks makes calls that are not allowed
export ASAN_OPTIONS=detect_leaks=0

kernel_agent()	# CONF [OPTION]...
{
	exec "$ktls" agent --kernel --tlshd-config "$@"
}

# A configuration, on stdin, is refused, for a reason like that
refused()	# REGEX
{
	cat >"$dir/conf"
	out=$(kernel_agent "$dir/conf" 2>&1) && status=0 || status=$?
	is "status ($out)" "$status" 1
	has "the reason" "$out" "^ktls agent: .*$1|^[-0-9TZ:]+ kernel: .*$1"
}

# Starts the agent, which must end well, and waits until it serves: $agent
# (process), $log (its stderr)
serve_kernel()	# CONF
{
	local line

	log=$dir/agent.log
	mkfifo "$dir/ready"
	kernel_agent "$1" >"$dir/ready" 2>"$log" &
	server=$!
	servers+=("$server")
	IFS= read -r -t "$limit" line <"$dir/ready" || {
		echo "ktls agent does not serve"
		return 1
	}
	is "what the agent says" "$line" "serving the kernel"
}

# A configuration as tlshd has it: whom each end trusts, and what it shows
tlshd_conf()	# CLIENT-CA CLIENT-CERT SERVER-CA SERVER-CERT
{
	cat <<-E
	[debug]
	loglevel=0
	of_a_later_version=1

	[authenticate]
	# keyrings=a;b

	[authenticate.client]
	x509.truststore = $pki/$1.pem
	x509.certificate = $pki/$2.pem
	x509.private_key = $pki/$2.key

	[authenticate.server]
	x509.truststore=$pki/$3.pem
	x509.certificate=$pki/$4.pem
	x509.private_key=$pki/$4.key
	x509.pq.certificate=/not/there
	E
}

logged()	# REGEX
{
	grep -qE -- "$1" "$log"
}

tls_stat()	# NAME
{
	awk -v name="$1" '$1 == name { print $2 }' /proc/net/tls_stat
}
