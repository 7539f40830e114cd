#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# pki.sh DIR: the keys and certificates of the tests, as peer.h lists them:
# NAME.pem (the chain, the leaf first) and NAME.key. Does nothing if DIR is
# there and was made by this same script.

set -euo pipefail

[ $# = 1 ] || { echo "usage: ${0##*/} DIR" >&2; exit 2; }
self=$(cksum <"$0")
mkdir -p "$(dirname "$1")"
dir=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")

exec 9>"$dir.lock"
flock 9
[ "$(cat "$dir/.stamp" 2>/dev/null)" != "$self" ] || exit 0
new=$(mktemp -d "$dir.XXXXXX")
trap 'rm -rf "$new"' EXIT
chmod 755 "$new"
cd "$new"

# Dates are fixed: a machine whose clock is off or slow runs the tests too.
begin=20200101000000Z
end=20491231235959Z

cat >conf <<-'CONF'
	[ca]
	default_ca = db
	[db]
	database = $ENV::db/index
	new_certs_dir = $ENV::db
	rand_serial = yes
	unique_subject = no
	email_in_dn = no
	policy = policy
	[policy]
	commonName = supplied
	[req]
	distinguished_name = dn
	[dn]
	[root]
	basicConstraints = critical,CA:TRUE
	keyUsage = critical,keyCertSign,cRLSign
	subjectKeyIdentifier = hash
	[inter]
	basicConstraints = critical,CA:TRUE,pathlen:0
	keyUsage = critical,keyCertSign,cRLSign
	subjectKeyIdentifier = hash
	authorityKeyIdentifier = keyid
	[staple]
	basicConstraints = critical,CA:FALSE
	keyUsage = critical,$ENV::ku
	extendedKeyUsage = $ENV::eku
	subjectAltName = $ENV::san
	subjectKeyIdentifier = hash
	authorityKeyIdentifier = keyid
	tlsfeature = status_request
	[bare]
	basicConstraints = critical,CA:FALSE
	extendedKeyUsage = $ENV::eku
	subjectAltName = $ENV::san
	subjectKeyIdentifier = hash
	authorityKeyIdentifier = keyid
	[leaf]
	basicConstraints = critical,CA:FALSE
	keyUsage = critical,$ENV::ku
	extendedKeyUsage = $ENV::eku
	subjectAltName = $ENV::san
	subjectKeyIdentifier = hash
	authorityKeyIdentifier = keyid
CONF

# What the configuration takes from the environment, and what make() takes
export OPENSSL_CONF=$new/conf db ku eku san
ku=digitalSignature
eku=serverAuth,clientAuth
san=DNS:localhost,DNS:*.example.test,IP:127.0.0.1,IP:::1
p256='ec -pkeyopt ec_paramgen_curve:P-256'
issuer=ca ext=leaf key=$p256 md=sha256 form=

# make NAME [VARIABLE=VALUE]...: a key, and a certificate issued for it
make() {
	local name=$1 by "${@:2}"

	db=$new/$name.db
	mkdir "$db"
	: >"$db/index"
	by=(-cert "$issuer.pem" -keyfile "$issuer.key")
	[ "$issuer" != self ] || by=(-selfsign -keyfile "$name.key")
	# shellcheck disable=SC2086	# a key's kind is several words
	{
		openssl req -new -newkey $key -nodes -subj "/CN=$name" \
			-keyout "$name.key" -out "$db/csr"
		[ -z "$form" ] || {
			openssl ec -in "$name.key" -conv_form "$form" \
				-out "$db/key"
			mv "$db/key" "$name.key"
			openssl req -new -key "$name.key" -subj "/CN=$name" \
				-out "$db/csr"
		}
		openssl ca -batch -notext -in "$db/csr" -out "$name.pem" \
			"${by[@]}" -md "$md" -extensions "$ext" \
			-startdate "$begin" -enddate "$end"
	} 2>"$db/log" || { cat "$db/log" >&2; return 1; }
}

# later NAME...: the same in the background
jobs=()
later() {
	make "$@" &
	jobs+=($!)
}

make ca issuer=self ext=root
make stranger-ca issuer=self ext=root
make inter ext=inter
make rsainter key=rsa:2048 ext=inter
make inter384 key='ec -pkeyopt ec_paramgen_curve:P-384' ext=inter

later rsa2048 key=rsa:2048	# the slow ones first
later rsapss key='rsa-pss -pkeyopt rsa_keygen_bits:2048'
later rsa1024 key=rsa:1024
later p256
later p384 key='ec -pkeyopt ec_paramgen_curve:P-384'
later p521 key='ec -pkeyopt ec_paramgen_curve:P-521'
later ed25519 key=ed25519
later ed448 key=ed448
later client eku=clientAuth
later chain issuer=inter
later staple ext=staple
later responder eku=OCSPSigning
# for static ECDH
both=digitalSignature,keyAgreement
later ecdh256 ku=$both
later ecdh384 ku=$both key='ec -pkeyopt ec_paramgen_curve:P-384'
later ecdh521 ku=$both key='ec -pkeyopt ec_paramgen_curve:P-521'
later rsaleaf issuer=rsainter
later by384 issuer=inter384	# with SHA-256
later ecdhany ext=bare
later ecdhrsa ku=keyAgreement issuer=rsainter
later rsaagree ku=$both key=rsa:2048
later compressed ku=$both form=compressed
# each with a fault
later expired end=20210101000000Z
later future begin=20480101000000Z
later othername san=DNS:other.test
later nosign ku=keyAgreement
later clientonly eku=clientAuth
later serveronly eku=serverAuth
later sha1 md=sha1
later stranger issuer=stranger-ca
later selfsigned issuer=self
for job in "${jobs[@]}"; do
	wait "$job"
done

cp chain.pem nointer.pem
cp chain.key nointer.key
cat inter.pem >>chain.pem
cat rsainter.pem >>ecdhrsa.pem
cat rsainter.pem >>rsaleaf.pem
cat inter384.pem >>by384.pem

chmod 644 ./*.pem ./*.key
rm -rf conf ./*.db
echo "$self" >.stamp
# other tests may have files of the old one open: they stay whole
[ ! -e "$dir" ] || mv -T "$dir" "$new.old"
mv -T "$new" "$dir"
trap - EXIT
rm -rf "$new.old"
