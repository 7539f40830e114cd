#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What "make deb" makes, unpacked beside the system: nothing is installed.
# Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"
# shellcheck source=selftests/readme_lib.sh
. "$top/selftests/readme_lib.sh"
# shellcheck source=selftests/agent_lib.sh
. "$top/selftests/agent_lib.sh"

unset MAKEFLAGS MAKELEVEL MFLAGS SAN O PREFIX DESTDIR LIBDIR CFLAGS LDFLAGS
unset SOURCE_DATE_EPOCH DEB_BUILD_OPTIONS
root=$tmp/root where=$tmp/root/usr
version=$(sed -n 's/^VERSION.*:= *//p' Makefile)
triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH)
libs=$where/lib/$triplet
units=$root/lib/systemd/system
packages=(libktls0 libktls-uring0 libktls-dev ktls-tools ktls-dkms)

build_debs()	# FOLDER
{
	timeout -k 5 $((500 * slow)) make -s deb "O=$1" >"$1.log" 2>&1 </dev/null
}

deb()	# PACKAGE [FOLDER]
{
	echo "${2-$tmp/one}/deb/$1_${version}_"*.deb
}

field()	# PACKAGE FIELD
{
	dpkg-deb -f "$(deb "$1")" "$2"
}

# ---- packages --------------------------------------------------------------

has_files()	# PACKAGE FILE...: these, and no others beside documents
{
	local package=$1

	shift
	is "files of $package" "$(dpkg-deb --fsys-tarfile "$(deb "$package")" |
		tar -t | grep -vE '/$|/share/doc/' | sed 's/^\.//' | sort)" \
		"$(printf '%s\n' "$@" | sort)"
}

files()
{
	local lib=/usr/lib/$triplet dkms=/usr/src/libktls-$version

	has_files libktls0 "$lib/libktls.so.0" "$lib/libktls.so.$version"
	has_files libktls-uring0 "$lib/libktls-uring.so.0" \
		"$lib/libktls-uring.so.$version"
	# shellcheck disable=SC2046	# a list of words
	has_files libktls-dev /usr/include/ktls{,_agent,_uring}.h \
		"$lib"/libktls{,-uring}.{a,so} \
		"$lib"/pkgconfig/libktls{,-uring}.pc \
		$(calls /usr/share/man/man3/ .3.gz) \
		/usr/share/man/man7/ktls.7.gz
	has_files ktls-tools /usr/bin/ktls /usr/share/man/man1/ktls.1.gz \
		/etc/logrotate.d/ktls-tools \
		/usr/share/man/man8/ktls-services.8.gz \
		/usr/lib/modules-load.d/ktls.conf \
		/usr/lib/sysusers.d/ktls-tools.conf \
		/usr/share/lintian/overrides/ktls-tools \
		"${units#"$root"}"/ktls-{agent.s{ervice,ocket},serve@.service} \
		"${units#"$root"}/ktls-agent-kernel.service"
	# shellcheck disable=SC2046	# names without blanks
	has_files ktls-dkms "$dkms/dkms.conf" $(git ls-files Kbuild kmod/Kbuild \
		'kmod/*.[ch]' 'uapi/linux/*.h' | sed "s|^|$dkms/|")
}

depends()
{
	local package

	for package in "${packages[@]}"; do
		is "version of $package" "$(field "$package" Version)" "$version"
	done
	has libktls0 "$(field libktls0 Depends)" 'libssl3'
	lacks libktls0 "$(field libktls0 Depends)" 'uring'
	has libktls-uring0 "$(field libktls-uring0 Depends)" 'libktls0.*liburing2'
	has libktls-dev "$(field libktls-dev Depends)" \
		"libktls-uring0 \(= $version\), libktls0 \(= $version\)"
	has ktls-tools "$(field ktls-tools Depends)" 'sysusers.*libktls0'
	has ktls-dkms "$(field ktls-dkms Depends)" '(^|, )dkms '
}

lint()
{
	ends 0 lintian --fail-on error,warning "$tmp"/one/deb/*.changes
}

# ... from another folder, and whatever the user's habits
reproducible()
{
	local file

	mkdir -p "$dir/a/longer"
	if ! (umask 077; CFLAGS=-O0 TZ=Asia/Tokyo \
	      build_debs "$dir/a/longer/path"); then
		tail "$dir/a/longer/path.log"
		return 1
	fi
	for file in "$tmp"/one/deb/*.deb "$tmp"/one/deb/*.tar.xz; do
		cmp "$file" "$dir/a/longer/path/deb/${file##*/}"
	done
	is packages "$(find "$tmp/one/deb" -name '*.deb' |
		grep -vc dbgsym)" "${#packages[@]}"
}

