# SPDX-License-Identifier: GPL-2.0-only
#
# Test programs: every selftests/*.c that is not listed as support is one.
# Those of the kernel run again on kernels with kTLS.

include selftests/vm/build.mk
include selftests/fuzz/build.mk

test-support := harness harness_check harness_run peer peer_ssl \
	$(patsubst selftests/%.c,%,$(wildcard selftests/*_lib.c))
# what looks at the library as it is shipped, without sanitizers: it is built by
# who runs it (ct_test.sh, dump_test.sh)
test-watched := ct dump
# what a shell test runs
test-helpers := crowd model
test-names   := $(filter-out $(test-support) $(test-helpers) $(test-watched), \
	$(patsubst selftests/%.c,%,$(wildcard selftests/*.c)))
test-kernel  := agent_job fdpass foreign keyring limit offload plain \
	post_read rekey rekey_past
# ... and of the program (which run here, too)
test-kernel-sh := $(patsubst %,selftests/%_test.sh,agent dump serve_auth \
	serve_body run_tls probe)
# ... and those that need a machine of their own, or more of its kernel
test-kernel-sh += selftests/upcall_nfs.sh
test-qemu-6.12-sh := selftests/upcall_nvme.sh

# with and without kTLS below them
test-both    := agent alert close conn_pass conn_save conn_saved_bad control \
	data fallback flow footprint half_rtt keys own_io post_attack \
	post_auth rekey_load renego resume13 tamper ticket13 tickets uring \
	uring_close uring_cold uring_control uring_life uring_load
test-kernel  += $(test-both)

# Those that run again with a newer libcrypto and libssl, and those that have
# nothing to test with an older one.
test-new     := interop_cert
test-crypto  := crypto kex hs interop hs12 session13_ssl early_ssl $(test-new)

# The same with lib25519, and what has nothing to test without it.
test-only-25519 := x25519
test-25519   := kex hs hs12 $(test-only-25519)

# ... on User Mode Linux alone: an emulated CPU takes too long for them
test-uml     := faults

# What threads share, once more with ThreadSanitizer
test-tsan    := threads threads_hs replays single_use cache nonces session12 \
	rekey_load
test-tsan-sh := $(patsubst %,selftests/%_test.sh,serve_load serve_reload \
	serve_fleet)

test-host    := $(test-both) $(filter-out $(test-kernel) $(test-new) \
	$(test-only-25519), $(test-names))

tests	:= $(patsubst %,$(O)/selftests/%,$(test-names) $(test-helpers))
pki	:= $(O)/selftests/pki

# reached by their own path: the tests look into the library
$(O)/selftests/%.o: CPPFLAGS += -DTEST_PKI='"$(abspath $(pki))"'

# not for others: they wrap what those do
ct-parts := ct_lib ct_parts_lib
cost-parts := cost_lib
faults-parts := faults_lib faults_sys_lib faults_run_lib faults_wire_lib \
	faults_life_lib faults_call_lib faults_uring_lib
test-objs := $(patsubst %,$(O)/selftests/%.o, \
	$(filter-out $(faults-parts) $(ct-parts) $(cost-parts), \
	$(test-support)))

# an archive: a program is linked with what it uses, and with its libraries
$(O)/selftests/support.a: $(test-objs)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

test-gnutls := export gnutls gnutls13 gnutls_early gnutls_exts gnutls_post \
	gnutls_psk gnutls_rawkey gnutls_supp
$(test-gnutls:%=$(O)/selftests/%): test-libs := -lgnutls
test-uring := uring uring_close uring_cold uring_control uring_life uring_load
$(test-uring:%=$(O)/selftests/%): test-libs := -luring
# ... of a part of the program
$(O)/selftests/agent_job.o: CPPFLAGS += -Ilib/include
$(O)/selftests/agent_loop: $(patsubst %,$(O)/tools/%.o,agent_loop net log)
$(O)/selftests/agent_job: $(patsubst %,$(O)/tools/%.o,agent_job agent_loop \
	net log)
$(O)/selftests/jail: $(O)/tools/agent_jail.o $(O)/tools/log.o
$(O)/selftests/keyring: $(O)/tools/keyring.o
$(O)/selftests/keyring: test-libs := -lkeyutils
# ... where what is allocated is counted
test-cost := hostile_chain hostile_cost
test-heap := footprint hostile $(test-cost)
$(test-heap:%=$(O)/selftests/%): $(O)/bench/heap.o
$(test-heap:%=$(O)/selftests/%): test-libs := $(wrap-heap)
# ... and what is dear of libcrypto's
$(test-cost:%=$(O)/selftests/%): $(cost-parts:%=$(O)/selftests/%.o)
$(test-cost:%=$(O)/selftests/%): test-libs += \
	$(patsubst %,-Wl$(comma)--wrap=%, EVP_PKEY_keygen EVP_PKEY_derive \
	EVP_DigestSign EVP_DigestVerify X509_verify_cert d2i_X509)
# ... whose every request is made to fail: what the library calls of libcrypto
# and may fail with 0, and of the system
faults-never := _free$$|_cmp$$|_get0_|_is_a$$|_pop_|_sk_(num|value|set)$$|^ERR_|\
	^CRYPTO_|^X509_(get|check|STORE_(set|CTX_(get|set)))_|_STRING_|_up_ref$$|\
	^X509_VERIFY_PARAM_set_|^SHA|^BN_num|_eq$$|_signed$$|_count$$|_get_(size|bits|security_bits)$$|\
	^EVP_sha|^EVP_default|^OBJ_|^ASN1_|^BIO_s_|_reason_|_string$$|_status
faults-sys := malloc calloc aligned_alloc free send sendmsg recv recvmsg sendfile \
	read pread open socket connect setsockopt getsockopt shutdown poll mmap \
	pthread_mutex_init io_uring_submit io_uring_register_buf_ring \
	__recv_chk __read_chk __pread_chk
$(O)/selftests/faults.calls: $(O)/libktls.a
	$(Q)mkdir -p $(@D)
	$(Q)nm -u $< | awk '$$1 == "U" { print $$2 }' | sort -u | \
		grep -E '^([A-Z][A-Za-z0-9]*|d2i|i2d)_' | \
		grep -Ev '$(subst $() ,,$(faults-never))' >$@
$(O)/selftests/faults_calls.h: $(O)/selftests/faults.calls
	$(Q)sed 's/.*/CALL(&)/' $< >$@
$(O)/selftests/faults_lib.o: $(O)/selftests/faults_calls.h
$(O)/selftests/faults_lib.o: CPPFLAGS += -I$(O)/selftests
$(O)/selftests/faults: $(faults-parts:%=$(O)/selftests/%.o)
$(O)/selftests/faults: test-libs = -luring $(faults-sys:%=-Wl,--wrap=%) \
	$$(sed 's/^/-Wl,--wrap=/' $(O)/selftests/faults.calls)
# ... where what is secret is marked as such
ct-calls := secret_eq aead_seal aead_open kex_finish kex_respond \
	EVP_PKEY_derive psk_bind sig_sign sig_verify
$(O)/selftests/ct: $(ct-parts:%=$(O)/selftests/%.o)
$(O)/selftests/ct: test-libs = $(ct-calls:%=-Wl,--wrap=%)
# ... whose submissions are made to fail
$(O)/selftests/uring_cold $(O)/selftests/uring_load: test-libs += -Wl,--wrap=io_uring_submit
# ... where a key cannot be changed, memory lacks, a socket fails
$(O)/selftests/uring_close: test-libs += -Wl,--wrap=traffic_keys
$(O)/selftests/own_io: test-libs += -Wl,--wrap=wr_reserve
$(O)/selftests/close: test-libs += -Wl,--wrap=send

$(tests) $(test-watched:%=$(O)/selftests/%): $(O)/selftests/%: \
		$(O)/selftests/%.o $(O)/selftests/support.a \
		$(O)/libktls-uring.a $(O)/libktls.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) \
		-lssl -lcrypto $(test-libs) -pthread

$(pki)/.stamp: selftests/pki.sh | deps-test
	$(call say,PKI,$(pki))
	$(Q)selftests/pki.sh $(pki) && touch $@

tests: $(tests) $(pki)/.stamp

# Everything, as CI runs it; host: only what needs no other kernel
check:
	$(Q)selftests/check.sh
check-host:
	$(Q)selftests/check.sh host

# The clients that people have, a browser among them, on a kernel with kTLS
check-clients: all tests
	$(Q)selftests/deps.sh clients vm-uml
	$(Q)KTLS_TEST_SLOW=6 KTLS_SCREENSHOT=$(abspath $(O))/clients.png \
		selftests/vm/vm.sh -k uml -t 600 -- selftests/clients.sh
	@echo "what the browser showed: $(O)/clients.png"

# The tables of the handshakes, searched by spin
check-model: $(O)/selftests/model
	$(Q)KTLS_TEST_BUILD=$(O) selftests/model_test.sh

# Secrets that the time tells of, or that go out in the open
check-ct:
	$(Q)selftests/ct_test.sh

# Peers that flood, stall, cut and replay: what they cost, and what is left; of
# handshakes as many as KTLS_HOSTILE_HANDSHAKES says
hostile := hostile hostile_chain hostile_cost hostile_slow replays early \
	attack12 attack_renego renego hs_auth hs_edge hs_limit control reasons \
	post_attack tickets close
hostile-sh := $(patsubst %,selftests/%_test.sh,hostile_serve bounds crowd)
check-hostile: $(hostile:%=$(O)/selftests/%) $(O)/selftests/crowd all \
		$(pki)/.stamp
	$(Q)KTLS_TEST_BUILD=$(O) \
	KTLS_HOSTILE_HANDSHAKES=$${KTLS_HOSTILE_HANDSHAKES:-100100} \
		selftests/run.sh -t 1800 -o $(O)/selftests/log/hostile \
		$(hostile-sh) $(hostile:%=$(O)/selftests/%)

# Threads that share configs, on a build with ThreadSanitizer
check-tsan:
	$(Q)selftests/check.sh tsan
# ... which does not see a memcpy() that gcc does itself
tsan-san := -fsanitize=thread -fno-omit-frame-pointer -fno-builtin
tsan:
	+$(Q)$(MAKE) --no-print-directory O=build-tsan HARDEN= \
		SANFLAGS='$(tsan-san)' all \
		$(test-tsan:%=build-tsan/selftests/%) \
		build-tsan/selftests/pki/.stamp

# Each allocation and call that may fail does so in turn, here and with kTLS
check-faults:
	$(Q)$(MAKE) SAN=1 build-san/selftests/faults \
		build-san/selftests/pki/.stamp
	$(Q)build-san/selftests/faults
	$(Q)KTLS_TEST_SLOW=2 selftests/vm/vm.sh -k uml -t 1800 -- \
		build-san/selftests/faults

demo:
	$(Q)selftests/demo.sh

.SECONDARY: $(tests:%=%.o) $(test-objs)
.PHONY: tests check check-host check-clients check-ct check-faults check-model
.PHONY: check-hostile check-tsan tsan demo
