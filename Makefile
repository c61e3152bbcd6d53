# SPDX-License-Identifier: Apache-2.0
# `make help` lists the targets and their variables.

SHELL := /bin/bash
PYTHON := /usr/bin/python3
BUILD := build

# ---- Help -----------------------------------------------------------------------------------------

.DEFAULT_GOAL := all

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z -]*:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@awk -F '## ' '/^[A-Z0-9]+ *[?]=.*## / { split($$1, word, " *[?]= *"); printf "  %-8s %-8s %s\n", word[1], word[2], $$2 }' \
	    $(MAKEFILE_LIST)

# ---- What a fresh Debian 12 must have ---------------------------------------------------------------

PACKAGES := $(shell sed 's/\#.*//' Tests/Image/packages.txt)

.PHONY: deps
deps: $(BUILD)/.deps ## install the Debian packages that building and testing need

$(BUILD)/.deps: Tests/Image/packages.txt
	@mkdir -p $(BUILD)
	@missing=$$(for package in $(PACKAGES); do \
	    dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || echo $$package; done); \
	if [ -n "$$missing" ]; then \
	    echo "installing" $$missing; \
	    as_root=$$([ $$(id -u) = 0 ] || echo sudo); \
	    $$as_root apt-get -q update && \
	    $$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $$missing; \
	fi
	@command -v swift >/dev/null || { echo "swift is not in PATH: install the Swift 6.3 toolchain (README.md)"; false; }
	@touch $@

# ---- Running and testing ----------------------------------------------------------------------------

ARCH   ?= arm64## arm64, arm32 or x86_64
GIC    ?= 3## ARM interrupt controller: 3 or 2
SMP    ?= 2## processors of the machine
MEM    ?= 3G## its memory
IOMMU  ?=## x86_64: amd or intel; none if empty
LOADER ?= direct## x86_64: or pvh, grub-bios, grub-uefi, ipxe; arm64: or grub-uefi
ICOUNT ?=## 1: one instruction is one nanosecond, and runs repeat
XEN    ?= ours## hypervisor image: ours, reference (Debian's Xen 4.17) or a path
CMDLINE ?=## more words for the hypervisor
DOM0   ?=## more words for dom0's kernel
RELEASE ?=## whose kernel dom0 has: bullseye, bookworm-backports, trixie or sid; Debian 12's if empty
ONLY   ?=## check, soak: regexp that selects rows
N      ?= 200## soak: number of boots

BOOT := $(PYTHON) Tests/Image/boot.py

# Only the image that is going to be booted is built for it.
image_of = $(if $(filter ours,$(XEN)),$(BUILD)/$(1)/xen)

.PHONY: run
run: deps $(call image_of,$(ARCH)) ## boot dom0 in QEMU, with its shell on this terminal
	@$(BOOT) run --hypervisor "$(XEN)" --isa $(ARCH) --gic $(GIC) --smp $(SMP) --mem $(MEM) \
	    --loader $(LOADER) --iommu "$(IOMMU)" $(if $(ICOUNT),--icount) --release "$(RELEASE)" --hypervisor-words "$(CMDLINE)" --words "$(DOM0)"

# ---- Our own test guests ------------------------------------------------------------------------------

# Xen's public headers as Debian ships them, and nothing else of /usr/include.
GUEST_INCLUDE := $(BUILD)/guests/include
GUEST_FLAGS := -ffreestanding -O2 -Wall -Wextra -Wno-missing-field-initializers -Werror -g -isystem $(GUEST_INCLUDE)
GUEST_FLAGS_arm64 := --target=aarch64-none-elf -mgeneral-regs-only -mstrict-align -mno-outline-atomics -fPIE -fdirect-access-external-data \
    -Wl,-pie,--no-dynamic-linker,-z,norelro
GUEST_FLAGS_x86_64 := --target=x86_64-none-elf -mgeneral-regs-only -mno-red-zone -fno-pic -static -Wl,-z,norelro,--build-id=none
GUEST_FLAGS_x86_32 := --target=i386-none-elf -march=i686 -mgeneral-regs-only -fno-pic -static -Wl,-z,norelro,--build-id=none
# What guests of either width share.
GUEST_FAMILY_arm64 := arm64
GUEST_FAMILY_x86_64 := x86
GUEST_FAMILY_x86_32 := x86
GUESTS := $(addprefix $(BUILD)/guests/arm64/,bench differential hostile three_level waits watchdog) \
    $(addprefix $(BUILD)/guests/x86_64/,bench differential hostile three_level waits) $(BUILD)/guests/x86_32/differential
# What a loader takes: a Linux Image is flat, a PVH kernel an ELF file.
GUEST_FORMAT_arm64 := -O binary
GUEST_FORMAT_x86_64 := --strip-debug
GUEST_FORMAT_x86_32 := --strip-debug

