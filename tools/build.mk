# SPDX-License-Identifier: MIT
# ktls: the program, linked with the static library so that it runs anywhere,
# or with SHARED=1 with what is installed beside it

tools-src  := $(sort $(wildcard tools/*.c))
tools-obj  := $(tools-src:%.c=$(O)/%.o)
tools-libs := -lhttp_parser -luring -lnl-genl-3 -lnl-3 -lkeyutils -lhiredis \
	-pthread

tools: $(O)/ktls

# expanded when used: by then the package is installed
$(tools-obj): CPPFLAGS += -Ilib/include -Iuapi \
	$(shell $(PKG_CONFIG) --cflags libnl-genl-3.0)

tools-ext := $(if $(SHARED),so,a)

$(O)/ktls: $(tools-obj) $(O)/libktls-uring.$(tools-ext) \
		$(O)/libktls.$(tools-ext)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(lib-libs) $(tools-libs)

install-tools: tools
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1
	install -m 755 $(O)/ktls $(DESTDIR)$(BINDIR)
	install -m 644 lib/man/ktls.1 $(DESTDIR)$(MANDIR)/man1

uninstall-tools:
	rm -f $(DESTDIR)$(BINDIR)/ktls $(DESTDIR)$(MANDIR)/man1/ktls.1

.PHONY: tools install-tools uninstall-tools
