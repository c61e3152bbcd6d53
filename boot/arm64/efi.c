// SPDX-License-Identifier: Apache-2.0
// Entered by EFI firmware, or by a loader that stands on it, with the MMU on and everything mapped one to one: takes the
// memory map and the device tree, leaves the firmware, and goes on at primary_entry as if a Linux boot loader had come.
// UEFI specification 2.10: chapters 4 (tables), 7 (boot services), 9.1 (loaded image); 2.3.6 (AArch64).
#include <stdint.h>

#include "boot.h"

typedef uint64_t status;
#define ERROR(n) (n | 1ULL << 63)
#define UNSUPPORTED ERROR(3)
#define OUT_OF_RESOURCES ERROR(9)

struct guid {
    uint64_t low, high;
};

struct text_output {
    void *reset;
    status (*output_string)(struct text_output *, const uint16_t *);
};

// Of the boot services only those that are called have a type here.
struct boot_services {
    uint8_t header[24];
    void *raise_tpl, *restore_tpl;
    status (*allocate_pages)(uint32_t how, uint32_t type, uint64_t pages, uint64_t *address);
    void *free_pages;
    status (*get_memory_map)(uint64_t *size, void *map, uint64_t *key, uint64_t *descriptor_size, uint32_t *version);
    void *others[21];
    status (*exit_boot_services)(void *image, uint64_t key);
};

struct configuration_table {
    struct guid guid;
    uint64_t table;
};

struct system_table {
    uint8_t header[24];
    uint16_t *vendor;
    uint64_t revision;
    void *input_handle, *input, *output_handle;
    struct text_output *output;
    void *error_handle, *error, *runtime;
    struct boot_services *boot;
    uint64_t tables;
    struct configuration_table *table;
};

static const struct guid device_tree = {0x41a5f19cb1b621d5, 0xe0aa692c15d90b83};

// Not zeroed at primary_entry; the sizes are 0 in the file, for who comes another way.
static char map[32768] __attribute__((aligned(16), section(".bss.noinit")));
static uint64_t map_size __attribute__((section(".data")));
static uint64_t descriptor_size __attribute__((section(".data")));

const void *boot_efi_map(void) { return map; }
uint64_t boot_efi_map_size(void) { return map_size; }
uint64_t boot_efi_descriptor_size(void) { return descriptor_size; }

static status refuse(struct system_table *system, const uint16_t *why, status code) {
    system->output->output_string(system->output, why);
    return code;
}

// The tree's address, or 0 where the firmware describes the machine by ACPI alone.
static uint64_t find_tree(const struct system_table *system) {
    for (uint64_t i = 0; i < system->tables; i++) {
        const struct guid *guid = &system->table[i].guid;
        if (guid->low == device_tree.low && guid->high == device_tree.high) return system->table[i].table;
    }
    return 0;
}

// The map, and the end of the firmware. A map may be stale the first time: leaving can free memory.
static status leave(struct boot_services *boot, void *image) {
    status result = 0;
    for (int attempt = 0; attempt < 2; attempt++) {
        uint64_t key;
        uint32_t version;
        map_size = sizeof map;
        result = boot->get_memory_map(&map_size, map, &key, &descriptor_size, &version);
        if (result == 0) result = boot->exit_boot_services(image, key);
        if (result == 0) return 0;
    }
    map_size = 0;
    return result;
}

status efi_main(void *image, struct system_table *system, uint64_t level) {
    if (level != 2)
        return refuse(system, u"swift-xen: entered below EL2: is virtualisation switched on?\r\n", UNSUPPORTED);
    uint64_t tree = find_tree(system);
    if (tree == 0)
        return refuse(system, u"swift-xen: the firmware has no device tree, expected one (ACPI alone will not do)\r\n", UNSUPPORTED);
    // Where the first page tables map it in one block, wherever the firmware has put it.
    uint64_t size = (uint64_t)(_image_end - _start), block = 2 << 20, place;
    if (system->boot->allocate_pages(0, 2, (size + block) >> 12, &place) != 0)
        return refuse(system, u"swift-xen: no memory for the hypervisor\r\n", OUT_OF_RESOURCES);
    place = (place + block - 1) & ~(block - 1);
    status result = leave(system->boot, image);
    if (result != 0) return refuse(system, u"swift-xen: the firmware does not let go\r\n", result);
    const uint64_t *from = (const uint64_t *)_start;
    for (uint64_t i = 0; i < size / 8; i++) ((volatile uint64_t *)place)[i] = from[i];
    efi_leave(tree, place, size);
}
