#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What "ktls serve" remembers of files: no longer than it may, never of two
# versions at once, and within bounds. Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"

www=$tmp/www

# Files that are settled, so that they may be known again by their times
folder()
{
	rm -rf "$www"
	mkdir "$www"
	printf one >"$www/small"
	head -c 50000 /dev/urandom >"$www/middle"
	head -c 300000 /dev/urandom >"$www/large"
	touch -d '2020-05-05 05:05:05 UTC' "$www"/*
}

link_names()	# FILE N: FILE1 to FILEn, which are the same
{
	python3 - "$www/$1" "$2" <<-'EOT'
		import os, sys
		for i in range(int(sys.argv[2])):
		    os.link(sys.argv[1], "%s%d" % (sys.argv[1], i + 1))
	EOT
}

# ... with counters; $metrics is where they are
serve_counting()	# [OPTION]...
{
	serve_p256 --threads 1 --metrics 127.0.0.1:0 "$@" "$www"
	metrics=$(sed -n 's|.*metrics on \(http://.*/metrics\)$|\1|p' "$log")
}

counter()	# NAME
{
	within curl -sS --noproxy '*' "$metrics" |
		sed -n "s/^$1 //p"
}

lookups()	# RESULT
{
	counter "ktls_file_cache_total{result=\"$1\"}"
}

gives()	# PATH WANTED
{
	[ "$(web "$1")" = "$2" ]
}

answers()	# PATH STATUS
{
	[ "$(code "$1")" = "$2" ]
}

same()	# PATH FILE: byte for byte
{
	web "$1" >"$dir/got"
	cmp "$dir/got" "$2"
}

field()	# NAME HEAD: its values
{
	sed -n "s/^$1: //p" <<<"$2"
}

# ---- how long --------------------------------------------------------------

# Within its time a file is what it was
remembered()
{
	local name

	folder
	serve_counting --file-cache 1000
	for name in small middle; do
		cp "$www/$name" "$dir/$name"
		same "/$name" "$dir/$name"
		printf another >"$www/new"
		mv "$www/new" "$www/$name"
		same "/$name" "$dir/$name"
		rm "$www/$name"
		same "/$name" "$dir/$name"
	done
	is missing "$(code /late)" 404
	printf late >"$www/late"
	is "still missing" "$(code /late)" 404
}

# ... and then it is looked at.
replaced()
{
	local name

	folder
	serve_counting --file-cache 0.2
	for name in small middle; do
		same "/$name" "$www/$name"
		printf another >"$www/new"
		mv "$www/new" "$www/$name"
		until_true gives "/$name" another
		printf last >"$www/$name"
		until_true gives "/$name" last
		# as long, and so soon that its time may be the same
		printf LAST 1<>"$www/$name"
		until_true gives "/$name" LAST
		rm "$www/$name"
		until_true answers "/$name" 404
		printf late >"$www/$name"
		until_true gives "/$name" late
	done
}

# A file that is not in memory is looked at each time: nothing is mixed.
large()
{
	local before h

	folder
	serve_counting --file-cache 1000
	same /large "$www/large"
	before=$(head_of -I /large)
	printf changed >>"$www/large"
	same /large "$www/large"
	h=$(head_of -I /large)
	is length "$(field Content-Length "$h")" 300007
	[ "$(field ETag "$before")" != "$(field ETag "$h")" ]
	truncate -s 200000 "$www/large"
	same /large "$www/large"
	truncate -s 1000 "$www/large"
	same /large "$www/large"
	# from here on it is in memory
	truncate -s 10 "$www/large"
	is length "$(web /large | wc -c)" 1000
}

# What was read into memory is whole, whatever becomes of the file.
truncated()
{
	folder
	cp "$www/middle" "$dir/middle"
	serve_counting --file-cache 1000
	same /middle "$dir/middle"
	truncate -s 100 "$www/middle"
	same /middle "$dir/middle"
	is range "$(web -r 49990-49999 /middle | sum)" \
		"$(tail -c 10 "$dir/middle" | sum)"
	kill -HUP "$server"
	until_true grep -q reloaded "$log"
	same /middle "$www/middle"
}

# A link is followed anew, and never out of the folder.
links()
{
	folder
	printf two >"$www/two"
	printf secret >"$dir/outside"
	ln -s small "$www/link"
	ln -s . "$www/here"
	serve_counting --file-cache 0.5
	is before "$(web /link)" one
	is "by a folder" "$(web /here/small)" one
	ln -s two "$www/new"
	mv "$www/new" "$www/link"
	until_true gives /link two
	ln -s "$dir/outside" "$www/new"
	mv "$www/new" "$www/link"
	until_true answers /link 403
	ln -sfn "$dir" "$www/here"
	until_true answers /here/small 403
	is outside "$(code /here/outside)" 403
}

# SIGHUP: all is looked at anew, whatever its time.
hang_up()
{
	folder
	serve_counting --file-cache 1000
	is before "$(web /small)" one
	is none "$(code /late)" 404
	printf two >"$www/small"
	printf late >"$www/late"
	is "not yet" "$(web /small)" one
	kill -HUP "$server"
	until_true grep -q reloaded "$log"
	is after "$(web /small)" two
	is found "$(web /late)" late
}

off()
{
	folder
	serve_counting --file-cache 0
	is before "$(web /small)" one
	printf two >"$www/small"
	is after "$(web /small)" two
	same /middle "$www/middle"
	same /large "$www/large"
	rm "$www/small"
	is gone "$(code /small)" 404
	is hits "$(lookups hit)" 0
	ends 1 "$ktls" serve --file-cache -1 "$www"
	has complaint "$out" 'file-cache -1: not a number of seconds'
}

