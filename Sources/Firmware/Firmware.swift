// SPDX-License-Identifier: Apache-2.0

/// ACPI, device tree, multiboot, PVH start info, ELF, command line: spans of bytes in, values out.
