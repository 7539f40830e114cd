#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Do the kernel modules build without a warning for each kernel, and has sparse
# nothing to say? Speaks KTAP, and leaves them in build/modules-*, for the tests
# of their own.
set -u
cd "$(dirname "$0")/.." || exit 1

# Not of the modules: these kernels were built elsewhere
expected='pahole|The kernel was built with|You are using|BTF generation'

build()	# KERNEL ARG...
{
	local kernel=$1

	shift
	rm -rf "build/modules-$kernel"
	kdir=$(selftests/vm/fetch.sh "kbuild-$kernel")/build &&
		make -s modules KDIR="$kdir" KO="build/modules-$kernel" \
			KFLAGS="W=1 $*" 2>&1 | grep -vE "$expected"
	[ -e "build/modules-$kernel/kmod/ktls_consumer.ko" ] ||
		echo "no module"
}

n=0
failed=0
verdict()	# NAME COMPLAINTS
{
	n=$((n + 1))
	if [ "$2" ]; then
		echo "$2" | sed 's/^/# /'
		echo "not ok $n $1"
		failed=1
	else
		echo "ok $n $1"
	fi
}

echo "KTAP version 1"
echo "1..2"
# 7.3's headers come without what sparse needs
verdict "6.12, sparse" "$(build 6.12 C=2 CF=-D__CHECK_ENDIAN__)"
verdict 7.3 "$(build 7.3)"
exit $failed
