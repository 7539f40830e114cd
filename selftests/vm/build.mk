# SPDX-License-Identifier: GPL-2.0-only
#
# make vm CMD="…" [VM=uml|qemu-6.12|qemu-7.3] [T=seconds] [VMFLAGS=-v]
#	runs CMD on a kernel with kTLS
# make vm-fetch [VM=…]
#	gets that kernel, if it is not there yet

VM ?= uml
T ?= 300

.PHONY: vm vm-fetch

# By way of the environment, so that CMD is parsed once: by the shell in the VM.
vm: export KTLS_VM_CMD = $(CMD)
vm: vm-fetch
	$(if $(CMD),,$(error usage: make vm CMD="…" [VM=…] [T=seconds]))
	@selftests/vm/vm.sh -k $(VM) -t $(T) $(VMFLAGS) -- \
		bash -c "$$KTLS_VM_CMD"

vm-fetch:
	@selftests/deps.sh vm-$(firstword $(subst -, ,$(VM)))
	@selftests/vm/fetch.sh $(VM) >/dev/null
