#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# NFS over TLS by 'ktls agent --kernel': the kernel's server and the kernel's
# client, which both have it do their handshakes. As root in a machine of its
# own (see vm/), whose server it sets up without its daemons: what they would
# tell the kernel about who may have what is written by hand. Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"
# shellcheck source=selftests/upcall_lib.sh
. "$(dirname "$0")/upcall_lib.sh"

share=$tmp/share mnt=$tmp/mnt mib=4
tls=2 mtls=4			# NFSEXP_XPRTSEC_*

# ---- the server ------------------------------------------------------------

# Who may have the share, by what: a client without TLS never may
export_by()	# MODE...
{
	local until=$(($(date +%s) + 86400)) flags

	# without squashing root, any port, no subtree check, fsid
	flags=$((0x0002 | 0x0400 | 0x2000))
	printf 'nfsd 127.0.0.1 %s loop\n' "$until" \
		>/proc/net/rpc/auth.unix.ip/channel
	printf 'loop 1 \\x00000000 %s %s\n' "$until" "$share" \
		>/proc/net/rpc/nfsd.fh/channel
	printf 'loop %s %s %s 65534 65534 0 xprtsec %s %s\n' "$share" \
		"$until" "$flags" $# "$*" >/proc/net/rpc/nfsd.export/channel
}

start_nfsd()
{
	modprobe -a nfsd nfsv4 || return
	mkdir "$share" "$mnt"
	mount -t tmpfs share "$share" || return
	mount -t nfsd nfsd /proc/fs/nfsd || return
	export_by $tls $mtls || return
	echo '-2 -3 +4 +4.1 +4.2' >/proc/fs/nfsd/versions
	echo 10 >/proc/fs/nfsd/nfsv4gracetime
	echo 'tcp 2049' >/proc/fs/nfsd/portlist || return
	# one waits for each handshake
	echo 8 >/proc/fs/nfsd/threads
}

# ---- clients ---------------------------------------------------------------

try_mount()	# XPRTSEC [NAME [OPTION]]
{
	local to=$((100 * slow))	# tenths of a second

	within mount -i -t nfs4 -o "vers=4.2,addr=127.0.0.1,soft,retrans=0,\
clientaddr=127.0.0.1,sec=sys,timeo=$to,${3+$3,}xprtsec=$1" "${2-localhost}:/" "$mnt"
}

# Data goes there and comes back, not out of a cache, and not in the clear
carries_data()
{
	head -c ${mib}M /dev/urandom >"$dir/data"
	within cp "$dir/data" "$mnt/data"
	within umount "$mnt"
	try_mount "$1"
	is "data read" "$(sum "$mnt/data")" "$(sum "$dir/data")"
	is "data of the server" "$(sum "$share/data")" "$(sum "$dir/data")"
	[ "$(tls_stat TlsCurrTxSw)" -ge 2 ]
	[ "$(tls_stat TlsCurrRxSw)" -ge 2 ]
	is "decryption errors" "$(tls_stat TlsDecryptError)" "$errors"
	rm "$mnt/data"
	within umount "$mnt"
}

refuses()	# XPRTSEC [NAME [OPTION]]
{
	if try_mount "$@" 2>"$dir/mount.log"; then
		umount "$mnt"
		echo "mounted although $*"
		return 1
	fi
}

# ---- tests -----------------------------------------------------------------

# What cannot be used is found at once, not when somebody waits for a handshake
files()
{
	refused "/not/there" <<<$'[authenticate.client]\nx509.truststore=/not/there'
	refused "/not/there" <<<$'[authenticate.server]\nx509.certificate=/not/there'
	refused "x509.crl without x509.truststore" <<-E
	[authenticate.server]
	x509.certificate=$pki/p256.pem
	x509.private_key=$pki/p256.key
	x509.crl=$pki/ca.pem
	E
	refused "private key does not belong to the certificate" <<-E
	[authenticate.client]
	x509.certificate=$pki/p256.pem
	x509.private_key=$pki/p384.key
	E
}

# Nobody to ask: it fails, and does not wait, nor go on without TLS
without_agent()
{
	refuses tls
}

