# SPDX-License-Identifier: MIT
#
#	awk -f lib/abi.awk OLD NEW
#
# prints the lines of OLD that programs built with it miss in NEW, and is 1 if
# there are any.  More is fine, and a struct that grows may be longer.

NR == FNR {
	old[$0]
	next
}
{
	new[$0]
	if ($3 == "size")
		size[$2] = $4
}
END {
	for (line in old) {
		split(line, f, " ")
		if (line in new || (f[3] == "size" && f[5] == "grows" &&
				    size[f[2]] + 0 >= f[4] + 0))
			continue
		print line | "sort"
		bad = 1
	}
	exit bad
}
