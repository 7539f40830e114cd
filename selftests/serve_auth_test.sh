#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "ktls serve --post-auth": a certificate asked for after the handshake of TLS
# 1.3, when the path is known, from four clients. Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"

www=$tmp/www
mkdir -p "$www/in"
echo page >"$www/index.html"
echo internal >"$www/in/page"
echo outside >"$www/inside"
mine=(-c "$pki/client.pem" -k "$pki/client.key")

# Python's client: the status of each path, over one connection
pha_python()	# OFFERS PATH...
{
	within python3 - "$pki" "$port" "$@" <<-'END'
	import http.client, ssl, sys
	pki, port, offers, *paths = sys.argv[1:]
	ctx = ssl.create_default_context(cafile=pki + "/ca.pem")
	ctx.load_cert_chain(pki + "/client.pem", pki + "/client.key")
	ctx.post_handshake_auth = offers == "1"
	c = http.client.HTTPSConnection("localhost", int(port), context=ctx)
	for path in paths:
	    c.request("GET", path)
	    r = c.getresponse()
	    r.read()
	    print(r.status, end=" ")
	END
}

later()
{
	local stranger=(-c "$pki/stranger.pem" -k "$pki/stranger.key")

	serve_p256 --client-ca "$pki/ca.pem" --post-auth /in/ "$www"
	is open "$(get /)" page
	is "whole segments" "$(get /inside)" outside
	gets 4 /in/page
	has "not offered" "$out" 'HTTP 403 Forbidden'
	gets 4 --tls 1.2 "${mine[@]}" /in/page
	has "TLS 1.2" "$out" 'HTTP 403 Forbidden'
	lacks "who is logged" "$(<"$log")" ' client='
	gets 0 -v "${mine[@]}" /in/page
	has page "$out" '^internal$'
	has asked "$out" '^\* asked for .* after the handshake: signed with ecdsa'
	until_true grep -q ' client="\?CN = client' "$log"
	lacks "not asked for" "$(get -v "${mine[@]}" / 2>&1)" 'asked for'
	gets 0 --rx user --tx user "${mine[@]}" /./%69n/page
	is "by another spelling" "$out" internal
	# verified in full: who has a bad one gets an alert, and no answer
	gets 3 "${stranger[@]}" /in/page
	has stranger "$out" 'unknown_ca'
	is "as a stranger" "$(get "${stranger[@]}" /)" page
	is python "$(pha_python 1 / /in/page /in/page /none)" '200 200 200 404 '
	is "python, not offered" "$(pha_python 0 / /in/page /)" '200 403 200 '
	is curl "$(web --cert "$pki/client.pem" --key "$pki/client.key" \
		/in/page)" internal
	is "curl, without" "$(code /in/page)" 403
	is "curl, 1.2" "$(code --tls-max 1.2 --cert "$pki/client.pem" \
		--key "$pki/client.key" /in/page)" 403
}

# What s_client sends is one record, the requests behind the first wait
pipelined()
{
	local requests='GET /in/page HTTP/1.1\r\nHost: x\r\n\r\n'

	serve_p256 --client-ca "$pki/ca.pem" --post-auth /in "$www"
	requests+='GET / HTTP/1.1\r\nHost: x\r\n\r\n'
	requests+='GET /in/page HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
	mkfifo "$dir/in"
	exec 7<>"$dir/in"
	# shellcheck disable=SC2059
	printf "$requests" >&7
	talk -tls1_3 -enable_pha -cert "$pki/client.pem" \
		-key "$pki/client.key" <&7 >"$dir/answer"
	exec 7>&-
	is answers "$(grep -xE 'page|internal' "$dir/answer" | xargs)" \
		'internal page internal'
	# none to give: declined, and the connection goes on
	# shellcheck disable=SC2059
	printf "$requests" | talk -tls1_3 -enable_pha >"$dir/answer"
	is answers "$(grep -oE 'HTTP/1.1 [0-9]+' "$dir/answer" | cut -d' ' -f2 |
		xargs)" '403 200 403'
	until_true grep -q 'client=.* end="closed by us"' "$log"
	ends 1 "$ktls" serve --post-auth /in "$www"
	has usage "$out" '--post-auth needs --client-ca'
	ends 1 "$ktls" serve --client-ca "$pki/ca.pem" --post-auth in "$www"
	has "no path" "$out" 'not a path'
}

# With --client-optional the handshake asks, too: of TLS 1.2, for example
optional()
{
	serve_p256 --client-ca "$pki/ca.pem" --client-optional --post-auth / \
		"$www"
	is 1.2 "$(get --tls 1.2 "${mine[@]}" /in/page)" internal
	gets 0 -v "${mine[@]}" /in/page
	lacks "asked twice" "$out" 'after the handshake'
	is without "$(code /in/page)" 403
	stop_server
	serve_p256 --client-ca "$pki/ca.pem" --post-auth /in/index.html "$www"
	is "an index by its directory" "$(code /in/) $(code /in/index.html)" \
		'403 403'
	is "what is beside it" "$(code /in/page)" 200
	stop_server
	cp "$www/in/page" "$www/in/page.gz"
	cp "$www/in/page" "$www/in/page.gzip"
	serve_p256 --client-ca "$pki/ca.pem" --post-auth /in/page \
		--precompressed "$www"
	is "its other forms" "$(code /in/page) $(code /in/page.gz)" '403 403'
	is "what is another file" "$(code /in/page.gzip)" 200
}

# A ticket that is given after it says who the client is
resumed()
{
	local f=$dir/session

	serve_p256 --client-ca "$pki/ca.pem" --post-auth /in "$www"
	gets 0 -v "${mine[@]}" --session-file "$f" /
	gets 0 -v "${mine[@]}" --session-file "$f" /in/page
	has resumed "$out" 'resumed'
	has "asked nevertheless" "$out" 'after the handshake'
	gets 0 -v "${mine[@]}" --session-file "$f" /in/page
	has resumed "$out" 'resumed'
	lacks "known from then on" "$out" 'after the handshake'
	until_true grep -q 'resumed=1 .*client=' "$log"
}

both_engines
run_tests later pipelined optional resumed
