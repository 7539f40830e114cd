# SPDX-License-Identifier: GPL-2.0-only
#
# make modules [KDIR=…]
#	builds the kernel modules for the kernel whose build folder KDIR is,
#	into build/modules, where the sources are copied to: builds for several
#	kernels, with KO=… each, do not meet
# make modules_install
#	... and installs them for it
# make install-dkms
#	puts the sources where "dkms install libktls/VERSION" finds them

KDIR	?= /lib/modules/$(shell uname -r)/build
KO	?= $(O)/modules

kbuild-src := Kbuild $(wildcard kmod/Kbuild kmod/*.[ch] uapi/linux/*.h)
kbuild	   = +$(Q)$(MAKE) -C $(KDIR) M=$(abspath $(KO)) $(KFLAGS)

modules:
	$(Q)for f in $(kbuild-src); do \
		install -D -C -m 644 $$f $(KO)/$$f || exit; \
	done
	$(kbuild) modules

modules_install: modules
	$(kbuild) modules_install

dkms-dir = $(DESTDIR)/usr/src/libktls-$(VERSION)

install-dkms:
	for f in $(kbuild-src); do \
		install -D -m 644 $$f $(dkms-dir)/$$f || exit; \
	done
	install -m 644 kmod/dkms.conf $(dkms-dir)

.PHONY: modules modules_install install-dkms
