#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# vm.sh [-k uml|qemu-6.12|qemu-7.3] [-t SECONDS] [-i] [-v] [--] CMD [ARG...]
#
# Runs CMD as root on a kernel with kTLS, here: in this folder, on this root
# file system, with this environment as far as it makes sense there. What CMD
# prints goes to stdout as it comes, its exit status is ours. -v shows the
# kernel's console on stderr. -i: QEMU's one CPU is interpreted, and a nanosecond
# of its clocks is one instruction: to count those by what measures time.
#
# The tree is the host's own, by hostfs or 9p. Under QEMU no socket or FIFO can
# be made in it: those belong in /tmp, as everything that a test makes does.
#
#   99	CMD is done, and the kernel complained (BUG, WARNING, KASAN, ...)
#  124	CMD took longer than SECONDS (300), boot included
#  125	the VM did not come as far as CMD, or died

set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
kernel=${VM:-uml}
seconds=300
count= verbose=

usage() {
	sed -n 's/^# \(vm\.sh.*\)/usage: \1/p' "$0" >&2
	exit 2
}

while getopts k:t:iv opt; do
	case $opt in
	k) kernel=$OPTARG ;;
	t) seconds=$OPTARG ;;
	i) count=1 ;;
	v) verbose=1 ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || usage
case $kernel$count in
uml | qemu-6.12 | qemu-7.3 | qemu-6.121 | qemu-7.31) ;;
*) usage ;;
esac

root=$("$here/fetch.sh" "$kernel")

# Not in $TMPDIR: the name is on the kernel's command line, which splits at
# spaces.
work=$(mktemp -d /tmp/ktls-vm.XXXXXX)
vm=

# UML makes itself a group of its own, whose processes outlive it if they are
# busy and it is killed.
kill_all() {
	local group

	for group in $vm $(cat "$work/pid" 2>/dev/null); do
		kill -KILL -- "-$group" 2>/dev/null || true
	done
}

# The VM is a process group, whose leader (timeout) hands a signal on to all.
# shellcheck disable=SC2317	# it is called, by the trap
cleanup() {
	trap '' HUP INT TERM
	if [ "$vm" ] && kill -TERM "$vm" 2>/dev/null; then
		sleep 0.2
	fi
	kill_all
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# The variables that a test means, not those that mean this host (a jobserver,
# a terminal, an agent's socket).
environment() {
	local name

	for name in $(compgen -e); do
		case $name in
		PATH | LD_LIBRARY_PATH | HOME | XDG_CACHE_HOME | USER | \
		LOGNAME | LANG | LC_* | TZ | V | CI | KTLS_* | \
		SSLKEYLOGFILE | *SAN_OPTIONS)
			printf 'export %q\n' "$name=${!name}"
			;;
		esac
	done
	printf 'export KTLS_VM=%q\n' "$kernel"
}

{
	environment
	# shellcheck disable=SC2016	# for the guest's shell
	echo 'export PATH=/run/vm/bin:$PATH:/usr/sbin:/sbin TERM=dumb'
	printf 'cd %q || exit\n' "$PWD"
	printf 'exec'
	printf ' %q' "$@"
	echo
} >"$work/cmd"

# What must be the host's own in the VM: see init.sh.
for dir in "$work" "$PWD" "$here/../.." "${HOME-}" "$root/.."; do
	readlink -e "$dir" || true
done >"$work/keep"

# One of our CPUs, any. The kernel and its processes are processes that take
# turns: on one CPU a system call costs 10 us, across two it costs 50.
cpu() {
	local ranges range

	IFS=, read -ra ranges < <(taskset -cp $$ | sed 's/.*: //')
	for range in "${ranges[@]}"; do
		seq "${range%-*}" "${range#*-}"
	done | shuf -n 1
}

# uml and qemu set "run", the command that is the machine, and "out", the
# guest's device (a pattern) for what is to come out of file descriptor 4.
append=(loglevel=5 oops=panic panic=-1 "ktls_work=$work")

uml() {
	local tmp=/tmp

	# Its memory is a file, which must be in memory and executable.
	if [ -w /dev/shm ] && ! findmnt -no OPTIONS -T /dev/shm |
		grep -qw noexec; then
		tmp=/dev/shm
	fi
	out=/dev/tty1
	# shellcheck disable=SC2054	# UML's commas
	# shellcheck disable=SC2016
	run=(bash -c 'echo $$ >"$0"; exec "$@"' "$work/pid"
		env "TMPDIR=$tmp" taskset -c "$(cpu)" "$root/linux" mem=1G
		seccomp=auto "uml_dir=$work/uml/" root=/dev/root
		rootfstype=hostfs rootflags=/ rw con=null con0=null,fd:1
		con1=null,fd:4 "init=$work/init" "${append[@]}")
}

