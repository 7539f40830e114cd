#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What "make install" installs, as a user of it sees it: from outside of the
# tree, by pkg-config. Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"
# shellcheck source=selftests/readme_lib.sh
. "$top/selftests/readme_lib.sh"

cc=${CC:-cc}
unset MAKEFLAGS MAKELEVEL MFLAGS SAN O PREFIX DESTDIR LIBDIR
inst=$tmp/inst		# with PREFIX=/usr
where=$inst/usr libs=$where/lib

make_at()	# TARGET DESTDIR [VARIABLE=VALUE]...
{
	within make -s -C "$top" "$1" "DESTDIR=$2" "${@:3}"
}

# pkg-config, as it would be with / there
flags()	# [OPTION]...
{
	PKG_CONFIG_PATH=$where/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$inst \
		pkg-config "$@" libktls
}

files()	# DIR
{
	(cd "$1" && find . ! -type d | sort)
}

listing()	# PREFIX
{
	local v

	v=$(sed -n 's/^VERSION.*:= *//p' Makefile)
	# shellcheck disable=SC2046	# a list of words
	printf "./$1/%s\n" $(calls share/man/man3/ .3) bin/ktls include/ktls.h include/ktls_agent.h \
		include/ktls_uring.h lib/libktls-uring.a lib/libktls-uring.so \
		lib/libktls-uring.so.0 "lib/libktls-uring.so.$v" \
		lib/libktls.a lib/libktls.so lib/libktls.so.0 \
		"lib/libktls.so.$v" lib/pkgconfig/libktls-uring.pc \
		lib/pkgconfig/libktls.pc share/man/man1/ktls.1 \
		share/man/man7/ktls.7 | sort
}

# ---- files -----------------------------------------------------------------

installs()
{
	is files "$(files "$inst")" "$(listing usr)"
	has version "$(flags --modversion)" '^[0-9]+\.[0-9]+\.[0-9]+$'
	has prefix "$(cat "$where/lib/pkgconfig/libktls.pc")" '^prefix=/usr$'
	[ -x "$where/bin/ktls" ]
	[ -e "$where/lib/libktls.so" ]
	ends 0 "$where/bin/ktls" --version
	has version "$out" '^ktls [0-9]'
}

default_prefix()
{
	make_at install "$dir/d"
	is files "$(files "$dir/d")" "$(listing usr/local)"
	has prefix "$(cat "$dir/d/usr/local/lib/pkgconfig/libktls.pc")" \
		'^prefix=/usr/local$'
}

libdir()
{
	make_at install "$dir/d" PREFIX=/usr LIBDIR=/usr/lib/x
	has libdir "$(cat "$dir/d/usr/lib/x/pkgconfig/libktls.pc")" \
		'^libdir=/usr/lib/x$'
	[ -e "$dir/d/usr/lib/x/libktls.so" ]
}

uninstalls()
{
	mkdir -p "$dir/d/usr/include"
	touch "$dir/d/usr/include/other.h"
	make_at install "$dir/d" PREFIX=/usr
	make_at uninstall "$dir/d" PREFIX=/usr
	is "left behind" "$(files "$dir/d")" ./usr/include/other.h
}

# Again, over an installation whose files are in use and read-only
reinstalls()
{
	make_at install "$dir/d" PREFIX=/usr
	chmod -R a-w "$dir/d"/usr/*/*
	make_at install "$dir/d" PREFIX=/usr
	is files "$(files "$dir/d")" "$(listing usr)"
}

# ---- the libraries ---------------------------------------------------------

exports_shared()
{
	local lib

	for lib in libktls libktls-uring; do
		is "exports of $lib" "$(nm -D --defined-only --format=posix \
			"$where/lib/$lib.so" | awk '$2 != "A" { print $1 }' |
			sed 's/@.*//' | sort)" "$(exported $lib)"
	done
}

# Who links statically must not collide with the library's inner names.
exports_static()
{
	local lib

	for lib in libktls libktls-uring; do
		is "globals of $lib" "$(nm -g --defined-only --format=posix \
			"$where/lib/$lib.a" | awk 'NF > 1 { print $1 }' |
			sort)" "$(exported $lib)"
	done
}

needs()
{
	local file needed

	for file in lib/libktls.so bin/ktls; do
		needed=$(readelf -d "$where/$file" | grep NEEDED)
		has "$file" "$needed" 'libcrypto\.so'
		lacks "$file" "$needed" libssl
		lacks "$file" "$(ldd "$where/$file")" 'libssl|not found'
	done
	lacks "who needs the library only" "$(readelf -d \
		"$where/lib/libktls.so" | grep NEEDED)" 'uring|http_parser'
	has soname "$(readelf -d "$where/lib/libktls.so")" \
		'SONAME.*\[libktls\.so\.0\]'
	has relro "$(readelf -d "$where/lib/libktls.so")" BIND_NOW
	lacks paths "$(readelf -d "$where/lib/libktls.so")" 'RPATH|RUNPATH'
	lacks stack "$(readelf -lW "$where/lib/libktls.so")" \
		'GNU_STACK.*RWE'
}

# ---- the header ------------------------------------------------------------