# ---- the library -----------------------------------------------------------

symbols()
{
	local lib

	for lib in libktls libktls-uring; do
		dpkg-deb -e "$(deb "${lib}0")" "$dir/$lib"
		is "symbols of $lib" "$(awk '/@/ { print $1 }' \
			"$dir/$lib/symbols" | sort)" \
			"$(nm -D --defined-only "$libs/$lib.so.0" |
			awk '{ sub(/@@/, "@", $3)
			       print $2 == "A" ? $3 "@" $3 : $3 }' |
			sed -E 's/^([^@]+)@.*@(.*)/\1@\2/' | sort)"
		has "$lib" "$(<"$dir/$lib/symbols")" \
			"^$lib\.so\.0 ${lib}0 #MINVER#"
	done
}

hardened()
{
	local file

	for file in "$libs/libktls.so.0" "$libs/libktls-uring.so.0" \
		    "$where/bin/ktls"; do
		has relro "$(readelf -lW "$file")" GNU_RELRO
		has now "$(readelf -d "$file")" BIND_NOW
		has PIE "$(readelf -hW "$file")" 'Type: +DYN'
		lacks stack "$(readelf -lW "$file")" 'GNU_STACK.*RWE'
		lacks paths "$(readelf -d "$file")" 'RPATH|RUNPATH'
		lacks debug "$(readelf -SW "$file")" '\.debug_info'
	done
	has protector "$(nm -D "$libs/libktls.so.0")" __stack_chk_fail
	has shared "$(readelf -d "$where/bin/ktls")" 'NEEDED.*libktls\.so\.0'
}

flags()	# [OPTION]...: as pkg-config has them with the packages installed
{
	PKG_CONFIG_PATH=$libs/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root \
		pkg-config "$@" libktls
}

readme()
{
	is version "$(flags --modversion)" "$version"
	readme_source "$dir/server.c"
	# shellcheck disable=SC2046	# words
	(cd "$dir" && ${CC:-cc} -Wall -Wextra -Werror server.c \
		$(flags --cflags --libs) -o server)
	has "linked with" "$(LD_LIBRARY_PATH=$libs ldd "$dir/server")" \
		"libktls.so.0 => $libs"
	reach_readme "$dir/server"
}

# ---- services --------------------------------------------------------------

manual()
{
	zcat "$where/share/man/man8/ktls-services.8.gz" >"$dir/page.8"
	is mandoc "$(mandoc -T lint -W warning "$dir/page.8")" ""
}

