# SPDX-License-Identifier: MIT
#
#   make            the library and the program, into build/
#   make demo       serve a real file over kernel TLS and fetch it
#   make check      every test, on this kernel and on kernels with kTLS
#   make check-model  the tables of the handshakes, proved
#   make check-ct  what its time tells of secrets: nothing
#   make fuzz TIME=SECONDS  every parser, and peers that do not play fair
#   make coverage  the lines and branches that the tests reach
#   make check-faults  each allocation and call made to fail in turn
#   make check-hostile  peers that flood, stall, cut and replay
#   make check-tsan    threads that share everything, with ThreadSanitizer
#   make vm CMD=…   run a command on a kernel with kTLS
#   make bench      what it costs, here; make bench-vm: with kTLS
#   make abi        what programs built with the last release miss in this one
#   make install    PREFIX=/usr/local DESTDIR= (and uninstall)
#   make deb        Debian packages, into build/deb/
#
# V=1 shows the commands, SAN=1 builds with ASan and UBSan (into build-san/),
# CC=clang uses clang.

VERSION	:= 0.1.0
SOMAJOR	:= 0

O	?= build$(if $(SAN),-san)$(if $(findstring clang,$(CC)),-clang)
PREFIX	?= /usr/local
LIBDIR	?= $(PREFIX)/lib
INCDIR	?= $(PREFIX)/include
BINDIR	?= $(PREFIX)/bin
MANDIR	?= $(PREFIX)/share/man
PKGDIR	?= $(LIBDIR)/pkgconfig
PKG_CONFIG ?= pkg-config
OBJCOPY	?= objcopy

# none for who builds with compilers that we have not seen
WERROR	?= -Werror
WARN	:= -Wall -Wextra -Wshadow -Wconversion $(WERROR)
CFLAGS	?= -O2 -g
HARDEN	:= -D_FORTIFY_SOURCE=2 -fstack-protector-strong
ifdef SAN
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all \
	    -fno-omit-frame-pointer
HARDEN	:=
endif
override CFLAGS += -std=gnu11 -D_GNU_SOURCE $(WARN) $(HARDEN) $(SANFLAGS) \
	-fPIC -fvisibility=hidden -MMD -MP -DKTLS_VERSION='"$(VERSION)"'
override LDFLAGS += $(SANFLAGS) -Wl,-z,relro,-z,now

Q	:= $(if $(V),,@)
say	= $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))

all:

include lib/build.mk
-include tools/build.mk
-include tools/deb.mk
-include bench/build.mk
-include kmod/build.mk
-include selftests/build.mk

all: lib tools

$(O)/%.o: %.c | deps-build
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(CPPFLAGS) -c -o $@ $<

# What the machine lacks: installed when root, else named
DEPS	?= selftests/deps.sh
deps-%:
	$(Q)$(DEPS) $*

install: install-lib install-tools

uninstall: uninstall-lib uninstall-tools

clean:
	rm -rf build build-san build-clang build-san-clang build-fuzz \
		build-afl build-cov build-tsan

-include $(shell find $(O) -name '*.d' -type f 2>/dev/null)

.PHONY: all lib tools install uninstall clean
.DELETE_ON_ERROR:
