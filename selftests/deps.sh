#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# deps.sh GROUP...: makes sure that the Debian packages of these groups are
# there. Root gets what is missing installed, others are told the command.

set -euo pipefail

declare -A group=(
	# a|b: either will do, the first is installed
	[build]='gcc make pkgconf|pkg-config libc6-dev libssl-dev liburing-dev
		libhttp-parser-dev libnl-genl-3-dev libkeyutils-dev
		libhiredis-dev'
	[test]='openssl curl e2fsprogs gnutls-bin libgnutls28-dev iproute2 procps python3 binutils g++ jq mandoc gdb
		zlib1g libbrotli1 libzstd1 keyutils python3-yaml
		redis-server|valkey-server'
	[vm-uml]='patchelf util-linux mount debian-archive-keyring'
	[deb]='build-essential dpkg-dev debhelper dh-dkms lintian fakeroot git
		systemd logrotate'
	[kmod]='patchelf sparse'
	[fuzz]='clang libclang-rt-14-dev|libclang-rt-dev openssl'
	[ct]='valgrind'
	[afl]='afl++'
	[model]='spin gcc libc6-dev'
	[clients]='curl wget wrk chromium openssl python3'
	[bench]='nginx wrk curl openssl procps'
	[plot]='gnuplot-nox'
	[bench-vm]='flex bison bc libelf-dev xz-utils e2fsprogs'
	[vm-qemu]='qemu-system-x86 xz-utils zstd util-linux mount
		debian-archive-keyring'
)

want=()
for name; do
	if [ -z "${group[$name]-}" ]; then
		echo "usage: ${0##*/} GROUP..., of: ${!group[*]}" >&2
		exit 2
	fi
	# shellcheck disable=SC2206	# lists of words
	want+=(${group[$name]})
done

# One call for all names: what it does not know, it says on stderr.
missing() {
	local have entry name

	have=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' \
		"${want[@]//|*/}" "${want[@]//*|/}" 2>/dev/null || true)
	for entry in "${want[@]}"; do
		for name in ${entry//|/ }; do
			[[ $'\n'$have$'\n' != *$'\n'"installed $name"$'\n'* ]] ||
				continue 2
		done
		echo "${entry%%|*}"
	done
}

if ! command -v dpkg-query >/dev/null; then
	echo "deps: not a Debian: see to the likes of: ${want[*]}" >&2
	exit 0
fi

mapfile -t list < <(missing)
[ ${#list[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "install: apt-get install ${list[*]}" >&2
	exit 1
fi

exec 9>/run/libktls-deps.lock
flock 9
mapfile -t list < <(missing)	# another one may have been at it
[ ${#list[@]} -gt 0 ] || exit 0

log=$(mktemp)
trap 'rm -f "$log"' EXIT

install() {
	DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
		-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 \
		install --no-install-recommends "${list[@]}" \
		>>"$log" 2>&1 </dev/null 9>&-
}

echo "deps: installing ${list[*]}" >&2
# The lists may be missing, or so old that the packages are gone.
if ! install; then
	apt-get -qq -o Acquire::Retries=3 update >>"$log" 2>&1 9>&- || true
	if ! install; then
		cat "$log" >&2
		exit 1
	fi
fi