# systemd reads the units as if the program were where it will be, and says how
# much of the system they may reach: 0 is nothing, 10 everything
verify_units()
{
	local unit

	cp "$units"/ktls-* "$dir"
	sed -i "s|/usr/bin/ktls|$where/bin/ktls|" "$dir"/*.service
	mv "$dir/ktls-serve@.service" "$dir/ktls-serve@www.service"
	is systemd-analyze "$(SYSTEMD_UNIT_PATH=$dir: within systemd-analyze \
		verify --man=no "$dir"/*.service "$dir"/*.socket 2>&1)" ""
	for unit in "$dir"/*.service; do
		ends 0 systemd-analyze security --offline=yes --no-pager \
			--threshold=30 "$unit"
	done
}

sysusers()
{
	mkdir -p "$dir/etc"
	within systemd-sysusers "--root=$dir" \
		"$where/lib/sysusers.d/ktls-tools.conf"
	has users "$(<"$dir/etc/passwd")" '^ktls-agent:.*nologin$'
	has users "$(<"$dir/etc/passwd")" '^ktls-serve:.*nologin$'
	# those, which the units name
	has agent "$(<"$units/ktls-agent.service")" '--user ktls-agent$'
	has serve "$(<"$units/ktls-serve@.service")" '^User=ktls-serve$'
}

# logrotate, with somebody in systemd's place who tells the server
logs()
{
	mkdir -m 755 "$dir/www" "$dir/logs" "$dir/bin"
	echo hello >"$dir/www/file"
	sed "s|/var/log/ktls|$dir/logs|; /^\tsu /d" \
		"$root/etc/logrotate.d/ktls-tools" >"$dir/conf"
	chmod 600 "$dir/conf"
	engine=auto
	serve_p256 --access-log "$dir/logs/www.log" "$dir/www"
	cat >"$dir/bin/systemctl" <<-EOT
		#!/bin/sh
		echo "\$*" >>"$dir/told"
		kill -HUP $server
	EOT
	chmod +x "$dir/bin/systemctl"
	web /file >/dev/null
	until_true [ -s "$dir/logs/www.log" ]
	PATH=$dir/bin:$PATH:/usr/sbin within logrotate -f -s "$dir/state" \
		"$dir/conf"
	is told "$(<"$dir/told")" 'try-reload-or-restart ktls-serve@*.service'
	until_true [ -e "$dir/logs/www.log" ]
	web '/file?new' >/dev/null
	until_true grep -q 'file?new' "$dir/logs/www.log"
	is "lines of before" "$(wc -l <"$dir/logs/www.log.1")" 1
}

purged()
{
	dpkg-deb -e "$(deb ktls-tools)" "$dir/control"
	mkdir "$dir/logs"
	# what it has to do with the system is left out
	sed "s|/var/log/ktls|$dir/logs|; s|/usr/bin/deb-systemd|/none|
	     s|/run/systemd|/none|" "$dir/control/postrm" >"$dir/postrm"
	sh "$dir/postrm" remove
	[ -d "$dir/logs" ]
	sh "$dir/postrm" purge
	[ ! -e "$dir/logs" ]
}

# Begins the agent on a socket as systemd hands it over; root with no more of
# its rights than the unit leaves
activate()
{
	local caps with=()

	if [ "$(id -u)" = 0 ]; then
		caps=$(sed -n 's/^CapabilityBoundingSet=//p' \
			"$units/ktls-agent.service" | tr '[:upper:]' '[:lower:]' |
			sed 's/cap_/+/g; s/ /,/g')
		has rights "$caps" '^(\+[a-z_]+,?)+$'
		with=(setpriv "--bounding-set=-all,$caps" --inh-caps=-all
		      --no-new-privs)
	fi
	sock=$dir/sock log=$dir/agent.log
	systemd-socket-activate --seqpacket "--listen=$sock" \
		-E "LD_LIBRARY_PATH=$libs" "${with[@]}" "$where/bin/ktls" \
		agent --config "$dir/conf" "${become[@]}" >"$log" 2>&1 &
	agent=$!
	others+=("$agent")
	until_true [ -S "$sock" ]
}

logged()	# COUNT
{
	[ "$(grep -c ' credential=cli role=client ' "$log")" = "$1" ]
}

# Without kTLS the agent's answer is that this client can go on with nothing
handshake()	# NUMBER
{
	local status=0

	has_ktls || status=1
	ends "$status" python3 \
		"$where/share/doc/ktls-tools/examples/agent_client.py" \
		--socket "$sock" --credential cli get localhost "$port" /file
	until_true logged "$1"
}

agent_as_unit()
{
	local status=0

	mkdir "$dir/www"
	echo hello >"$dir/www/file"
	engine=auto
	serve_p256 "$dir/www"
	conf
	activate
	handshake 1
	kill -HUP "$agent"
	until_true grep -q 'credentials are read again' "$log"
	handshake 2
	kill -TERM "$agent"
	wait "$agent" || status=$?
	is "status of ktls agent" "$status" 0
	[ -S "$sock" ]
}

# What the example names is there on no machine but the user's
example()
{
	local conf=$where/share/doc/ktls-tools/examples/agent.conf

	sed "s|/etc/ktls/web\.|$dir/web.|; s|/etc/ssl/certs/.*|$pki/ca.pem|
	     s|www-data|nobody|" "$conf" >"$dir/conf"
	install -m 644 "$pki/p256.pem" "$dir/web.pem"
	install -m 640 "$pki/p256.key" "$dir/web.key"
	chmod 755 "$tmp" "$dir"
	agent
	stop_agent
}

if ! build_debs "$tmp/one"; then
	echo "1..0"
	tail -n 40 "$tmp/one.log" | sed 's/^/# /'
	exit 1
fi
mkdir "$root"
for package in "${packages[@]}"; do
	dpkg-deb -x "$(deb "$package")" "$root"
done
run_tests files depends lint reproducible symbols hardened readme manual \
	verify_units sysusers logs purged agent_as_unit example
