#!/bin/bash
# SPDX-License-Identifier: MIT
#
# report.sh DIR: of the TSV files there (run.sh) a report in Markdown, its plots
# as SVG and PNG, and all figures as JSON.

set -euo pipefail

cd "${1?usage: report.sh DIR}"

# ---- tables -----------------------------------------------------------------

# name library server_us client_us allocations bytes
handshakes() {	# FILE
	echo '| | server, us | libssl | GnuTLS | floor | client, us | libssl | GnuTLS | floor |'
	echo '|---|---|---|---|---|---|---|---|---|'
	awk -F '\t' '
	function by(a, b) { return a && b ? sprintf("%.2f", a / b) : "-" }
	!($1 in seen) { seen[$1]; order[++n] = $1 }
	{ s[$1, $2] = $3; c[$1, $2] = $4 }
	END {
		for (i = 1; i <= n; i++) {
			k = order[i]
			printf "| %s | %.1f | %s | %s | %s | ", k,
				s[k, "libktls"],
				by(s[k, "libssl"], s[k, "libktls"]),
				by(s[k, "GnuTLS"], s[k, "libktls"]),
				by(s[k, "libktls"], s[k, "floor"])
			printf "%.1f | %s | %s | %s |\n", c[k, "libktls"],
				by(c[k, "libssl"], c[k, "libktls"]),
				by(c[k, "GnuTLS"], c[k, "libktls"]),
				by(c[k, "libktls"], c[k, "floor"])
		}
	}' "$1"
}

# way connections stack cpu_s cpu_min cpu_max gib_per_s
bulk() {
	awk -F '\t' '
	$1 == "roof" { next }
	!($3 in have) { have[$3]; stack[++m] = $3 }
	!(($1, $2) in seen) { seen[$1, $2]; order[++n] = $1 SUBSEP $2 }
	{ cpu[$1, $2, $3] = $4; rate[$1, $2, $3] = $7 }
	END {
		printf "| | connections |"
		for (j = 1; j <= m; j++)
			printf " %s |", stack[j]
		printf "\n|---|---|"
		for (j = 1; j <= m; j++)
			printf "---|"
		for (i = 1; i <= n; i++) {
			split(order[i], key, SUBSEP)
			printf "\n| %s | %s |", key[1], key[2]
			for (j = 1; j <= m; j++) {
				k = order[i] SUBSEP stack[j]
				if (k in cpu)
					printf " %.3f (%.2f) |", cpu[k], rate[k]
				else
					printf " - |"
			}
		}
		print ""
	}' bulk.tsv
}

roofs() {
	awk -F '\t' '$1 == "roof" {
		printf "- %s: %.2f GiB/s, %.3f CPU s a GiB\n", $3, $7, $4
	}' bulk.tsv
}

# table name side library what value: a row for each side, and no columns of 0
connections() {	# TABLE
	awk -F '\t' -v table="$1" '
	$1 != table { next }
	!(($2, $3) in seen) { seen[$2, $3]; order[++n] = $2 SUBSEP $3 }
	$6 != 0 && !(($4, $5) in have) {
		have[$4, $5]
		column[++m] = $4 SUBSEP $5
	}
	{ v[$2, $3, $4, $5] = $6 }
	END {
		printf "| | |"
		for (j = 1; j <= m; j++) {
			split(column[j], key, SUBSEP)
			printf " %s, %s |", key[1], key[2]
		}
		printf "\n|---|---|"
		for (j = 1; j <= m; j++)
			printf "---|"
		for (i = 1; i <= n; i++) {
			split(order[i], key, SUBSEP)
			printf "\n| %s | %s |", key[1], key[2]
			for (j = 1; j <= m; j++) {
				k = order[i] SUBSEP column[j]
				printf " %s |", (k in v ? v[k] : "-")
			}
		}
		print ""
	}' connections.tsv
}

# A header, then: row server unit per_s min max ratio less_us cpu min max ratio
serve() {
	awk -F '\t' '
	NR == 1 { next }
	!($2 in have) { have[$2]; server[++m] = $2 }
	!($1 in seen) { seen[$1]; order[++n] = $1 }
	{ v[$1, $2] = sprintf("%.0f (%.0f-%.0f)", $4, $5, $6); r[$1, $2] = $7 }
	END {
		printf "| a second |"
		for (j = 1; j <= m; j++)
			printf " %s | %s", server[j], (j > 1 ? "to nginx | " : "")
		printf "\n|---|"
		for (j = 1; j <= m; j++)
			printf "---|%s", (j > 1 ? "---|" : "")
		for (i = 1; i <= n; i++) {
			printf "\n| %s |", order[i]
			for (j = 1; j <= m; j++)
				printf " %s | %s", v[order[i], server[j]],
					(j > 1 ? r[order[i], server[j]] " | " : "")
		}
		print ""
	}' serve.tsv | sed 's/ *$//'
}

# ---- plots ------------------------------------------------------------------

