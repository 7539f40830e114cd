# SPDX-License-Identifier: MIT
# libktls: shared and static, its header, its pkg-config file, its manual

lib-src	:= $(sort $(wildcard lib/*.c))
lib-obj	:= $(lib-src:%.c=$(O)/%.o)
lib-so	:= $(O)/libktls.so.$(VERSION)
lib-libs = $(shell $(PKG_CONFIG) --libs libcrypto) -pthread -ldl

lib: $(O)/libktls.a $(O)/libktls.so

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

# As installed: one object, in which no name is global but those of the map.
# (The one above leaves the tests their way into the library.)
$(O)/install/libktls.a: $(lib-obj)
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D) && rm -f $@
	$(Q)$(LD) -r -o $(@D)/libktls.o $^
	$(Q)$(OBJCOPY) --localize-hidden $(@D)/libktls.o
	$(Q)$(AR) rcs $@ $(@D)/libktls.o

install-lib: lib $(O)/install/libktls.a
	install -d $(DESTDIR)$(LIBDIR) $(DESTDIR)$(INCDIR) $(DESTDIR)$(PKGDIR) \
		$(DESTDIR)$(MANDIR)/man7
	install -m 644 $(O)/install/libktls.a $(DESTDIR)$(LIBDIR)
	install -m 755 $(lib-so) $(DESTDIR)$(LIBDIR)
	cp -Pf $(O)/libktls.so $(O)/libktls.so.$(SOMAJOR) $(DESTDIR)$(LIBDIR)
	install -m 644 lib/include/ktls.h $(DESTDIR)$(INCDIR)
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
		-e 's|@INCDIR@|$(INCDIR)|' -e 's|@VERSION@|$(VERSION)|' \
		lib/ktls.pc.in > $(O)/install/libktls.pc
	install -m 644 $(O)/install/libktls.pc $(DESTDIR)$(PKGDIR)
	install -m 644 lib/man/ktls.7 $(DESTDIR)$(MANDIR)/man7

uninstall-lib:
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,libktls.a libktls.so \
			libktls.so.$(SOMAJOR) libktls.so.$(VERSION)) \
		$(DESTDIR)$(INCDIR)/ktls.h $(DESTDIR)$(PKGDIR)/libktls.pc \
		$(DESTDIR)$(MANDIR)/man7/ktls.7

.PHONY: lib install-lib uninstall-lib
