# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# For a test of the tree itself: a rule is kept when nobody offends against it.

verdicts()	# HOW-MANY
{
	echo "KTAP version 1"
	echo "1..$1"
	n=0
	failed=0
}

verdict()	# RULE OFFENDERS
{
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n $1"
	else
		echo "$2" | sed 's/^/# /'
		echo "not ok $n $1"
		failed=1
	fi
}

verdicts_end()
{
	exit $failed
}
