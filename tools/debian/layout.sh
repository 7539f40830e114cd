#!/bin/sh
# SPDX-License-Identifier: MIT
#
# layout.sh VERSION DIR: a source tree of this version in DIR as Debian has them
set -eu
cd "$(dirname "$0")/../.."
version=$1 dir=$2
time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}

umask 022
rm -rf "${dir%/*}"
mkdir -p "$dir"
# modes as by this, whatever it was when git made the files
git ls-files -z | tar -c --null -T - --mode=u+rwX,go=rX |
	tar -x -p -C "$dir"
mv "$dir/tools/debian" "$dir/debian"
rm "$dir/debian/layout.sh"
sed -e "s/@VERSION@/$version/" \
	-e "s/@DATE@/$(LC_ALL=C date -u -R -d "@$time")/" \
	"$dir/debian/changelog.in" >"$dir/debian/changelog"
rm "$dir/debian/changelog.in"
find "$dir" -exec touch -h -d "@$time" {} +
