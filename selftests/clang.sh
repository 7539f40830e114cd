#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Does the whole tree compile with clang, without a warning?  Speaks KTAP.
set -u
cd "$(dirname "$0")/.." || exit 1

echo "KTAP version 1"
echo "1..1"
if out=$(make -j"$(nproc)" CC=clang all tests 2>&1); then
	echo "ok 1 clang"
else
	echo "$out" | grep -v '^  ' | sed 's/^/# /'
	echo "not ok 1 clang"
	exit 1
fi
