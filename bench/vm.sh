#!/bin/bash
# SPDX-License-Identifier: MIT
#
# vm.sh [-t SECONDS] CMD [ARG...]: CMD on User Mode Linux, for measurements:
# with AES-GCM by the CPU's instructions, and with an ext4 at $BENCH_DISK,
# whose page cache can be cold (hostfs knows no reads that do not wait).
# Where we may, ahead of all else that wants the CPU.

set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
vm=$here/../selftests/vm
seconds=900
if [ "${1-}" = -t ]; then
	seconds=$2
	shift 2
fi

"$here/../selftests/deps.sh" vm-uml bench-vm
aes=$("$vm/fetch.sh" uml-aes)
disk=$(mktemp /var/tmp/ktls-bench.XXXXXX)
trap 'rm -f "$disk"' EXIT
truncate -s 900M "$disk"
/sbin/mkfs.ext4 -q -F "$disk"

first=()
if chrt -f 1 true 2>/dev/null; then
	first=(chrt -f 1)
fi
# shellcheck disable=SC2016	# for the guest's shell
"${first[@]}" "$vm/vm.sh" -k uml -t "$seconds" -- bash -c '
	modprobe -a aead gcm gf128mul loop
	insmod "$1/aes-gcm-x86.ko" ||
		echo "no native AES-GCM (fetch.sh -u uml?): figures are of C"
	grep -A 1 "gcm(aes)$" /proc/crypto | sed -n "s/^driver *: /kernel: /p"
	openssl version
	export BENCH_DISK=/run/disk
	mkdir -p $BENCH_DISK && mount -o loop "$2" $BENCH_DISK
	shift 2
	"$@"' bash "$aes" "$disk" "$@"
