# SPDX-License-Identifier: MIT
#
# What to measure with, linked with the static library. See bench/README.md.

bench-progs := $(O)/bench/file_to_socket $(O)/bench/uring_file \
	$(O)/bench/handshake $(O)/bench/connect $(O)/bench/connections $(O)/bench/bulk
bench-obj   := $(patsubst %.c,$(O)/%.o,$(wildcard bench/*.c))

$(bench-obj): CPPFLAGS += -Ilib/include

$(O)/bench/file_to_socket: $(patsubst %,$(O)/bench/%.o,file_to_socket file paths \
		paths_call paths_cold paths_ring \
		links meter refusals sample) \
		$(O)/tools/selfsigned.o $(O)/tools/text.o $(O)/libktls.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(lib-libs) -luring

$(O)/bench/uring_file: $(patsubst %,$(O)/bench/%.o,uring_file file links \
		meter sample) $(O)/tools/selfsigned.o $(O)/tools/text.o \
		$(O)/libktls-uring.a $(O)/libktls.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(lib-libs) -luring

# which counts what is allocated
wrap-heap := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free \
	-Wl,--wrap=vault_alloc,--wrap=vault_free

# one more to compare with, where it is
gnutls-libs := $(shell pkg-config --libs gnutls 2>/dev/null)
ifneq ($(gnutls-libs),)
$(O)/bench/hs_gnutls.o: CPPFLAGS += -DHAVE_GNUTLS
endif

$(O)/bench/handshake: $(patsubst %,$(O)/bench/%.o,cn_ssl ends handshake hs_floor heap \
		hs_gnutls hs_ktls hs_pki hs_ssl) $(O)/libktls.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) $(wrap-heap) -o $@ $^ -lssl $(gnutls-libs) \
		$(lib-libs)

$(O)/bench/connections: $(patsubst %,$(O)/bench/%.o,connections ends cn_idle \
		cn_ktls cn_rate cn_sizes cn_socket cn_ssl cn_tcp heap hs_pki \
		sample) \
		$(O)/libktls.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) $(wrap-heap) -o $@ $^ -lssl $(lib-libs)

$(O)/bench/bulk: $(patsubst %,$(O)/bench/%.o,bulk bulk_links bulk_roof ends cn_ktls \
		cn_socket cn_ssl cn_tcp file heap hs_pki meter sample) \
		$(O)/libktls.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) $(wrap-heap) -o $@ $^ -lssl $(lib-libs) -luring

$(O)/bench/connect: $(O)/bench/connect.o $(O)/libktls.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(lib-libs)

bench-build: $(bench-progs)

# What this kernel can, the same with kTLS, and instructions counted
bench: bench-build tools
	$(O)/bench/handshake -o $(O)/bench/handshake.tsv
	$(O)/bench/bulk -o $(O)/bench/bulk.tsv
	$(O)/bench/connections -o $(O)/bench/connections.tsv
	$(O)/bench/file_to_socket -d $(O)/bench -o $(O)/bench/file_to_socket.tsv
	bench/serve.sh
bench-vm: bench-build tools
	bench/vm.sh bash -c '$(O)/bench/bulk -o $(O)/bench/bulk-vm.tsv && \
		$(O)/bench/connections -r 1 -o $(O)/bench/connections-vm.tsv && $(O)/bench/file_to_socket -r 7 \
		-d $$BENCH_DISK -o $(O)/bench/file_to_socket-vm.tsv && \
		bench/serve.sh -r 3 -o $(O)/bench/serve-vm.tsv'
	selftests/vm/vm.sh -k qemu-7.3 -i -t 900 -- $(O)/bench/bulk -r 1 -m 4 \
		-n 1 -o $(O)/bench/bulk-count.tsv

.PHONY: bench bench-build bench-vm
