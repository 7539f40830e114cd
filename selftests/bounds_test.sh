#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The bounds that SECURITY.md names are those of the source. Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"

# "NAME FILE NUMBER" of each row that names a constant
rows()
{
	sed -nE 's/^\|[^|]*\| ([0-9]+) \| `([A-Z_]+)` in `([^`]+)`.*/\2 \3 \1/p' \
		SECURITY.md
}

# What the preprocessor makes of it, which may be an expression of others
value()	# NAME FILE
{
	{
		grep -hE '^#define[[:space:]]+[A-Z_]+[[:space:]]+[(0-9A-Z]' "$2"
		echo "VALUE $1"
	} | cpp -P -xc - | sed -n 's/^VALUE //p'
}

as_the_source_says()
{
	local name file number n=0

	while read -r name file number; do
		is "$name of $file" "$(($(value "$name" "$file")))" "$number"
		n=$((n + 1))
	done < <(rows)
	[ "$n" -ge 12 ]
}

# Each option that is named has this default in ktls.h
options()
{
	local name number n=0

	while read -r name number; do
		n=$((n + 1))
		has "$name" "$(grep "$name;" lib/include/ktls.h)" "\\($number\\)"
	done < <(sed -nE 's/^\|[^|]*\| ([0-9]+) \|.*, `(max_[a-z_]+)`.*/\2 \1/p' \
		SECURITY.md)
	is options "$n" 2
}

run_tests as_the_source_says options