# pivot FILE-COLUMNS: KEY SERIES VALUE of stdin (tab-separated) as a matrix
pivot() {
	awk -F '\t' '
	!($1 in seen) { seen[$1]; key[++n] = $1 }
	!($2 in have) { have[$2]; series[++m] = $2 }
	{ v[$1, $2] = $3 }
	END {
		printf "key"
		for (j = 1; j <= m; j++)
			printf "\t%s", series[j]
		for (i = 1; i <= n; i++) {
			printf "\n%s", key[i]
			for (j = 1; j <= m; j++)
				printf "\t%s", ((key[i], series[j]) in v ? \
					v[key[i], series[j]] : "NaN")
		}
		print ""
	}'
}

plot() {	# NAME TITLE YLABEL <matrix
	local columns

	cat >"$1.dat"
	columns=$(head -n 1 "$1.dat" | awk -F '\t' '{ print NF }')
	for term in svg png; do
		gnuplot <<-EOF
			set terminal $term size 1000,480 background "white" noenhanced
			set output "$1.$term"
			set datafile separator "\t"
			set title "$2"
			set ylabel "$3"
			set yrange [0:*]
			set style data histogram
			set style histogram clustered gap 1
			set style fill solid 0.8 border -1
			set xtics rotate by -30
			set grid ytics
			set key outside
			plot for [i=2:$columns] "$1.dat" using i:xtic(1) title columnheader(i)
		EOF
	done
	sed -i '1a <!-- SPDX-License-Identifier: MIT -->' "$1.svg"
	rm "$1.dat"
}

plots() {
	awk -F '\t' '
	{ if ($2 == "libssl") base[$1] = $3; v[$1, $2] = $3 }
	!($1 in seen) { seen[$1]; order[++n] = $1 }
	END {
		split("libktls GnuTLS libssl floor", lib, " ")
		for (i = 1; i <= n; i++)
			for (j = 1; j <= 4; j++)
				if (base[order[i]] && v[order[i], lib[j]])
					printf "%s\t%s\t%.3f\n", order[i], lib[j],
						v[order[i], lib[j]] / base[order[i]]
	}' handshake.tsv | pivot |
		plot handshake "Server side of a handshake" "CPU time, libssl = 1"
	awk -F '\t' -v OFS='\t' '$1 != "roof" && $2 == 1 { print $1, $3, $4 }' \
		bulk.tsv | pivot |
		plot bulk "A GiB over one connection" "CPU seconds of that end"
	awk -F '\t' -v OFS='\t' 'NR > 1 { print $1, $2, $7 }' serve.tsv | pivot |
		plot serve "ktls serve beside nginx" "done in a second, nginx = 1"
}

# ---- figures ----------------------------------------------------------------

json() {
	local file first=1

	echo '{'
	for file in handshake handshake-newer handshake-lib25519 bulk \
		connections serve; do
		[ $first ] || echo ','
		first=
		printf '"%s": [' "$file"
		awk -F '\t' '
		function quote(s) {
			gsub(/\\/, "\\\\", s)
			gsub(/"/, "\\\"", s)
			return s ~ /^-?[0-9]+(\.[0-9]+)?$/ ? s : "\"" s "\""
		}
		{
			printf "%s\n[", (NR > 1 ? "," : "")
			for (i = 1; i <= NF; i++)
				printf "%s%s", (i > 1 ? ", " : ""), quote($i)
			printf "]"
		}' "$file.tsv"
		printf ']'
	done
	printf '\n}\n'
}

report() {
	local uml aes

	{ read -r uml; read -r aes; } <kernel
	cat <<-EOF
		# Results

		Made by \`bench/run.sh\`; how each figure comes about is in
		[README.md](README.md). Medians; ratios hold on a machine with other
		work, times do not.

		- $(date -u +%Y-%m-%d)
		- $(openssl version)
		- $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)
		- handshakes: Linux $(uname -r | cut -d - -f 1), $(nproc) CPUs
		- the rest: User Mode Linux $uml, one CPU, AES-GCM by $aes;
		  a system call costs 10 to 25 us there

		## Handshakes
		![Server side of a handshake](handshake.svg)

		How many times that libssl and GnuTLS take; how many times the floor,
		the cryptography on libcrypto alone, libktls takes.

		$(handshakes handshake.tsv)

		With $(cut -d '(' -f 1 newer | sed 's/ *$//'), whose parser is faster and which has ML-KEM:

		$(handshakes handshake-newer.tsv)

		With the first libcrypto again, and X25519 by lib25519, which libktls
		alone makes use of:

		$(handshakes handshake-lib25519.tsv)

		## Bytes
		![A GiB over one connection](bulk.svg)

		CPU seconds a GiB of the end that is measured (the sender, or for
		\`recv\` the receiver), and in brackets GiB/s of the pair. "-": the
		kernel does not carry that direction for it. The roof, by itself:

		$(roofs)

		$(bulk)

		## Connections
		Of a handshake in flight, at its height:

		$(connections flight)

		Of a connection:

		$(connections established)

		A second, one CPU for both ends:

		$(connections rate)

		Idle, bytes for each:

		$(connections idle)

		## Beside nginx
		![ktls serve beside nginx](serve.svg)

		$(serve)
	EOF
}

plots
json >results.json
report >RESULTS.md
