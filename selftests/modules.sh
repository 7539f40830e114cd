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

# With what "make install-dkms" installs alone, by the command of dkms.conf
build_dkms()	# KERNEL
{
	local dkms_tree=$PWD/build/modules-dkms kernel_source_dir no yes

	kernel_source_dir=$(selftests/vm/fetch.sh "kbuild-$1")/build || return
	rm -rf "$dkms_tree"
	# shellcheck source=kmod/dkms.conf
	. kmod/dkms.conf
	for no in 6.1.0-39-amd64 6.9.1 6.11.11 5.15.0; do
		[[ ! $no =~ $BUILD_EXCLUSIVE_KERNEL ]] || echo "builds for $no"
	done
	for yes in 6.12.0 6.20.1 7.3.0-rc1 10.1.2; do
		[[ $yes =~ $BUILD_EXCLUSIVE_KERNEL ]] || echo "not for $yes"
	done
	make -s install-dkms DESTDIR="$dkms_tree/dest" >/dev/null
	mkdir -p "$dkms_tree/$PACKAGE_NAME/$PACKAGE_VERSION"
	cd "$dkms_tree/$PACKAGE_NAME/$PACKAGE_VERSION" || return
	mv "$dkms_tree/dest/usr/src/$PACKAGE_NAME-$PACKAGE_VERSION" build
	cd build || return
	${MAKE[0]} >"$dkms_tree/log" 2>&1 || tail "$dkms_tree/log"
	[ -e "${BUILT_MODULE_LOCATION[0]}/${BUILT_MODULE_NAME[0]}.ko" ] ||
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
echo "1..3"
# 7.3's headers come without what sparse needs
verdict "6.12, sparse" "$(build 6.12 C=2 CF=-D__CHECK_ENDIAN__)"
verdict 7.3 "$(build 7.3)"
verdict "as DKMS does" "$(build_dkms 6.12)"
exit $failed