# ---- what is sent ----------------------------------------------------------

# Each kind of answer the second time, from memory, as the first time.
answers_alike()
{
	local name args n

	folder
	printf compressed >"$www/small.gz"
	mkdir "$www/sub"
	printf index >"$www/sub/index.html"
	serve_counting --file-cache 1000 --precompressed
	set -- "-I" "-r 1-1" "-r 5-" "-H If-None-Match:*" "-H If-Match:x" \
		"-H Accept-Encoding:gzip" "-H Accept-Encoding:*;q=0" \
		"-0" "-H Connection:close"
	for name in /small /sub/ /none; do
		for args in "" "$@"; do
			kill -HUP "$server"
			for n in 1 2; do
				# shellcheck disable=SC2086	# several
				web -i $args "$name" 2>&1 | grep -av ^Date \
					>"$dir/answer$n"
			done
			cmp "$dir/answer1" "$dir/answer2"
		done
	done
	is plain "$(web /small)" one
	is gzip "$(web -H Accept-Encoding:gzip /small)" compressed
	is range "$(web -r 1-1 /small)" n
	is index "$(web /sub/)" index
	is "not modified" "$(code -H 'If-None-Match: *' /small)" 304
	is "one range" "$(web -r 20000-29999 /middle | sum)" \
		"$(tail -c +20001 "$www/middle" | head -c 10000 | sum)"
}

# What is known is not looked at again, nor what is known not to be there.
counted()
{
	folder
	serve_counting --file-cache 1000
	is small "$(web /small)" one
	is none "$(code /none)" 404
	is misses "$(lookups miss)" 2
	is "hits at first" "$(lookups hit)" 0
	is small "$(web /small)" one
	is none "$(code /none)" 404
	is hits "$(lookups hit)" 2
	is misses "$(lookups miss)" 2
}

# What it becomes while it is sent does not show in what was promised.
growing()
{
	local reader

	folder
	head -c 30000000 /dev/urandom >"$www/huge"
	cp "$www/huge" "$dir/huge"
	serve_counting --file-cache 1000
	web --limit-rate 20M /huge >"$dir/slow" &
	reader=$!
	until_true test -s "$dir/slow"
	head -c 5000000 /dev/urandom >>"$www/huge"
	is "with the end" "$(web /huge | sum)" "$(sum "$www/huge")"
	wait "$reader"
	cmp "$dir/slow" "$dir/huge"
	# replaced and gone: who has begun gets the rest
	cp "$www/huge" "$dir/huge"
	web --limit-rate 20M /huge >"$dir/slow2" &
	reader=$!
	until_true test -s "$dir/slow2"
	rm "$www/huge"
	kill -HUP "$server"
	until_true answers /huge 404
	wait "$reader"
	cmp "$dir/slow2" "$dir/huge"
}

# ---- bounds ----------------------------------------------------------------

# More files than descriptors, and than entries: all are served, and few stay.
descriptors()
{
	local before open

	folder
	link_names large 400
	ulimit -n 200
	serve_counting --file-cache 1000 --max-conns 20
	before=$(counter process_open_fds)
	within curl -sSf -4 --noproxy '*' --cacert "$pki/ca.pem" -o /dev/null \
		"$url/large[1-400]"
	open=$(counter process_open_fds)
	[ "$open" -gt "$before" ]
	[ "$open" -le $((before + 26)) ] || { echo "$open open"; return 1; }
	is "and all are there" "$(counter 'ktls_requests_total{status="2xx"}')" \
		400
	same /large400 "$www/large"
}

# Names that are not there drive out none that is.
missing()
{
	folder
	serve_counting --file-cache 1000
	is before "$(web /small)" one
	within curl -sS -4 --noproxy '*' --cacert "$pki/ca.pem" -o /dev/null \
		"$url/none[1-2000]"
	is misses "$(lookups miss)" 2001
	is after "$(web /small)" one
	is hits "$(lookups hit)" 1
	is "the last" "$(code /none2000)" 404
	is "is known" "$(lookups hit)" 2
	is "the first" "$(code /none1)" 404
	is "is not" "$(lookups hit)" 2
}

# More than the entries, and than the memory that there is for them
crowded()
{
	local n hits

	folder
	mkdir "$www/many"
	( cd "$www/many" && for n in {1..2200}; do echo "$n" >"$n"; done )
	link_names middle 1400
	serve_counting --file-cache 1000
	for n in 1 2; do
		within curl -sSf -4 --noproxy '*' --cacert "$pki/ca.pem" \
			"$url/many/[1-2200]" >"$dir/got"
		seq 2200 | cmp "$dir/got"
	done
	# but for what had to wait for a disk, and has a descriptor
	hits=$(lookups hit)
	[ "$hits" -le 256 ] || { echo "$hits are left"; return 1; }
	within curl -sSf -4 --noproxy '*' --cacert "$pki/ca.pem" -o /dev/null \
		"$url/middle[1-1400]"
	is "the last" "$(web /middle1400 | sum)" "$(sum "$www/middle")"
	is "is known" "$(lookups hit)" $((hits + 1))
	is "the first" "$(web /middle1 | sum)" "$(sum "$www/middle")"
	is "is not" "$(lookups hit)" $((hits + 1))
}

both_engines
run_tests remembered replaced large truncated links hang_up off answers_alike \
	counted growing descriptors missing crowded