# A /dev/kvm that can be opened may still not boot a kernel (nested, or made
# for one guest kernel only). Try it once for each of the host's kernels.
kvm() {
	local verdict

	[ -w /dev/kvm ] || return
	verdict=${root%/*}/kvm-$(uname -r)
	if [ ! -e "$verdict" ]; then
		if timeout -k 1 10 "${run[@]}" -accel kvm -cpu host \
			-append console=ttyS0 </dev/null 2>&1 |
			grep 'ktls-vm: boots' >/dev/null; then
			echo yes >"$verdict"
		else
			echo no >"$verdict"
		fi
	fi
	[ "$(<"$verdict")" = yes ]
}

# Generous watchdogs: what the host withholds from us is no bug there.
qemu() {
	# shellcheck disable=SC2054	# QEMU's commas
	run=(qemu-system-x86_64 -m 2048 -display none -no-reboot
		-nodefaults -serial stdio -kernel "$root/vmlinux"
		-initrd "$root/initrd")
	append+=(console=ttyS0 mitigations=off nokaslr
		tsc=nowatchdog watchdog_thresh=60
		rcupdate.rcu_cpu_stall_timeout=100)
	if [ "$count" ]; then
		# shellcheck disable=SC2054
		run+=(-accel "tcg,thread=single" -cpu max
			-icount shift=0,sleep=off)
	elif kvm; then
		run+=(-smp 2 -accel kvm -cpu host)
	else
		run+=(-smp 2 -accel "tcg,thread=multi" -cpu max)
	fi
	out='/dev/vport*'
	# shellcheck disable=SC2054
	run+=(-device virtio-serial -chardev file,id=out,path=/dev/fd/4
		-device virtserialport,chardev=out -virtfs
		local,path=/,mount_tag=host,security_model=none,multidevs=remap
		-append "${append[*]}")
}

ulimit -c 0		# a UML that panics aborts
# The copy's first line is a name without spaces for the folder's busybox.
ln -s "$root/busybox" "$work/busybox"
{ echo "#!$work/busybox sh"; cat "$here/init.sh"; } >"$work/init"
chmod +x "$work/init"
case $kernel in
uml) uml ;;
*) qemu ;;
esac
printf 'root=%q\nout=%q\n' "$root" "$out" >"$work/conf"

# Runs the machine to its end. Pipes in front of stdout and the log: the machine
# may set its end not to block, which must not become the caller's problem.
# Should this script be killed in a way that it cannot handle, then the kernel
# ends the machine.
machine() {
	local log cat

	if [ "$verbose" ]; then
		exec 5> >(exec tee "$work/console" >&2)
	else
		exec 5> >(exec cat >"$work/console")
	fi
	log=$!
	exec 4> >(exec cat 5>&-)
	cat=$!
	setpriv --pdeathsig TERM timeout -k 5 "$seconds" "${run[@]}" \
		</dev/null >&5 2>&1 5>&- &
	vm=$!
	exec 4>&- 5>&-
	status=0
	{ wait $vm || status=$?; } 2>/dev/null	# no word of "Aborted"
	kill_all
	vm=
	wait $cat $log || true
}

timed_out() {
	[ $status = 124 ] || [ $status = 137 ]
}

console_tail() {
	echo "vm: $*; the console's last lines:"
	tail -n 50 "$work/console"
}

trouble='BUG:|WARNING:|KASAN|KFENCE|KCSAN|UBSAN|Oops|Call Trace:|kernel BUG'
trouble+='|Kernel panic|[Gg]eneral protection|rcu.*stall|soft lockup'
trouble+='|hard LOCKUP|blocked for more than|scheduling while atomic'
trouble+='|[Bb]ad page state|refcount_t:|possible .* deadlock'
trouble+='|unreferenced object|Unable to handle'

complaints() {
	sed '1,/ktls-vm: run/d' "$work/console" |
		grep -E -A 40 "$trouble" | sed -n 1,200p
}

machine
# An emulated boot has been seen to crash, once in a hundred. As long as CMD has
# not begun, there is no harm in another.
if ! timed_out && ! grep -q 'ktls-vm: run' "$work/console"; then
	console_tail "no boot (status $status), one more try" >&2
	machine
fi

rc=125
if [ -s "$work/rc" ]; then
	rc=$(<"$work/rc")
elif timed_out; then
	rc=124
	console_tail "no end after $seconds s"
fi
if complaints >"$work/complaints"; then
	echo "vm: the kernel complains:"
	cat "$work/complaints"
	rc=99
elif [ ! -s "$work/rc" ] && ! timed_out; then
	console_tail "the machine died (status $status)"
fi
exit "$rc"
