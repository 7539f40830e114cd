# SPDX-License-Identifier: GPL-2.0-only
#
# One program with all targets: FUZZ_TARGET in its environment says which.
# It is built by clang into build-fuzz/, the library and the tests' support
# with it.  With AFL++ (package afl++) into build-afl/, for afl-fuzz:
#
#	make afl FUZZ=handshake TIME=600

fuzz-targets := handshake post parse load cert config agent conf http uring \
	diff
fuzz-src := $(sort $(wildcard selftests/fuzz/fuzz_*.c))
comma := ,
fuzz-tools := agent_conf agent_cred agent_file agent_wire http ini path \
	precond text
fuzz-obj := $(fuzz-src:%.c=$(O)/%.o) $(fuzz-tools:%=$(O)/tools/%.o)

fuzz-libs := $(patsubst %,-Wl$(comma)--wrap=%,nonces_take io_uring_submit \
	io_uring_register_buf_ring io_uring_unregister_buf_ring) \
	-lssl -lcrypto -luring -lhttp_parser -ldl -pthread

TIME	?= 60
FUZZ	?= $(fuzz-targets)
fuzz-san := -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer
fuzz-make = $(MAKE) --no-print-directory O=build-fuzz CC=clang HARDEN= \
	SANFLAGS='$(fuzz-san)' DEPS='$(DEPS)'
# afl-clang-fast marks what it compiles by itself
afl-make = $(MAKE) --no-print-directory O=build-afl CC=afl-clang-fast HARDEN= \
	SANFLAGS='$(subst fuzzer-no-link$(comma),,$(fuzz-san))' DEPS='$(DEPS)'

$(fuzz-obj) $(O)/selftests/fuzz/replay.o: CPPFLAGS += -Ilib/include

ifneq ($(filter build-fuzz build-afl,$(O)),)
# the time of day is the program's to say; its driver's is the machine's
$(O)/lib/session.o: CPPFLAGS += -Dclock_gettime=fuzz_clock_gettime
endif

$(O)/fuzz: $(fuzz-obj) $(O)/selftests/support.a $(O)/libktls-uring.a \
		$(O)/libktls.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(fuzz-libs)

# Any compiler's: it runs files that are there
$(O)/fuzz-replay: $(O)/selftests/fuzz/replay.o $(fuzz-obj) \
		$(O)/selftests/support.a $(O)/libktls-uring.a $(O)/libktls.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(fuzz-libs)

fuzz-program:
	$(Q)$(DEPS) fuzz
	+$(Q)$(fuzz-make) build-fuzz/fuzz build-fuzz/selftests/pki/.stamp

# Each for TIME seconds, on what earlier runs have left, too ...
fuzz: fuzz-program
	$(Q)selftests/fuzz/run.sh $(TIME) $(FUZZ)

# ... or the seeds and some changes to them, the same ones each time
check-fuzz:
	$(Q)selftests/fuzz_test.sh

afl:
	$(Q)$(DEPS) fuzz afl
	+$(Q)$(afl-make) build-afl/fuzz build-afl/selftests/pki/.stamp
	$(Q)selftests/fuzz/afl.sh $(TIME) $(FUZZ)

# Which lines and branches of lib/ the tests reach that run here, and what
# 'make fuzz' has left; in COVERAGE_TIME seconds at most
COVERAGE_TIME ?= 900
cov-tests = $(patsubst %,build-cov/selftests/%,$(test-host))
coverage:
	$(Q)$(DEPS) build test
	+$(Q)$(MAKE) --no-print-directory O=build-cov HARDEN= \
		CFLAGS='-O0 -g -DKTLS_COVERAGE' \
		SANFLAGS='--coverage -fprofile-update=atomic' all \
		$(cov-tests) build-cov/fuzz-replay build-cov/selftests/pki/.stamp
	$(Q)selftests/coverage.sh build-cov $(COVERAGE_TIME) $(cov-tests)

.PHONY: afl fuzz fuzz-program check-fuzz coverage
