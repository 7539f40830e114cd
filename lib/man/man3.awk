# SPDX-License-Identifier: MIT
#
# The pages of section 3, out of the headers, whose comments are the manual: a
# page for each part that has a banner, "---- title ----", named for its first
# call, and links from the others.
#
#	awk -v dir=DIR -v version=0.1.0 -v date=DATE -f man3.awk \
#		pass=1 HEADER... pass=2 HEADER...
#
# The first pass learns on which page each call is, the second one writes.

function basename(path)
{
	sub(/^.*\//, "", path)
	return path
}

function roff(s)
{
	gsub(/\\/, "\\e", s)
	gsub(/-/, "\\-", s)
	sub(/^[.']/, "\\\\\\&&", s)
	return s
}

# roff's tab stops are not those of a terminal
function untab(s,  at)
{
	while (at = index(s, "\t"))
		s = substr(s, 1, at - 1) \
			sprintf("%" (8 - (at - 1) % 8) "s", "") \
			substr(s, at + 1)
	return s
}

function put(line)
{
	if (line == ".PP" && body ~ /(^|\n)\.(PP|SS [^\n]*)\n$/)
		return
	if (line ~ /^\.SS/)
		sub(/\n\.PP\n$/, "\n", body)
	body = body line "\n"
}

# What is between the marks of a line of a comment
function said(s)
{
	sub(/[ \t]*\*\/$/, "", s)
	sub(/^(\/\*| \*) ?/, "", s)
	return s
}

# Prose, with its arguments and calls marked
function marked(s,  out, word)
{
	s = roff(s)
	out = ""
	while (match(s, /@\*?[a-z_0-9]+|ktls_[a-z_0-9]+\(\)/)) {
		word = substr(s, RSTART, RLENGTH)
		out = out substr(s, 1, RSTART - 1)
		if (word ~ /^@/)
			out = out "\\fI" substr(word, 2) "\\fR"
		else
			out = out "\\fB" substr(word, 1, RLENGTH - 2) "\\fR()"
		if (word ~ /\)$/)
			mentioned[substr(word, 1, RLENGTH - 2)] = 1
		s = substr(s, RSTART + RLENGTH)
	}
	return out s
}

# ---- one item: a comment, and the declarations below it ---------------------

function put_code(text,  n, i, l)
{
	put(".PP")
	put(".nf")
	n = split(text, l, "\n")
	for (i = 1; i < n; i++)
		put(roff(untab(l[i])))
	put(".fi")
}

function put_text(text,  n, i, l, code)
{
	n = split(text, l, "\n")
	for (i = 1; i < n; i++) {
		if (l[i] ~ /^(\t|  )/) {	# a table
			code = code l[i] "\n"
			continue
		}
		if (code != "") {
			put_code(code)
			code = ""
			put(".PP")
		}
		if (l[i] ~ /^---- .* ----$/)
			put(".SS " substr(l[i], 6, length(l[i]) - 10))
		else if (l[i] != "")
			put(marked(l[i]))
		else if (i > 1 && i < n - 1)
			put(".PP")
	}
	if (code != "")
		put_code(code)
}

# KTLS_ERRORS(X), a table in the form of a macro
function put_errors(rows,  row, f)
{
	gsub(/\\\n/, "", rows)
	gsub(/"[ \t]+"/, "", rows)
	while (match(rows, /X\([0-9]+,[^"]*"[^"]*"\)/)) {
		row = substr(rows, RSTART + 2, RLENGTH - 3)
		rows = substr(rows, RSTART + RLENGTH)
		split(row, f, /,[ \t]*/)
		sub(/^[^"]*"/, "", row)
		sub(/"$/, "", row)
		put(".TP")
		put("\\fBKTLS_E_" f[2] "\\fR (" f[1] \
			(f[3] == "NONE" ? "" : ", alert " tolower(f[3])) ")")
		put(roff(row))
	}
}

function flush_item()
{
	if (item_names != "" && item_text != "")
		put(".SS \"" item_names "\"")
	else if (item_text != "")
		put(".PP")
	put_text(item_text)
	if (item_code ~ /^#define KTLS_ERRORS\(X\)/)
		put_errors(item_code)
	else if (item_code != "")
		put_code(item_code)
	synopsis = synopsis item_calls
	item_text = item_code = item_calls = item_names = ""
}

function name_of(line)
{
	match(line, /ktls_[a-z_0-9]+\(/)
	return substr(line, RSTART, RLENGTH - 1)
}

function has_call(name)
{
	names[++names_len] = name
	if (pass == 1)
		page_of[name] = names[1]
	item_names = item_names (item_names == "" ? "" : ", ") name "()"
}

# ---- one page ---------------------------------------------------------------

function put_synopsis(out,  i, n, l)
{
	print ".SH SYNOPSIS\n.nf\n\\fB#include <" header ">\\fR\n.sp" >out
	n = split(synopsis, l, "\n")
	for (i = 1; i < n; i++)
		print roff(untab(l[i])) >out
	print ".fi\n.PP\n\\fBcc\\fR \\fIfile.c\\fR $(pkg\\-config " \
		"\\-\\-cflags \\-\\-libs " library ")" >out
}

function put_page(  out, i, other, sep, done)
{
	out = dir "/" names[1] ".3"
	print ".\\\" Made of " header ", whose comments it is: SPDX MIT" >out
	print ".TH " toupper(names[1]) " 3 \"" date "\" \"libktls " version \
		"\" \"libktls\"" >out
	print ".SH NAME" >out
	for (i = 1; i <= names_len; i++)
		print names[i] (i < names_len ? "," : " \\- " roff(title)) >out
	put_synopsis(out)
	sub(/^\.PP\n/, "", body)
	printf ".SH DESCRIPTION\n%s", body >out
	print ".SH RETURN VALUE\nWhere nothing else is said, 0 or a count; on" \
		" failure \\-errno or\n\\-KTLS_E_*, which\n" \
		".BR ktls_strerror (3)\nputs into words." >out
	print ".SH SEE ALSO" >out
	delete done
	done[names[1]]
	for (other in mentioned)
		if (other in page_of && !(page_of[other] in done)) {
			done[page_of[other]]
			print ".BR " page_of[other] " (3)," | "sort >>" out
		}
	close(out)
	close("sort >>" out)
	print ".BR ktls (7)" >>out
	close(out)
	for (i = 2; i <= names_len; i++)
		system("ln -sf " names[1] ".3 " dir "/" names[i] ".3")
}

# What has no call in it goes to the page of what follows
function flush_page()
{
	flush_item()
	if (!names_len)
		return
	if (pass == 2)
		put_page()
	body = synopsis = ""
	names_len = 0
	delete mentioned
}

# ---- lines ------------------------------------------------------------------

FNR == 1 {
	flush_page()
	body = ""
	header = basename(FILENAME)
	library = header == "ktls_uring.h" ? "libktls-uring" : "libktls"
	depth = comment = call = define = inside = skip = 0
	begun = 0
}

# what is no declaration
/^#(include|pragma|ifndef|endif)|^#define KTLS(_[A-Z]+)?_H$|^KTLS_MUST_CHECK$/ {
	skip = 0
	next
}
/^#ifdef __cplusplus/ { skip = 1 }
skip || /SPDX-License-Identifier/ { next }

/^\/\* ---- .* -+ \*\/$/ {
	# ktls.h begins with what ktls(7) tells
	if (!begun++ && header == "ktls.h")
		body = item_text = item_code = ""
	flush_page()
	title = $0
	sub(/^\/\* -+ /, "", title)
	sub(/ -+ \*\/$/, "", title)
	next
}

comment {
	item_text = item_text said($0) "\n"
	comment = !/\*\//
	next
}

inside { inside = !/^}/; next }		# of an inline function

call {
	line = $0
	if (/^\{/) {
		inside = 1
		call = 0
		next
	}
}

!depth && !call && !define && /^\/\*/ {
	if (item_code item_calls != "")
		flush_item()
	comment = !/\*\//
	line = said($0)
	if (line != "" || !comment)
		item_text = item_text line "\n"
	next
}

/^$/ && !depth {
	flush_item()
	next
}

# struct ktls_x *ktls_y(...);
!depth && !define && (call || /^[a-z].*[ *]ktls_[a-z_0-9]+\(/) {
	if (!call)
		has_call(name_of($0))
	call = 1
	line = $0
	sub(/[ \t]*KTLS_MUST_CHECK/, "", line)
	sub(/^static inline /, "", line)
	if (/\)[ \t]*$/ && !/;/)
		line = line ";"
	item_calls = item_calls line "\n"
	if (/;/)
		call = 0
	next
}

{
	if (/^#define ktls_/)
		has_call(name_of($0))
	item_code = item_code $0 "\n"
	was = define || /^#/
	define = was && /\\$/
	if (was)
		next
	line = $0
	depth += gsub(/\{/, "", line) - gsub(/\}/, "", line)
}

END { flush_page() }
