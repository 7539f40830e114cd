#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# build.sh TARBALL CONFIG VERSION OUT
#
# User Mode Linux runs on the host's CPU and yet has AES in C only, fifty times
# slower, because Kconfig leaves out x86's assembly. This builds it as a module,
# OUT/aes-gcm-x86.ko, for Debian's UML of VERSION with its CONFIG, from Debian's
# source of that kernel: the assembly as it is, and of the C around it the part
# for AES-GCM, ended by tail.c. For benchmarks: without it they measure the C.

set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
tarball=$1
config=$2
version=$3
out=$4
src=$out/src
obj=$out/obj
mod=$out/mod
crypto=$src/arch/x86/crypto

# What Kconfig and the headers need; the rest is most of it
top=$(basename "$tarball" .tar.xz)
mkdir -p "$src/Documentation" "$obj" "$mod"
tar -C "$src" --strip-components=1 --wildcards --anchored \
	--exclude="$top/Documentation" --exclude="$top/drivers/*.[chS]" \
	--exclude="$top/sound/*.[ch]" --exclude="$top/fs/*.[ch]" \
	--exclude="$top/net/*.c" --exclude="$top/tools/testing" \
	-xf "$tarball"
: >"$src/Documentation/Kconfig"

zcat "$config" >"$obj/.config"
kbuild() {
	make -s ARCH=um SUBLEVEL="${version##*.}" LOCALVERSION= \
		KBUILD_MODPOST_WARN=1 "$@" >>"$out/log" 2>&1 || {
		tail -n 20 "$out/log" >&2
		exit 1
	}
}
kbuild -C "$src" O="$obj" olddefconfig modules_prepare

{
	grep '^#include' "$crypto/aesni-intel_glue.c" | grep -v cpu_device_id
	printf '#include <asm/%s>\n' cpufeature.h fpu/api.h
	sed -n '\,^/\* The common part of the x86_64 AES-GCM,,\,^static int __init register_avx,p' \
		"$crypto/aesni-intel_glue.c" | sed '$d'
	cat "$here/tail.c"
} >"$mod/glue.c"
cp "$crypto"/aes-gcm-{aesni-x86_64,vaes-avx2,vaes-avx512}.S "$mod/"
cat >"$mod/Kbuild" <<-'EOF'
	ccflags-y := -Wno-unused-variable
	obj-m := aes-gcm-x86.o
	aes-gcm-x86-y := glue.o aes-gcm-aesni-x86_64.o aes-gcm-vaes-avx2.o \
		aes-gcm-vaes-avx512.o
EOF
kbuild -C "$obj" M="$mod" modules
mv "$mod/aes-gcm-x86.ko" "$out/"
rm -rf "$src" "$obj" "$mod"
