#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The layers of lib/: what a file includes, and what an object calls, is in its
# own layer or in one below.  Speaks KTAP.
set -u
cd "$(dirname "$0")/.." || exit 1
. selftests/verdict_lib.sh

# Top first.  A file is of the first row that fits its name, and sees no header
# of the system but ISO C's, pthread.h and those of its row.
#
# Parsers are below cryptography, as they need none of it, and certificates
# need them; what a config is made of is below the handshake that uses it.
layers()
{
	cat <<-'EOF'
	uring	uring.*	liburing sys/socket sys/uio sys/mman sys/ioctl sys/syscall linux/tls poll unistd
	agent	agent_client	sys/socket sys/un sys/time poll unistd
	conn	conn_pass|run|user	sys/socket poll unistd
	conn	io|conn(_raw)?	sys/socket sys/sendfile linux/tls poll signal
	conn	kernel	sys/socket netinet/in linux/tcp linux/tls fcntl poll
	conn	conn_.*|auth_.*|handoff|export
	hs	hs.*|engine|psk|session.*
	config	config.*|cache|keylog|psk_ext|replay|store|supp|ticket
	record	record
	record	offload|probe	sys/socket netinet/in netinet/tcp linux/tls unistd
	keys	sched1[23]|transcript
	certs	cert_url|known_chains|signer
	certs	compress	dlfcn
	crypto	crypto(_.*)?|suite_list|nonces	openssl/.* dlfcn sys/mman
	crypto	ossl|x509.*	openssl/.* dirent fcntl unistd
	wire	ext.*|frag|msg|msg12|usermap
	base	suite	linux/tls
	base	name	arpa/inet
	base	vault	sys/mman
	base	err|opts|pack|secret|wire
	public	ktls|ktls_agent	sys/types
	public	ktls_uring	liburing
	EOF
}

files=$(find lib -name '*.[ch]' | sort)

# FILE HEADER: each #include, without the directory or the brackets
includes()	# BEGINNING-OF-WHAT-IS-INCLUDED
{
	# shellcheck disable=SC2086	# a list of words
	sed -nE "s,^#[[:space:]]*include[[:space:]]*$1([^\">]+)[\">].*,\1,p;T;F" \
		$files | paste -d' ' - - | sed -E 's,(include|lib)/,,g' |
		awk '{ print $2, $1 }'
}

# CALLER CALLEE SYMBOL: between the objects of the libraries
calls()
{
	nm -A "$@" | awk 'NF > 1 {
		split($1, at, ":")
		sub(/\.o$/, "", at[2])
		type = $(NF - 1)
		sub(/.*:/, "", type)
		if (type ~ /^[BDRT]$/)
			home[$NF] = at[2]
		else if (type == "U")
			used[at[2] " " $NF]
	}
	END {
		for (u in used) {
			split(u, p)
			if (p[2] in home)
				print p[1], home[p[2]], p[2]
		}
	}' | sort
}

# The rows, then lines of "FILE OTHER...": those for which JUDGEMENT is true.
# There, row() is of a file, layer[] its name, depth() counts from the top.
judge()	# JUDGEMENT
{
	awk -F'[ \t]' '
	function row(name,  i) {
		sub(/^.*\//, "", name)
		sub(/\.[cho]$/, "", name)
		for (i = 1; i <= rows; i++)
			if (name ~ "^(" files[i] ")$")
				return i
		return 0
	}
	function depth(name) { return level[row(name)] }
	# one of its row, ISO C, or threads
	function sees(name, header,  i, n, may) {
		sub(/\.h$/, "", header)
		n = split(seen[row(name)] " assert ctype errno limits " \
			  "std[a-z]* strings? time pthread", may, " ")
		for (i = 1; i <= n; i++)
			if (header ~ "^" may[i] "$")
				return 1
		return 0
	}
	$1 == "---" { data = NR; next }
	END {
		if (data == NR)
			print "nothing to look at"
	}
	!data {
		rows++
		files[rows] = $2
		level[rows] = level[rows - 1] + ($1 != was)
		was = $1
		for (i = 3; i <= NF; i++)
			seen[rows] = seen[rows] " " $i
		next
	}
	'"$1" <(layers; echo ---) -
}

verdicts 5

verdict "every file is of a layer" \
	"$(echo "$files" | judge '!row($1)')"
verdict "includes go down" \
	"$(includes '"' | judge 'depth($1) > depth($2)')"
verdict "no header includes itself, by whatever way" \
	"$(includes '"' | grep '^[^ ]*\.h' | tsort 2>&1 >/dev/null)"
verdict "sockets, libcrypto and the system only where they belong" \
	"$(includes '<' | judge '!sees($1, $2)')"
verdict "calls go down" "$(build=${KTLS_TEST_BUILD:-build}
	calls "$build/libktls.a" "$build/libktls-uring.a" |
	judge 'depth($1) > depth($2)')"

verdicts_end
