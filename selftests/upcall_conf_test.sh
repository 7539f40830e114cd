#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What 'ktls agent --kernel' does not take. (What it does is tested where there
# is a kernel to serve, see upcall_nfs.sh: here it might be this machine's.)
# Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"
# shellcheck source=selftests/upcall_lib.sh
. "$(dirname "$0")/upcall_lib.sh"

options()
{
	ends 1 "$ktls" agent --kernel --config x
	has "with --config" "$out" "serves nobody else"
	ends 1 "$ktls" agent --kernel --user nobody
	has "with --user" "$out" "serves nobody else"
	ends 1 "$ktls" agent --tlshd-config x
	has "without --kernel" "$out" "of --kernel"
}

syntax()
{
	refused "conf:1: 'key = value' expected" <<<'nonsense'
	refused "conf:2: 'key = value' expected" <<<$'# good\n=value'
	refused "conf:1: '.section.' expected" <<<'[authenticate'
	refused "conf:1: '.section.' expected" <<<'[]'
	refused "conf:1: '.section.' expected" <<<'[a]b]'
	refused "not a text" < <(printf '[debug]\nx=\0\n')
	refused "more than 65536 bytes" < <(head -c 65537 /dev/zero | tr '\0' '#')
	rm "$dir/conf"
	out=$(kernel_agent "$dir/conf" 2>&1) && status=0 || status=$?
	is "status without a file" "$status" 1
	has "the reason" "$out" "conf: No such file"
}

# It might be what keeps somebody out
unknown()
{
	refused "conf:2: 'x509.client_auth' in .authenticate.server. is not known" \
		<<<$'[authenticate.server]\nx509.client_auth=1'
	refused "conf:2: 'x509.truststore' in .authenticate. is not known" \
		<<<$'[authenticate]\nx509.truststore=/x'
	refused "conf:1: 'keyrings' in .. is not known" <<<'keyrings=a'
	refused "conf:3: 'keyrings' for the second time" \
		<<<$'[authenticate]\nkeyrings=a\nkeyrings=b'
}

run_tests options syntax unknown
