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

# As of any file of settings, see agent_conf_test.sh
syntax()
{
	refused "conf:1: neither .* nor 'key = value'" <<<'nonsense'
	refused "conf:1: not a section" <<<'[authenticate'
	refused "conf:2: has a NUL" < <(printf '[debug]\nx=\0\n')
	chmod 666 "$dir/conf"
	refused "anybody may write to it" <<<'[debug]'
	rm "$dir/conf"
	out=$(kernel_agent "$dir/conf" 2>&1) && status=0 || status=$?
	is "status without a file" "$status" 1
	has "the reason" "$out" "conf: No such file"
}

# It might be what keeps somebody out
unknown()
{
	refused "conf:2: not known in this section: x509.client_auth" \
		<<<$'[authenticate.server]\nx509.client_auth=1'
	refused "conf:2: not known in this section: x509.truststore" \
		<<<$'[authenticate]\nx509.truststore=/x'
	refused "conf:1: not known in this section: keyrings" <<<'keyrings=a'
	refused "conf:3: a second time in this section: keyrings" \
		<<<$'[authenticate]\nkeyrings=a\nkeyrings=b'
}

run_tests options syntax unknown
