# SPDX-License-Identifier: MIT
# libktls: shared and static, its header, its pkg-config file, its manual

uring-src := $(sort $(wildcard lib/uring*.c))
uring-obj := $(uring-src:%.c=$(O)/%.o)
uring-so  := $(O)/libktls-uring.so.$(VERSION)
lib-src	:= $(filter-out $(uring-src),$(sort $(wildcard lib/*.c)))
lib-obj	:= $(lib-src:%.c=$(O)/%.o)
lib-so	:= $(O)/libktls.so.$(VERSION)
lib-libs = $(shell $(PKG_CONFIG) --libs libcrypto) -pthread -ldl

lib: $(O)/libktls.a $(O)/libktls.so $(O)/libktls-uring.a $(O)/libktls-uring.so

$(O)/libktls.a: $(lib-obj)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(lib-so): $(lib-obj) lib/libktls.map
	$(call say,LINK,$@)
	$(Q)$(CC) -shared -Wl,-soname,libktls.so.$(SOMAJOR) \
		-Wl,--version-script=lib/libktls.map $(LDFLAGS) \
		$(if $(SAN),,-Wl,--no-undefined) -o $@ $(lib-obj) $(lib-libs)

$(O)/libktls.so: $(lib-so)
	$(Q)ln -sf $(notdir $<) $(O)/libktls.so.$(SOMAJOR)
	$(Q)ln -sf libktls.so.$(SOMAJOR) $@

# The same on an io_uring, by libktls' public calls alone
$(O)/libktls-uring.a: $(uring-obj)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(uring-so): $(uring-obj) lib/libktls-uring.map $(O)/libktls.so
	$(call say,LINK,$@)
	$(Q)$(CC) -shared -Wl,-soname,libktls-uring.so.$(SOMAJOR) \
		-Wl,--version-script=lib/libktls-uring.map $(LDFLAGS) \
		$(if $(SAN),,-Wl,--no-undefined) -o $@ $(uring-obj) \
		-L$(O) -lktls -luring

$(O)/libktls-uring.so: $(uring-so)
	$(Q)ln -sf $(notdir $<) $(O)/libktls-uring.so.$(SOMAJOR)
	$(Q)ln -sf libktls-uring.so.$(SOMAJOR) $@

# Section 3, out of the headers
headers := $(patsubst %,lib/include/%.h,ktls ktls_agent ktls_uring)
$(O)/man3/.stamp: lib/man/man3.awk lib/man/ktls.7 $(headers) Makefile
	$(call say,MAN,$(@D))
	$(Q)rm -rf $(@D) && mkdir -p $(@D)
	$(Q)awk -v dir=$(@D) -v version=$(VERSION) \
		-v date="$$(sed -n 's/^\.Dd //p' lib/man/ktls.7)" \
		-f lib/man/man3.awk pass=1 $(headers) pass=2 $(headers)
	$(Q)chmod 644 $(@D)/*.3 && touch $@

# What programs that were built with this rely on.  lib/libktls.abi has it as it
# is meant to be: "make abi-update" where a change to it is.  "make abi" says
# what an earlier version, or ABI_BASE=REV, had and this one has not.
$(O)/libktls.abi: lib/abi.py $(headers) $(lib-so) $(uring-so)
	$(call say,ABI,$@)
	$(Q)O=$(O) gdb -nx -batch -x $< >$@

abi: lib $(O)/libktls.abi
	$(Q)base=$(ABI_BASE); \
	[ "$$base" ] || base=$$(git describe --tags --abbrev=0 \
				--match 'v[0-9]*' 2>/dev/null) || { \
		echo "No release (a tag v*) is known here that it could differ"; \
		echo "from: make abi ABI_BASE=REV takes any other commit."; exit; }; \
	git show "$$base:lib/libktls.abi" >$(O)/base.abi || exit 1; \
	if awk -f lib/abi.awk $(O)/base.abi $(O)/libktls.abi; then \
		echo "All that $$base had is there."; \
	else \
		echo "$$base had that: without it, SOMAJOR has to change." >&2; \
		exit 1; \
	fi

abi-update: lib $(O)/libktls.abi
	cp $(O)/libktls.abi lib/libktls.abi

# As installed: one object, in which no name is global but those of the map.
# (The one above leaves the tests their way into the library.)
$(O)/install/libktls.a: $(lib-obj)
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D) && rm -f $@
	$(Q)$(LD) -r -o $(@D)/libktls.o $^
	$(Q)$(OBJCOPY) --localize-hidden $(@D)/libktls.o
	$(Q)$(AR) rcs $@ $(@D)/libktls.o

$(O)/install/libktls-uring.a: $(uring-obj)
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D) && rm -f $@
	$(Q)$(LD) -r -o $(@D)/libktls-uring.o $^
	$(Q)$(OBJCOPY) --localize-hidden $(@D)/libktls-uring.o
	$(Q)$(AR) rcs $@ $(@D)/libktls-uring.o

install-lib: lib $(O)/install/libktls.a $(O)/install/libktls-uring.a \
		$(O)/man3/.stamp
	install -d $(DESTDIR)$(LIBDIR) $(DESTDIR)$(INCDIR) $(DESTDIR)$(PKGDIR) \
		$(DESTDIR)$(MANDIR)/man3 $(DESTDIR)$(MANDIR)/man7
	install -m 644 $(O)/install/libktls.a $(O)/install/libktls-uring.a \
		$(DESTDIR)$(LIBDIR)
	install -m 755 $(lib-so) $(uring-so) $(DESTDIR)$(LIBDIR)
	cp -Pf $(O)/libktls.so $(O)/libktls.so.$(SOMAJOR) \
		$(O)/libktls-uring.so $(O)/libktls-uring.so.$(SOMAJOR) \
		$(DESTDIR)$(LIBDIR)
	install -m 644 $(headers) $(DESTDIR)$(INCDIR)
	for pc in ktls ktls-uring; do \
		sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
		-e 's|@INCDIR@|$(INCDIR)|' -e 's|@VERSION@|$(VERSION)|' \
		lib/$$pc.pc.in > $(O)/install/lib$$pc.pc || exit 1; done
	install -m 644 $(O)/install/libktls.pc $(O)/install/libktls-uring.pc \
		$(DESTDIR)$(PKGDIR)
	cp -Pf --preserve=mode $(O)/man3/*.3 $(DESTDIR)$(MANDIR)/man3
	install -m 644 lib/man/ktls.7 $(DESTDIR)$(MANDIR)/man7

uninstall-lib:
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,libktls.a libktls.so \
			libktls.so.$(SOMAJOR) libktls.so.$(VERSION) \
			libktls-uring.a libktls-uring.so \
			libktls-uring.so.$(SOMAJOR) \
			libktls-uring.so.$(VERSION)) \
		$(headers:lib/include/%=$(DESTDIR)$(INCDIR)/%) \
		$(DESTDIR)$(PKGDIR)/libktls.pc \
		$(DESTDIR)$(PKGDIR)/libktls-uring.pc \
		$(DESTDIR)$(MANDIR)/man3/ktls_*.3 $(DESTDIR)$(MANDIR)/man7/ktls.7

.PHONY: lib abi abi-update install-lib uninstall-lib