encrypts()
{
	tlshd_conf ca client ca p256 >"$dir/conf"
	serve_kernel "$dir/conf"
	export_by $tls $mtls
	try_mount tls
	errors=$(tls_stat TlsDecryptError)
	carries_data tls
	until_true logged 'kernel client peer=127.0.0.1:2049 name=localhost auth=none suite=TLS_\w+ subject="CN = p256" key=[1-9]'
	until_true logged 'kernel server peer=127.0.0.1:[0-9]+ auth=x509 suite=TLS_\w+ key=0 ms='
}

# The server lets nobody in who has no certificate: what the agent tells it of
# the client counts
authenticates()
{
	tlshd_conf ca client ca p256 >"$dir/conf"
	serve_kernel "$dir/conf"
	export_by $mtls
	refuses tls
	try_mount mtls
	errors=$(tls_stat TlsDecryptError)
	carries_data mtls
	until_true logged 'kernel server .* subject="CN = client" key=[1-9]'
}

wrong_name()
{
	tlshd_conf ca client ca p256 >"$dir/conf"
	serve_kernel "$dir/conf"
	export_by $tls $mtls
	refuses tls elsewhere.test
	until_true logged 'client .* name=elsewhere.test .* status=13 error=.*is not for .*elsewhere'
}

untrusted()
{
	tlshd_conf stranger-ca client ca p256 >"$dir/conf"
	serve_kernel "$dir/conf"
	export_by $tls $mtls
	refuses tls
	until_true logged 'client .* status=13 error=.*issuer certificate'
	until_true logged 'server .* status=13 error='
}

untrusted_client()
{
	tlshd_conf ca stranger ca p256 >"$dir/conf"
	serve_kernel "$dir/conf"
	export_by $tls $mtls
	refuses mtls
	until_true logged 'server .* status=13 error=.*issuer certificate'
}

# A list of what the CA has revoked, on stdout
revoke()	# NAME
{
	local serial

	serial=$(openssl x509 -in "$pki/$1.pem" -noout -serial)
	printf 'R\t491231235959Z\t200102000000Z\t%s\tunknown\t/CN=%s\n' \
		"${serial#*=}" "$1" >"$dir/index"
	printf '%s\n' '[ca]' default_ca=db '[db]' "database=$dir/index" \
		default_md=sha256 default_crl_days=3650 >"$dir/ca.conf"
	openssl ca -gencrl -config "$dir/ca.conf" -cert "$pki/ca.pem" \
		-keyfile "$pki/ca.key" 2>/dev/null
}

revoked()
{
	revoke client >"$dir/crl"
	tlshd_conf ca client ca p256 >"$dir/conf"
	echo "x509.crl=$dir/crl" >>"$dir/conf"
	serve_kernel "$dir/conf"
	export_by $tls $mtls
	refuses mtls
	until_true logged 'server .* status=13 error=.*revoked'
	try_mount tls
	umount "$mnt"
}

# Another certificate, in the same file: used without a word. Another
# configuration: when told, if it is a good one.
changes()
{
	tlshd_conf ca client ca p256 >"$dir/conf"
	cp "$pki/p256.pem" "$dir/cert.pem"
	cp "$pki/p256.key" "$dir/cert.key"
	sed -i "s,^\(x509.[a-z_]*\)=$pki/p256,\1=$dir/cert," "$dir/conf"
	serve_kernel "$dir/conf"
	export_by $tls $mtls
	try_mount tls
	umount "$mnt"
	until_true logged 'client .* subject="CN = p256"'
	cp "$pki/p384.pem" "$dir/cert.pem"
	cp "$pki/p384.key" "$dir/cert.key"
	try_mount tls
	umount "$mnt"
	until_true logged 'client .* subject="CN = p384"'
	echo nonsense >"$dir/conf"
	kill -HUP "$server"
	until_true logged 'not reloaded'
	tlshd_conf stranger-ca client ca p256 >"$dir/conf"
	kill -HUP "$server"
	until_true logged 'kernel: reloaded'
	refuses tls
}

