# SPDX-License-Identifier: MIT
#
# make deb
#	Debian's source package and binary packages, into build/deb/, from the
#	files that git tracks.  Debian wants its folder at the top, so a copy of
#	the tree has it there.  What comes out depends on those files and on the
#	time of the last commit, or $SOURCE_DATE_EPOCH, and not on the
#	environment.

deb-src := $(O)/deb/libktls-$(VERSION)

deb: | deps-deb deps-build
	$(Q)tools/debian/layout.sh $(VERSION) $(deb-src)
	$(Q)cd $(deb-src) && env -i PATH="$$PATH" HOME="$$HOME" \
		DEB_BUILD_OPTIONS="$$DEB_BUILD_OPTIONS" \
		dpkg-buildpackage -us -uc

.PHONY: deb
