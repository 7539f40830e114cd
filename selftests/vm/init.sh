# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# The first process of every VM, run by the kernel's folder's busybox on the
# host's own root file system (under emulation, a static program starts eight
# times faster than one that needs the host's libc). The kernel passes on what
# it does not know of its command line as environment: ktls_work is vm.sh's
# folder for this run, with
#   conf	shell: root, the kernel's folder; out, where output goes to
#   keep	folders, one a line
#   cmd		bash: the caller's environment and command
#   rc		written here: the command's exit status

# shellcheck disable=SC1091,SC2154	# made by vm.sh
. "$ktls_work/conf"
# shellcheck disable=SC2154
export PATH="$root/applets"

# An init that returns is a panic: whatever fails below, end here, and let the
# missing rc say that it failed.
trap 'poweroff -f' EXIT
set -e

# First /proc: the one seen until then is the host's, in which this busybox
# would look for itself (/proc/self/exe) and find the machine. On a /dev that
# the kernel has mounted there can be no second one.
mount_all() {
	"$root/busybox" mount -t proc proc /proc
	mount -t sysfs sysfs /sys
	grep -q ' /dev devtmpfs ' /proc/mounts || mount -t devtmpfs dev /dev
	mkdir -p /dev/pts /dev/shm
	mount -t devpts devpts /dev/pts
	mount -t tmpfs shm /dev/shm
	mount -t tmpfs run /run
	ln -sfn /proc/self/fd /dev/fd
	ln -sfn fd/0 /dev/stdin
	ln -sfn fd/1 /dev/stdout
	ln -sfn fd/2 /dev/stderr
}

# Everything else that a test asks for (sch_netem, veth, crypto by name), the
# kernel or the test loads itself; aesni_intel is what udev would load.
load_modules() {
	ln -s "$root" /run/vm		# for bin/modprobe
	mount -t proc proc /run/vm/proc
	echo /run/vm/bin/modprobe >/proc/sys/kernel/modprobe
	/run/vm/bin/modprobe -a overlay tls gcm ccm chacha20poly1305
	/run/vm/bin/modprobe -q aesni_intel 2>/dev/null || :
}

# Where the host withholds the CPU for long, the timer of the scheduler's
# server for fair tasks overruns, and 7.3 warns of that: it does without.
no_fair_server() {
	mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null || return 0
	for f in /sys/kernel/debug/sched/fair_server/*/runtime; do
		[ ! -e "$f" ] || echo 0 >"$f"
	done
}

# What the command writes to /tmp stays in memory, yet what the host has there
# can be read. The folders in keep are the host's own, read and write,
# wherever they are: a tree under /tmp is tested like any other.
mount_tmp() {
	mkdir -p /run/host /run/tmp/upper /run/tmp/work
	chmod 1777 /run/tmp/upper
	mount --bind / /run/host
	mount -t overlay -o \
		lowerdir=/tmp,upperdir=/run/tmp/upper,workdir=/run/tmp/work \
		tmp /tmp
	while read -r dir; do
		case $dir/ in
		/tmp/?* | /run/?* | /dev/shm/?*)
			mkdir -p "$dir"
			mount --bind "/run/host$dir" "$dir"
			;;
		esac
	done <"$ktls_work/keep"
}

# Through a pipe, so that no program finds a terminal and colours its output.
# A process that outlives the command may still hold the pipe: do not wait
# for it for long.
run() {
	# shellcheck disable=SC2154,SC2086	# a pattern: the first match
	set -- $out
	out=$1
	stty -F "$out" raw 2>/dev/null || :
	mkfifo /run/out
	cat /run/out >"$out" &
	cat=$!
	# The kernel's log counts from here, what it said of its boot does not.
	echo '<4>ktls-vm: run' >/dev/kmsg
	rc=0
	env -i /bin/bash "$ktls_work/cmd" </dev/null >/run/out 2>&1 || rc=$?
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		kill -0 $cat 2>/dev/null || break
		sleep 0.1
	done
	echo '<4>ktls-vm: done' >/dev/kmsg
	echo $rc >"$ktls_work/rc"
}

mount_all
load_modules
no_fair_server
mount_tmp
ip link set lo up
run
sync
