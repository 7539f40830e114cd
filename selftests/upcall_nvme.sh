#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# NVMe over TCP and TLS by 'ktls agent --kernel': the kernel's target and the
# kernel's host, with a pre-shared key that is in the kernel's keyring. As root
# in a machine of its own (see vm/). Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"
# shellcheck source=selftests/upcall_lib.sh
. "$(dirname "$0")/upcall_lib.sh"

nvmet=/sys/kernel/config/nvmet
subsystem=nqn.2026-11.test:disk host=nqn.2026-11.test:host
mib=4

# ---- the target ------------------------------------------------------------

start_target()
{
	local s=$nvmet/subsystems/$subsystem p=$nvmet/ports/1

	modprobe -a nvmet-tcp nvme-tcp || return
	mount -t configfs config /sys/kernel/config 2>/dev/null
	# an overlay does not say how large its blocks are
	disk=/dev/shm/disk
	truncate -s 16M "$disk"
	mkdir "$s" && echo 1 >"$s/attr_allow_any_host" &&
		mkdir "$s/namespaces/1" &&
		echo 1 >"$s/namespaces/1/buffered_io" &&
		echo -n "$disk" >"$s/namespaces/1/device_path" &&
		echo 1 >"$s/namespaces/1/enable" || return
	mkdir "$p" && echo tcp >"$p/addr_trtype" &&
		echo ipv4 >"$p/addr_adrfam" &&
		echo 127.0.0.1 >"$p/addr_traddr" &&
		echo 4420 >"$p/addr_trsvcid" &&
		echo required >"$p/addr_treq" &&
		echo tls1.3 >"$p/addr_tsas" &&
		ln -s "$s" "$p/subsystems/"
}

# Adds a key for both ends, of this hash and length, in place of that of before
set_key()	# HASH BYTES [HOST]
{
	local ring

	ring=$(awk '$8 == "keyring" && $9 == ".nvme:" { print "0x" $1 }' \
		/proc/keys)
	keyctl clear "$ring"
	head -c "$2" /dev/urandom |
		keyctl padd psk "NVMe0R$1 ${3-$host} $subsystem" "$ring" \
		>/dev/null
}

# ---- the host --------------------------------------------------------------

connect_host()
{
	printf '%s' "transport=tcp,traddr=127.0.0.1,trsvcid=4420,\
nqn=$subsystem,hostnqn=$host,hostid=8c2a31b6-6f3c-4b3e-8a35-0d4d9f3f4a11,\
nr_io_queues=1,tls" >/dev/nvme-fabrics
}

disconnect_host()
{
	local c

	for c in /sys/class/nvme/nvme*; do
		[ ! -e "$c/delete_controller" ] ||
			echo 1 >"$c/delete_controller"
	done
}

# It has a size when it is known, which comes later than its name
has_disk()
{
	local size

	for size in /sys/block/nvme*c*n1/size; do
		[ ! -e "$size" ] || [ "$(<"$size")" = 0 ] || return 0
	done
	return 1
}

# Data goes to the disk and comes back
carries_data()
{
	local errors node

	errors=$(tls_stat TlsDecryptError)
	connect_host
	until_true has_disk
	node=$(compgen -G '/dev/nvme*n1')
	head -c ${mib}M /dev/urandom >"$dir/data"
	within dd if="$dir/data" of="$node" bs=1M oflag=direct status=none
	is "data read" "$(within dd if="$node" bs=1M count=$mib iflag=direct \
		status=none | sum)" "$(sum "$dir/data")"
	is "data on the disk" "$(head -c ${mib}M "$disk" | sum)" \
		"$(sum "$dir/data")"
	# two connections, of which both ends are here
	[ "$(tls_stat TlsCurrTxSw)" -ge 4 ]
	is "decryption errors" "$(tls_stat TlsDecryptError)" "$errors"
	disconnect_host
}

serve_nvme()
{
	echo '[authenticate]' >"$dir/conf"
	serve_kernel "$dir/conf"
}

# ---- tests -----------------------------------------------------------------

sha256()
{
	set_key 01 32
	serve_nvme
	carries_data
	until_true logged "kernel client peer=127.0.0.1:4420 auth=psk suite=TLS_AES_128_GCM_SHA256 subject=\"?psk:NVMe0R01%20$host%20$subsystem\"? key=[1-9]"
	until_true logged 'kernel server .* auth=psk suite=TLS_AES_128_GCM_SHA256 .* key=[1-9]'
}

sha384()
{
	set_key 02 48
	serve_nvme
	carries_data
	until_true logged 'kernel client .* auth=psk suite=TLS_AES_256_GCM_SHA384 subject=.*NVMe0R02'
}

# The key is of another host: the target has none for this one
no_key()
{
	set_key 01 32 nqn.2026-11.test:other
	serve_nvme
	if connect_host 2>/dev/null; then
		echo "connected without a key"
		return 1
	fi
}

without_agent()
{
	set_key 01 32
	if connect_host 2>/dev/null; then
		echo "connected without an agent"
		return 1
	fi
}

trap 'disconnect_host; rm -rf "$tmp"' EXIT
start_target || exit 1
run_tests without_agent sha256 sha384 no_key
