#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# fetch.sh [-u] uml|uml-aes|qemu-6.12|qemu-7.3|kbuild-6.12|kbuild-7.3|
#		openssl|lib25519
#
# Unpacks newer Debian packages than the host's into a cache and prints the
# folder; -u takes the newest again. Nothing is installed and the host's apt
# is only read: the mirror and the proxy are its own, the signatures are
# checked against its keyring, everything else is private to this script.
#
#   uml, qemu-*	 lib/modules/VERSION, busybox (static) and its applets/, bin/
#   uml		 linux, with a libc of its own beside it
#   qemu-*	 vmlinux, initrd (mounts the host's root, see initrd_init)
#   kbuild-*	 build/, the KDIR of modules for the kernel of qemu-*
#   uml-aes	 aes-gcm-x86.ko for uml, built: see bench/aes/build.sh
#   openssl	 openssl, and lib/ with the loader, libc, libcrypto, libssl
#   lib25519	 include/ and lib/, with a libc that it runs on, to build with
#
# KTLS_MIRROR and KTLS_SECURITY_MIRROR override the host's mirrors.

set -euo pipefail

# Raise this whenever a folder's contents change shape.
recipe=3

here=$(dirname "$(readlink -f "$0")")

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
cache=${KTLS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/libktls}

update=
if [ "${1-}" = -u ]; then
	update=1
	shift
fi
what=${1-}
case $what in
uml | uml-aes | qemu-6.12 | qemu-7.3 | kbuild-6.12 | kbuild-7.3 | openssl | \
lib25519) ;;
*)
	sed -n '4s/^# /usage: /p; 5s/^#//p' "$0" >&2
	exit 2
	;;
esac
dst=$cache/$what

# The stamp names the folder as well: what patchelf wrote, none can move.
fresh() {
	local stamp=

	[ -z "$update" ] && [ -r "$dst/stamp" ] && read -r stamp <"$dst/stamp" &&
		[ "$stamp" = "$recipe $dst" ]
}

say() {
	echo "fetch: $*" >&2
}

die() {
	say "$@"
	exit 1
}

need() {
	local tool

	for tool; do
		command -v "$tool" >/dev/null || die "$tool is missing"
	done
}

# mirror SUITE: where the host takes SUITE from. apt knows, whatever the format
# of its sources and before it has any lists; other repositories may use a
# suite of that name, but hardly with a component "main".
mirror() {
	apt-get update --print-uris |
		sed -n "s,^'\(.*\)/dists/$1/main/binary-.*,\1,p" | sed -n 1p
}

# sources ARCHIVE SUITE...: further sources, of the main archive or security.
sources() {
	local uri suite codename

	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
	case $1 in
	main)
		uri=${KTLS_MIRROR:-$(mirror "$codename")}
		;;
	security)
		uri=${KTLS_SECURITY_MIRROR:-$(mirror "$codename-security")}
		;;
	esac
	[ "$uri" ] || die "apt knows no Debian mirror ($1): set KTLS_MIRROR," \
		"KTLS_SECURITY_MIRROR"
	shift
	for suite; do
		echo "deb [signed-by=$keyring] $uri $suite main"
	done >>"$tmp/sources.list"
}

# A configuration file, not -o options: it is read last, and only a file can
# clear a list, such as the host's hooks. No status file: what the host has
# installed must not matter. The lists are ours, so root needs no sandbox
# user, who could not read a cache in /root.
apt_setup() {
	mkdir -p "$tmp"/{lists,cache,debs,root}
	cat >"$tmp/apt.conf" <<-EOF
		Dir::State::lists "$tmp/lists/";
		Dir::State::status "/dev/null";
		Dir::Cache "$tmp/cache/";
		Dir::Etc::sourcelist "$tmp/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		#clear APT::Update::Pre-Invoke;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		#clear Acquire::IndexTargets;
		Acquire::IndexTargets::deb::Packages {
			MetaKey "\$(COMPONENT)/binary-\$(ARCHITECTURE)/Packages";
			flatMetaKey "Packages";
			ShortDescription "Packages";
			Description "\$(RELEASE)/\$(COMPONENT) \$(ARCHITECTURE)";
		};
		Acquire::Languages "none";
		Acquire::Retries "3";
		Acquire::http::Timeout "30";
		Acquire::https::Timeout "30";
		APT::Architectures { "amd64"; };
		APT::Architecture "amd64";
		APT::Sandbox::User "root";
		APT::Update::Error-Mode "any";
	EOF
	apt-get -c "$tmp/apt.conf" -qq update >&2 ||
		die "see above; for NO_PUBKEY, upgrade debian-archive-keyring"
}

