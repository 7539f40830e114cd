#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# check.sh [PART...]: builds and runs the tests, and closes with one line
#
#	N passed, N failed, N skipped
#
# over all parts.  Without arguments, all of them:
#
#	host	all but the kernel's tests, with ASan and UBSan
#	tsan	those of threads, with ThreadSanitizer
#	uml	the kernel's, with ASan and UBSan too, on User Mode Linux 7.x:
#		kTLS with rekey
#	qemu	... on Debian's 6.12: kTLS without rekey
#	crypto	the handshakes on an OpenSSL that has ML-KEM, and with lib25519
#	kmod	the kernel module: it builds for 6.12 and 7.3, and works there
#	clang	does clang compile everything, without a warning, and nothing
#		into what takes its time from secrets?
#
# The kernel's tests run where there is kTLS, so nothing has to skip: a test
# that does fails the run.

set -u
cd "$(dirname "$0")/.." || exit 1
log=build/selftests/log
export KTLS_TEST_JOBS=${KTLS_TEST_JOBS:-$(nproc)}
export KTLS_FAULTS_FEW=1	# 'make check-faults' is for the others

parts=("$@")
[ $# -gt 0 ] || parts=(host tsan uml qemu crypto kmod clang)

must()
{
	"$@" && return
	echo "Bail out! $*"
	echo "0 passed, 1 failed, 0 skipped"
	exit 1
}

programs()	# DIR NAME...: those that exist
{
	local dir=$1 name

	shift
	for name; do
		echo "$dir/selftests/$name"
	done
}

make_list()	# VARIABLE: what the build says
{
	make -s --no-print-directory -f Makefile \
		--eval 'show-list:; @echo $('"$1"')' show-list
}

# One part: its log is shown as it grows
part()	# NAME CMD...
{
	local name=$1

	shift
	echo "# $name: $*" | cut -c1-75
	"$@" 2>&1 | tee "$log/$name.log"
	echo "$log/$name.log" >>"$log/parts"
}

run_host()
{
	must make -j"$(nproc)" SAN=1 all tests
	# neither valgrind nor a look at all memory goes together with ASan
	must make -j"$(nproc)" build/selftests/{ct,dump,pki/.stamp}
	# shellcheck disable=SC2046	# a list of words
	KTLS_TEST_SLOW=2 KTLS_TEST_BUILD=build-san \
	part host selftests/run.sh -o "$log/host" selftests/*_test.sh \
		$(programs build-san $(make_list test-host))
}

# ThreadSanitizer's own memory has its place, which more than 28 random bits of
# the addresses may take (gcc before 14).  That one thread has written to a socket
# and another has read from one puts nothing in order: io_sync.
run_tsan()
{
	local how=()

	must make -j"$(nproc)" tsan
	[ "$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 0)" -le 28 ] ||
		how=(setarch -R)
	# shellcheck disable=SC2046
	TSAN_OPTIONS=io_sync=0 KTLS_TEST_SLOW=5 KTLS_TEST_BUILD=build-tsan \
	part tsan "${how[@]}" selftests/run.sh -o "$log/tsan" \
		$(make_list test-tsan-sh) $(programs build-tsan \
		$(make_list test-tsan))
}

run_vm()	# NAME KERNEL SLOW SECONDS DIR
{
	# shellcheck disable=SC2046
	KTLS_TEST_SLOW=$3 KTLS_TEST_BUILD=$5 \
	part "$1" selftests/vm/vm.sh -k "$2" -t "$4" -- \
		selftests/run.sh -o "$log/$1" $(make_list test-kernel-sh) \
		$(make_list "test-$1-sh") \
		$(programs "$5" $(make_list test-kernel) \
			$(make_list "test-$1"))
}

# A program of its own for each NAME, by the way of CMD
wrap()	# PREFIX NAMES CMD...
{
	local prefix=$1 names=$2 name

	shift 2
	for name in $names; do
		printf '#!/bin/sh\nexec %s build/selftests/%s "$@"\n' "$*" \
			"$name" >"build/selftests/$prefix-$name"
		chmod +x "build/selftests/$prefix-$name"
		list+=("build/selftests/$prefix-$name")
	done
}

# The same programs, on libraries that came after those they were built with
run_crypto()
{
	local list=()

	must make -j"$(nproc)" all tests
	wrap new "$(make_list test-crypto)" selftests/vm/newcrypto.sh
	wrap fast "$(make_list test-25519)" env \
		"LD_LIBRARY_PATH=$(selftests/vm/fetch.sh lib25519)/lib"
	part crypto selftests/run.sh -o "$log/crypto" \
		"${list[@]}"
}

run_kmod()
{
	local k

	must make -j"$(nproc)" all build/selftests/pki/.stamp
	part kmod selftests/run.sh -o "$log/kmod" selftests/modules.sh
	for k in 6.12 7.3; do
		KTLS_TEST_SLOW=4 KTLS_TEST_MODULES=$PWD/build/modules-$k \
		part "kmod-$k" selftests/vm/vm.sh -k "qemu-$k" -t 1200 -- \
			selftests/run.sh -o "$log/kmod-$k" \
			selftests/consumer_kernel.sh
	done
}

mkdir -p "$log"
: >"$log/parts"
for p in "${parts[@]}"; do
	case $p in
	host) must selftests/deps.sh build test deb model fuzz ct; run_host ;;
	tsan) must selftests/deps.sh build test; run_tsan ;;
	uml) must selftests/deps.sh build test vm-uml
	     must selftests/vm/fetch.sh uml >/dev/null
	     must make -j"$(nproc)" SAN=1 all tests
	     must make -j"$(nproc)" build/selftests/{dump,pki/.stamp}
	     run_vm uml uml 2 1800 build-san ;;
	qemu) must selftests/deps.sh build test vm-qemu
	      must selftests/vm/fetch.sh qemu-6.12 >/dev/null
	      must make -j"$(nproc)" all tests build/selftests/dump
	      run_vm qemu-6.12 qemu-6.12 10 2700 build ;;
	crypto) must selftests/vm/fetch.sh openssl >/dev/null
		must selftests/vm/fetch.sh lib25519 >/dev/null
		run_crypto ;;
	kmod) must selftests/deps.sh build test vm-qemu kmod
	      for k in 6.12 7.3; do
		      must selftests/vm/fetch.sh "qemu-$k" >/dev/null
		      must selftests/vm/fetch.sh "kbuild-$k" >/dev/null
	      done
	      run_kmod ;;
	clang) part clang selftests/run.sh -o "$log/clang" selftests/clang.sh \
		selftests/ct_clang.sh ;;
	*) echo "usage: ${0##*/} [host] [tsan] [uml] [qemu] [crypto] [kmod]" \
	"[clang]" >&2
	   exit 2 ;;
	esac
done
mapfile -t logs <"$log/parts"
selftests/run.sh --sum --no-skip "${logs[@]}"