# What stands in for a board's firmware.
FIRMWARE := $(addprefix $(BUILD)/guests/arm64/,spin_table workarounds)

# Kernels of one source, each linked at a place of its own; the second's file is of 32-bit class for 64-bit x86.
PLACED := $(addprefix $(BUILD)/guests/x86_64/placed-,1m 2m moved)
PLACED_FLAGS_1m := -Wl,--defsym=LINK_ADDRESS=0x100000
PLACED_FLAGS_2m := -Wl,--defsym=LINK_ADDRESS=0x200000
PLACED_FLAGS_moved := -Wl,--defsym=LINK_ADDRESS=0xc0000000 -DRELOCATES
PLACED_FORMAT_2m := -O elf32-x86-64

.PHONY: guests
guests: $(GUESTS) $(PLACED) $(FIRMWARE)

# $(call guest_sources,name,ISA): what a guest is made of: its own files, and those that all share.
guest_sources = boot/common/memory.c $(wildcard $(foreach directory,Tests/Guests/common Tests/Guests/$(1), \
    $(directory)/*.[ch] $(foreach part,$(sort $(2) $(GUEST_FAMILY_$(2))),$(directory)/$(part)/*.[chS] $(directory)/$(part)/*.ld)))

define guest_rule
$(BUILD)/guests/$(2)/$(1): $(call guest_sources,$(1),$(2)) | $(BUILD)/.deps
	@mkdir -p $(GUEST_INCLUDE) $$(@D)
	@ln -sfn /usr/include/xen $(GUEST_INCLUDE)/xen
	clang $(GUEST_FLAGS) $(GUEST_FLAGS_$(2)) -ITests/Guests/common -ITests/Guests/common/$(2) -ITests/Guests/$(1) -fuse-ld=lld -nostdlib \
	    -T Tests/Guests/common/$(GUEST_FAMILY_$(2))/link.ld -o $$@.elf $$(filter %.c %.S,$$^)
	llvm-objcopy $(GUEST_FORMAT_$(2)) $$@.elf $$@
endef

# Firmware is flat code without anything of a guest's.
$(FIRMWARE): $(BUILD)/guests/arm64/%: Tests/Guests/%/arm64/firmware.S | $(BUILD)/.deps
	@mkdir -p $(@D)
	clang --target=aarch64-none-elf -nostdlib -fuse-ld=lld -Wl,--image-base=0,-Ttext=0 -o $@.elf $<
	llvm-objcopy -O binary $@.elf $@

$(PLACED): $(BUILD)/guests/x86_64/placed-%: Tests/Guests/placed/placed.S Tests/Guests/placed/link.ld | $(BUILD)/.deps
	@mkdir -p $(@D)
	clang --target=x86_64-none-elf $(PLACED_FLAGS_$*) -nostdlib -static -fuse-ld=lld -Wl,--build-id=none -T Tests/Guests/placed/link.ld -o $@.elf $<
	llvm-objcopy $(PLACED_FORMAT_$*) $@.elf $@

$(foreach guest,$(GUESTS),$(eval $(call guest_rule,$(notdir $(guest)),$(notdir $(patsubst %/,%,$(dir $(guest)))))))

.PHONY: unit
unit: deps ## host tests of the portable modules, with 10 million random operations beside models and 10 million on a whole machine
	XEN_MODEL_SCALE=32 XEN_LAW_STEPS=3400000 swift test -c release -Xswiftc -enable-testing --scratch-path $(BUILD)/unit --xunit-output $(BUILD)/unit.xml

# Tests with threads have names that begin so.
.PHONY: sanitize
sanitize: deps ## the host tests with threads, under the thread sanitizer
	swift test --sanitize=thread --scratch-path $(BUILD)/sanitize --filter '/(threads|excludesOther|nobodyCopies)|ConcurrencyTests'

.PHONY: coverage
coverage: deps ## lines of each module that the host tests run
	swift test --enable-code-coverage --scratch-path $(BUILD)/coverage > $(BUILD)/coverage.log 2>&1 || { tail -20 $(BUILD)/coverage.log; false; }
	@$(PYTHON) Tests/Lint/coverage.py $(BUILD)/coverage

.PHONY: lint
lint: deps ## format and house rules
	@swift format lint --strict --recursive Sources
	@$(PYTHON) Tests/Lint/lint.py

.PHONY: abi
abi: deps ## write docs/abi.md, from the headers, the dispatch and the tests
	@$(PYTHON) Tests/Lint/abi.py

.PHONY: test
test: deps ## everything: host tests, lint and gates, images booted for real
	@$(PYTHON) Tests/Image/suite.py

# The images that rows boot: those of a hypervisor that is ours. $(1): XEN, $(2): ONLY.
build_images = images=$$($(BOOT) images --hypervisor $(1) --select '$(2)') && { [ -z "$$images" ] || $(MAKE) --no-print-directory $$images; }

.PHONY: check
check: deps guests ## boot the rows of Tests/Image/checks.py (ONLY=, XEN=ours|reference)
	@$(call build_images,$(XEN),$(value ONLY))
	@$(BOOT) check --hypervisor $(XEN) --release "$(RELEASE)" --select '$(value ONLY)'

.PHONY: test-reference
test-reference: deps guests ## the same rows on Debian's Xen: does the harness itself work
	@$(BOOT) check --hypervisor reference --release "$(RELEASE)" --select '$(value ONLY)'

.PHONY: bench
bench: deps guests $(call image_of,$(ARCH)) ## instructions per operation: Debian's Xen, ours, and the ratio (ARCH=)
	@$(PYTHON) Tests/Image/bench.py --isa $(ARCH) --select '$(value ONLY)' $(if $(filter-out ours,$(XEN)),--hypervisor "$(XEN)")

.PHONY: bench-gate
bench-gate: deps guests $(BUILD)/arm64/xen $(BUILD)/x86_64/xen
	@$(PYTHON) Tests/Image/bench.py --gate

.PHONY: breadth
breadth: deps $(BUILD)/arm64/xen $(BUILD)/x86_64/xen ## Debian's kernels x loaders x machines: every pair of values at least once (ONLY=)
	@$(BOOT) breadth --select '$(value ONLY)'

.PHONY: soak
soak: deps guests ## boot dom0 N times over and report the failures
	@$(call build_images,$(XEN),$(or $(value ONLY),^arm64-dom0-gicv3-smp2$$))
	@$(BOOT) soak --hypervisor $(XEN) --release "$(RELEASE)" --count $(N) $(if $(ONLY),--select '$(value ONLY)')

# ---- Images -------------------------------------------------------------------------------------------

ISAS := arm64 arm32 x86_64
TRIPLE_arm64  := aarch64-none-none-elf
TRIPLE_arm32  := armv7-none-none-eabi
TRIPLE_x86_64 := x86_64-unknown-none-elf
LINK := -z norelro --gc-sections --build-id=sha1

IMAGE_SOURCES := $(shell find Sources arch boot -type f) Package.swift

.PHONY: all
all: $(ISAS:%=$(BUILD)/%/xen) ## the three images

# Compiled, linked twice (the second time with the table of function names that backtraces use), checked, flattened.
# The whole-module objects are linked as they are: SwiftPM's archive knows only of per-file objects, and those ignore
# -function-sections, without which --gc-sections cannot drop the runtime's allocation entry points.
# $(2): environment of the build; $(1)$(3) is the directory of the image.
define image_rule
$(BUILD)/$(1)$(3)/xen.elf: $(IMAGE_SOURCES) linker/$(1).ld linker/symbols.py
	@mkdir -p $$(@D)
	XEN_IMAGE=$(1) $(2) swift build --triple $(TRIPLE_$(1)) -c release --scratch-path $$(@D)/swift \
	    --explicit-target-dependency-import-check error
	find $$(@D)/swift/$(TRIPLE_$(1))/release -path '*.build/*.o' ! -name '*.swift.o' > $$(@D)/objects
	ld.lld $(LINK) -T linker/$(1).ld -o $$@.unnamed @$$(@D)/objects
	llvm-nm -n --defined-only $$@.unnamed | $(PYTHON) linker/symbols.py > $$(@D)/symbols.S
	clang --target=$(TRIPLE_$(1)) -c $$(@D)/symbols.S -o $$(@D)/symbols.o
	ld.lld $(LINK) -T linker/$(1).ld -o $$@ @$$(@D)/objects $$(@D)/symbols.o
	@rm $$@.unnamed
endef
$(foreach isa,$(ISAS),$(eval $(call image_rule,$(isa))))
# Every lock checks that it is taken in its order.
$(foreach isa,arm64 x86_64,$(eval $(call image_rule,$(isa),XEN_CHECKED=1,-checked)))

$(BUILD)/arm64/xen $(BUILD)/arm64-checked/xen $(BUILD)/arm32/xen: %/xen: %/xen.elf
	llvm-objcopy -O binary $< $@
	@$(PYTHON) linker/gates.py $<

# Loaders want an ELF32 with multiboot headers; the variant without the first of them is for those that go by the PVH note.
$(BUILD)/x86_64/xen $(BUILD)/x86_64-checked/xen: %/xen: %/xen.elf linker/elf32.py
	llvm-objcopy -O binary $< $<.flat
	$(PYTHON) linker/elf32.py $< $<.flat $@-pvh --without-multiboot1
	$(PYTHON) linker/elf32.py $< $<.flat $@
	@rm $<.flat
	@$(PYTHON) linker/gates.py $<