apt_cache() {
	apt-cache -c "$tmp/apt.conf" "$@"
}

# unpack PACKAGE...: the newest version, under $tmp/root
unpack() {
	local deb

	(cd "$tmp/debs" && apt-get -c "$tmp/apt.conf" -qq download "$@" >&2)
	for deb in "$tmp"/debs/*.deb; do
		dpkg-deb -x "$deb" "$tmp/root"
	done
	(cd "$tmp/debs" && printf '%s\n' ./*.deb) >"$tmp/packages"
}

# lib PATTERN...: the shared libraries of those names, links followed
lib() {
	local name

	mkdir -p "$out/lib"
	for name; do
		# shellcheck disable=SC2086	# a pattern
		cp -rL "$tmp"/root/usr/lib/x86_64-linux-gnu/$name "$out/lib/"
	done
}

# The guest's tools. Its modprobe is no applet: that one looks only below
# /lib/modules, so chroot to the folder, which init.sh calls /run/vm.
guest_tools() {
	local name

	cp "$tmp"/root/{usr/,}bin/busybox "$out/" 2>/dev/null || :
	mkdir -p "$out"/{applets,bin,proc}
	for name in $("$out/busybox" --list); do
		[ "$name" = busybox ] || ln -s ../busybox "$out/applets/$name"
	done
	cat >"$out/bin/modprobe" <<-'EOF'
		#!/run/vm/busybox sh
		exec /run/vm/busybox chroot /run/vm /busybox modprobe "$@"
	EOF
	chmod +x "$out/bin/modprobe"
	for name in insmod rmmod lsmod; do
		ln -s ../busybox "$out/bin/$name"
	done
}

# What no test here asks for is most of the modules: other hardware. Unpacked,
# a slow machine loads them faster, and depmod reads them.
kernel_modules() {
	local version=$1 from=$2 modules=$out/lib/modules/$1 dir

	mkdir -p "$out/lib/modules"
	mv "$from" "$modules"
	rm -rf "$modules/kernel/sound"
	for dir in "$modules"/kernel/drivers/*; do
		case ${dir##*/} in
		block | char | crypto | net | nvme | target | vhost | virtio) ;;
		*) rm -rf "$dir" ;;
		esac
	done
	rm -rf "$modules"/kernel/drivers/net/{ethernet,usb,wireless,wwan,can}
	find "$modules" -name '*.ko.xz' -print0 | xargs -0 -r -n 64 xz -d
	"$out/busybox" depmod -b "$out" "$version"
}

# The kernel inside a bzImage, at payload_offset after the real-mode part
# (Documentation/arch/x86/boot.rst): QEMU starts it by way of PVH, and the
# guest need not decompress itself, which takes longer than the rest of its
# boot under TCG. After the payload comes its size, in four bytes.
vmlinux() {
	local image=$1 sects offset length

	sects=$(od -An -tu1 -j $((0x1f1)) -N 1 "$image")
	offset=$(od -An -tu4 -j $((0x248)) -N 4 "$image")
	length=$(od -An -tu4 -j $((0x24c)) -N 4 "$image")
	length=$((length - 4))
	head -c $(((sects + 1) * 512 + offset + length)) "$image" |
		tail -c $length | zstd -dc >"$out/vmlinux"
}

# From the initramfs to the host's root and the init that vm.sh names. Without
# a name, all that is asked is whether a kernel boots here.
initrd_init() {
	cat <<-'EOF'
		#!/busybox sh
		if [ ! "$ktls_work" ]; then
			/busybox echo ktls-vm: boots >/dev/console
			/busybox poweroff -f
		fi
		while read -r module; do
			/busybox insmod "/modules/$module"
		done </modules/order
		/busybox mount -t devtmpfs dev /dev
		/busybox mount -t 9p -o \
			trans=virtio,version=9p2000.L,msize=512000,cache=loose \
			host /host &&
			exec /busybox switch_root /host "$ktls_work/init"
		/busybox poweroff -f
	EOF
}