# The certificate and its key are in the kernel's keyring, and a mount names
# them, in each form that keys have
keys()
{
	local ring form name leaf tool cert key

	tlshd_conf ca client ca p256 |
		sed '/^x509.certificate = /d; /^x509.private_key = /d' \
		>"$dir/conf"
	serve_kernel "$dir/conf"
	export_by $mtls
	ring=$(nfs_keyring)
	refuses mtls
	until_true logged 'no x509.certificate for a client'
	for form in "pkcs8 client pkey" "ec client ec" \
		"rsa rsa2048 rsa -traditional"; do
		read -r name leaf tool <<<"$form"
		cert=$(openssl x509 -in "$pki/$leaf.pem" -outform DER |
			keyctl padd user "$name-cert" "$ring")
		# shellcheck disable=SC2086	# words
		key=$(openssl $tool -in "$pki/$leaf.key" -outform DER \
			2>/dev/null | keyctl padd user "$name-key" "$ring")
		try_mount "mtls,cert_serial=$cert,privkey_serial=$key"
		umount "$mnt"
		until_true logged "server .* subject=\"CN = $leaf\""
	done
	keyctl clear "$ring"
}

# Connections that go as far as the handshake, and then say nothing, or
# nonsense, or go away: others are served meanwhile, and nothing is left
strangers()
{
	local before

	tlshd_conf ca client ca p256 >"$dir/conf"
	serve_kernel "$dir/conf"
	export_by $tls $mtls
	before=$(descriptors)
	selftests/upcall_rpc.py strangers 2049 "$dir/wait" 3 &
	others+=("$!")
	until_true [ -e "$dir/wait" ]
	[ "$(descriptors)" -ge $((before + 3)) ]
	try_mount tls
	umount "$mnt"
	until_true as_before
	until_true logged 'server .* status=(110|13|16) error='
	selftests/upcall_rpc.py strangers 2049 "$dir/stop" 2 &
	others+=("$!")
	until_true [ -e "$dir/stop" ]
	stop_server
	logged 'server .* error="the agent ends"'
}

# OpenSSL at the other end: of the server, which gives no tickets ...
foreign_client()
{
	tlshd_conf ca client ca p256 >"$dir/conf"
	serve_kernel "$dir/conf"
	is "of OpenSSL" "$(within selftests/upcall_rpc.py client 2049 \
		"$pki/ca.pem")" "TLSv1.3 no ticket"
	is "of OpenSSL, with a certificate" "$(within selftests/upcall_rpc.py \
		client 2049 "$pki/ca.pem" "$pki/client.pem" \
		"$pki/client.key")" "TLSv1.3 no ticket"
	until_true logged 'server .* subject="CN = client" key=[1-9]'
}

# ... and of the client, which asks for none and is not put off by them; what it
# asks for at last is a session (EXCHANGE_ID, in COMPOUND)
foreign_server()
{
	local peer

	tlshd_conf ca client ca p256 >"$dir/conf"
	serve_kernel "$dir/conf"
	selftests/upcall_rpc.py server "$dir/port" "$pki/p256.pem" \
		"$pki/p256.key" >"$dir/said" &
	peer=$!
	others+=("$peer")
	until_true [ -s "$dir/port" ]
	# which waits for what does not come
	try_mount tls localhost "port=$(<"$dir/port")" 2>/dev/null &
	others+=("$!")
	wait "$peer"
	is "the call" "$(<"$dir/said")" \
		"TLSv1.3 program 100003 version 4 procedure 1"
}

descriptors()	# of the agent
{
	find "/proc/$server/fd" -mindepth 1 | wc -l
}

as_before()
{
	[ "$(descriptors)" -le "$before" ]
}

nfs_keyring()
{
	awk '$8 == "keyring" && $9 == ".nfs:" { print "0x" $1 }' /proc/keys
}

# before the folder can go
stop_nfsd()
{
	echo 0 >/proc/fs/nfsd/threads
	umount -l "$share"
}

trap 'stop_nfsd; rm -rf "$tmp"' EXIT
start_nfsd || exit 1
# Those that depend on the kernel
tests=(encrypts authenticates strangers foreign_client foreign_server)
case $(uname -r) in
6.*) ;;
*)	# not under emulation; and a mount names keys since 6.17
	tests+=(keys files without_agent wrong_name untrusted untrusted_client
		revoked changes)
	;;
esac
run_tests "${tests[@]}"