header()
{
	local std

	cp "$where/include/ktls.h" "$where/include/ktls_agent.h" \
		"$where/include/ktls_uring.h" "$dir/"
	printf '#include <ktls_agent.h>\nint main(void) { return 0; }\n' >"$dir/a.c"
	printf '#include <ktls_uring.h>\nint main(void) { return 0; }\n' \
		>"$dir/u.c"
	$cc -std=gnu11 -Wall -Wextra -Werror "-I$dir" -fsyntax-only "$dir/u.c"
	g++ -x c++ -std=gnu++17 "-I$dir" -fsyntax-only "$dir/u.c"
	for std in c99 gnu99 c11 gnu11 c17; do
		$cc "-std=$std" -Wall -Wextra -Wpedantic -Werror "-I$dir" \
			-fsyntax-only "$dir/a.c"
	done
	for std in c++11 c++17 gnu++20; do
		g++ -x c++ "-std=$std" -Wall -Wextra -Wpedantic -Werror \
			"-I$dir" -fsyntax-only "$dir/a.c"
	done
}

# The options' macro and the version, as a program uses them
header_used()
{
	cat >"$dir/a.c" <<-'EOC'
		#include <ktls.h>
		#include <stdio.h>
		int main(void)
		{
			struct ktls_config *c;
			struct ktls_caps caps;
			if (ktls_config_new(&c,
			    KTLS_OPTS(.role = KTLS_CLIENT)) ||
			    ktls_probe(&caps))
				return 1;
			ktls_config_put(c);
			printf("%d.%d\n", KTLS_VERSION_MAJOR,
			       KTLS_VERSION_MINOR);
			return 0;
		}
	EOC
	# shellcheck disable=SC2046	# words
	$cc -std=c11 -Wall -Wextra -Wpedantic -Werror "$dir/a.c" \
		$(flags --cflags --libs) -o "$dir/a"
	is version "$(LD_LIBRARY_PATH=$where/lib within "$dir/a")" \
		"$(flags --modversion | cut -d. -f1-2)"
	is "version of the program" "$("$where/bin/ktls" --version)" \
		"ktls $(flags --modversion | cut -d. -f1-2)"
}

# ---- the server of README.md -----------------------------------------------

readme()
{
	readme_source "$dir/server.c"
	# shellcheck disable=SC2046
	(cd "$dir" && $cc -Wall -Wextra -Werror server.c \
		$(flags --cflags --libs) -o server)
	has "linked with" "$(LD_LIBRARY_PATH=$where/lib ldd "$dir/server")" \
		"libktls.so.0 => $where"
	lacks "linked with" "$(readelf -d "$dir/server")" 'NEEDED.*libcrypto'
	reach_readme "$dir/server"
}

# One client that is served, while another has not said a word, which is not
# waited for without end
examples()
{
	local name silent

	for name in client loop; do
		# shellcheck disable=SC2046
		$cc -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion -Werror \
			"tools/examples/$name.c" $(flags --cflags --libs) \
			-o "$dir/$name"
	done
	export LD_LIBRARY_PATH=$libs
	"$dir/loop" 0 "$pki/p256.pem" "$pki/p256.key" 2>"$dir/log" &
	server=$!
	servers=("$server")
	until_true listening "$server"
	exec {silent}<>"/dev/tcp/localhost/$port"
	head -c 100000 "$dir/client" >"$dir/sent"
	within "$dir/client" localhost "$port" "$pki/ca.pem" \
		<"$dir/sent" >"$dir/came" 2>"$dir/err"
	cmp "$dir/sent" "$dir/came"
	has "what was negotiated" "$(cat "$dir/err")" 'TLS 1\.3.*sending: '
	ends 1 "$dir/client" localhost "$port" "$pki/stranger-ca.pem" </dev/null
	has "of another CA" "$out" "unable to get local issuer"
	until_true grep -q 'peer sent an alert' "$dir/log"
	within cat <&"$silent"
	exec {silent}>&-
	has log "$(<"$dir/log")" 'timed out'
	kill "$server"
	wait "$server" || true
	servers=()
}

readme_static()
{
	readme_source "$dir/server.c"
	# shellcheck disable=SC2046
	(cd "$dir" && $cc -Wall -Wextra -static server.c \
		$(flags --static --cflags --libs) -o server)
	lacks dynamic "$(readelf -d "$dir/server")" NEEDED
	reach_readme "$dir/server"
}

# ---- the manual ------------------------------------------------------------

manual()
{
	local page

	for page in "$where"/share/man/man*/*; do
		# a link, or it names what it is about
		has "NAME of $page" "$(mandoc -T man "$page")" \
			"$(basename "${page%.*}")"
		is "mandoc on $page" "$(mandoc -T lint -W warning "$page")" ""
	done
}

# It describes every option that the program knows, and no other.
manual_options()
{
	local cmd known described

	for cmd in serve get run connect ticket-keys probe; do
		known=$("$ktls" "$cmd" --help | grep -oE -- '--[a-z]+[a-z-]*' |
			sort -u)
		described=$(tr -d '\\' <"lib/man/ktls.1" | awk -v c="$cmd" '
			/^\.Ss/ { on = /Options of serve, get, run and connect/ &&
				       c !~ "^(ticket-keys|probe)$" || $0 == ".Ss ktls " c }
			on && /^\.It/ { print }' |
			grep -oE 'F[l] -[a-z]+[a-z-]*' | sed 's/F[l] /-/' |
			sort -u)
		has "$cmd" "$known" '^--'
		is "$cmd" "$described" "$(grep -vx -- '--help' <<<"$known")"
	done
}

if ! log=$(make_at install "$inst" PREFIX=/usr 2>&1); then
	echo "1..0"
	echo "$log" | sed 's/^/# /'
	exit 1
fi
run_tests installs default_prefix libdir uninstalls reinstalls \
	exports_shared exports_static needs header header_used \
	readme examples readme_static manual manual_options