initrd() {
	local modules=$out/lib/modules/$1 dir=$tmp/initrd name

	mkdir -p "$dir"/{dev,host,modules}
	cp "$out/busybox" "$dir/"
	initrd_init >"$dir/init"
	chmod +x "$dir/init"
	# modules.dep names the last needed first.
	for name in 9pnet_virtio 9p; do
		sed -n "s,:,,; \,/$name\.ko,p" "$modules/modules.dep" |
			tr ' ' '\n' | tac
	done | awk 'NF && !seen[$1]++' | while read -r name; do
		cp "$modules/$name" "$dir/modules/"
		echo "${name##*/}"
	done >"$dir/modules/order"
	(cd "$dir" && find . | "$out/busybox" cpio -o -H newc 2>/dev/null) \
		>"$out/initrd"
}

# fetch_qemu PATTERN: the newest image whose name fits, and the packages that
# it is made of since 7.x. The cloud flavour has no 9p.
fetch_qemu() {
	local image parts version from

	need xz zstd
	apt_setup
	image=$(apt_cache search --names-only "^linux-image-$1-amd64\$" |
		cut -d ' ' -f 1 | sort -V | tail -n 1)
	[ "$image" ] || die "the mirror has no linux-image-$1-amd64"
	version=${image#linux-image-}
	parts=$(apt_cache depends "$image" |
		awk '$2 ~ /^linux-(binary|modules)-/ { print $2 }')
	# shellcheck disable=SC2086	# a list of words
	unpack "$image" $parts busybox-static
	guest_tools
	from=$tmp/root/lib/modules/$version
	[ -e "$from" ] || from=$tmp/root/usr/lib/modules/$version
	if [ -e "$from/vmlinuz" ]; then
		mv "$from/vmlinuz" "$tmp/vmlinuz"
	else
		mv "$tmp/root/boot/vmlinuz-$version" "$tmp/vmlinuz"
	fi
	kernel_modules "$version" "$from"
	vmlinux "$tmp/vmlinuz"
	initrd "$version"
}

# Debian's scripts of a kernel's build run on that Debian, and name their
# places: give them a libc of their own, and the places where they are. What
# the kernel's compiler has and the host's has not, modules can do without:
# -fmin-function-alignment only makes -falign-functions hold for cold ones. No
# vmlinux, no BTF, and no pahole for it.
kbuild_here() {
	local version=$1 config=$out/src/linux-headers-$1 file

	mv "$tmp/root/usr/src" "$tmp"/root/usr/lib/linux-kbuild-* "$out/"
	rm -f "$config/vmlinux" "$out"/src/linux-kbuild-*
	for file in "$out"/src/*/{scripts,tools}; do
		ln -sfn "../../$(readlink "$file" | sed 's,.*/\(linux-kbuild\),\1,')" \
			"$file"
	done
	sed -i "s,/usr/src/,$dst/src/,g" "$config/Makefile"
	sed -i 's/gcc-[0-9]*/gcc/' "$config/.kernelvariables"
	sed -i '/CC_HAS_MIN_FUNCTION_ALIGNMENT/d' \
		"$config"/include/config/auto.conf
	find "$out"/linux-kbuild-* -type f -perm -u+x -exec sh -c '
		for file; do
			patchelf --print-interpreter "$file" >/dev/null 2>&1 &&
				echo "$file"
		done' sh {} + | while read -r file; do
		patchelf --set-interpreter "$dst/lib/ld-linux-x86-64.so.2" \
			--set-rpath "$dst/lib" "$file"
	done
	ln -s "src/linux-headers-$version" "$out/build"
}

# fetch_kbuild QEMU: for the kernel that is there, or if the mirror has come to
# another one since, for that
fetch_kbuild() {
	local kernel version

	need patchelf
	apt_setup
	kernel=$("$0" "$1")
	version=$(ls "$kernel/lib/modules")
	if ! apt_cache show "linux-headers-$version" >/dev/null 2>&1; then
		kernel=$("$0" -u "$1")
		version=$(ls "$kernel/lib/modules")
	fi
	unpack "linux-headers-$version" "linux-headers-${version%-amd64}-common" \
		"linux-kbuild-${version%-amd64}" libc6 libelf1t64 libssl3t64 \
		zlib1g libzstd1
	lib 'lib*.so.[0-9]*' ld-linux-x86-64.so.2
	kbuild_here "$version"
}

fetch_uml() {
	need patchelf
	sources main forky
	apt_setup
	unpack user-mode-linux libc6 busybox-static
	guest_tools
	lib libc.so.6 ld-linux-x86-64.so.2
	mkdir -p "$out/lib/modules"
	mv "$tmp"/root/usr/lib/uml/modules/* "$out/lib/modules/"
	cp "$tmp/root/usr/bin/linux.uml" "$out/linux"
	# The host's libc is too old for it. Starting it through ld.so by hand
	# does not work, because it executes itself again.
	patchelf --set-interpreter "$dst/lib/ld-linux-x86-64.so.2" \
		--set-rpath "$dst/lib" "$out/linux"
}

# For the kernel that the mirror has now; "fetch.sh -u uml" gets it, too.
fetch_uml_aes() {
	local version

	need make gcc flex bison bc xz
	sources main forky
	apt_setup
	unpack user-mode-linux
	version=$(ls "$tmp/root/usr/lib/uml/modules")
	unpack "linux-source-${version%.*}"
	"$here/../../bench/aes/build.sh" "$tmp"/root/usr/src/linux-source-*.xz \
		"$tmp/root/usr/share/doc/user-mode-linux/config.gz" \
		"$version" "$out"
}

fetch_openssl() {
	sources main trixie
	apt_setup
	unpack openssl libssl3t64 openssl-provider-legacy libc6 zlib1g libzstd1
	lib 'lib*.so.[0-9]*' ld-linux-x86-64.so.2 ossl-modules
	cp "$tmp/root/usr/bin/openssl" "$out/"
	cp "$tmp/root/etc/ssl/openssl.cnf" "$out/"
}

fetch_lib25519() {
	sources main trixie
	apt_setup
	unpack lib25519-dev lib25519-1 libcpucycles1 librandombytes1
	cp -r "$tmp/root/usr/include" "$out/"
	lib 'lib*.so*'
}

build() {
	[ "$(uname -m)" = x86_64 ] || die "only x86-64 hosts are provided for"
	need apt-get dpkg-deb
	case $what in
	uml)
		fetch_uml
		;;
	uml-aes)
		fetch_uml_aes
		;;
	qemu-6.12 | kbuild-6.12)	# built for bookworm, with its gcc
		sources main trixie bookworm-backports
		sources security bookworm-security
		;;
	qemu-7.3 | kbuild-7.3)
		sources main trixie trixie-backports
		;;
	esac
	case $what in
	kbuild-*)
		fetch_kbuild "qemu-${what#*-}"
		;;
	qemu-6.12)
		fetch_qemu '6\.12\..*[+](deb12|bpo)[.0-9]*'
		;;
	qemu-7.3)
		fetch_qemu '7\.[0-9.]+[+](deb13|bpo)[.0-9]*'
		;;
	openssl)
		fetch_openssl
		;;
	lib25519)
		fetch_lib25519
		;;
	esac
}

if fresh; then
	echo "$dst"
	exit
fi

mkdir -p "$cache"
exec 9>"$cache/$what.lock"
flock 9
if fresh; then			# another one did it while we waited
	echo "$dst"
	exit
fi

tmp=$(mktemp -d "$cache/tmp.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
out=$tmp/out
mkdir "$out"

say "$what ..."
build
printf '%s\n' "$recipe $dst" "$(cat "$tmp/packages")" >"$out/stamp"

# A folder cannot be replaced in one step, but it can be gone only for an
# instant; the old one's open files live on until $tmp is removed.
if [ -e "$dst" ]; then
	mv "$dst" "$tmp/old"
fi
mv "$out" "$dst"
say "$what: $(du -sh "$dst" | cut -f1) in $dst"
echo "$dst"
