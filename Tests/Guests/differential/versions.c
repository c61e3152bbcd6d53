// SPDX-License-Identifier: Apache-2.0
// xen_version, vm_assist. Texts that name the build are not told.
#include "cases.h"
#include <xen/features.h>
#include <xen/version.h>

static long ask(int op, void *argument) {
    return hypercall(__HYPERVISOR_xen_version, op, (unsigned long)argument, 0);
}

static unsigned length_of(const char *text, unsigned most) {
    unsigned length = 0;
    while (length < most && text[length]) length++;
    return length;
}

static void text_operations(void) {
    static char text[2048];
    static const struct { const char *name; int op; unsigned size; int is_same; } rows[] = {
        { "XENVER_extraversion", XENVER_extraversion, XEN_EXTRAVERSION_LEN, 0 },
        { "XENVER_compile_info", XENVER_compile_info, sizeof(xen_compile_info_t), 0 },
        { "XENVER_capabilities", XENVER_capabilities, sizeof(xen_capabilities_info_t), 1 },
        { "XENVER_changeset", XENVER_changeset, sizeof(xen_changeset_info_t), 0 },
        { "XENVER_commandline", XENVER_commandline, sizeof(xen_commandline_t), 0 },
        { "XENVER_platform_parameters", XENVER_platform_parameters, sizeof(xen_platform_parameters_t), 0 },
        { "XENVER_guest_handle", XENVER_guest_handle, sizeof(xen_domain_handle_t), 0 },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        operation(rows[i].name);
        for (unsigned j = 0; j < sizeof(text); j++) text[j] = 0x55;
        long code = ask(rows[i].op, text);
        told("good", code);
        if (rows[i].is_same) text_field("text", text);
        unsigned written = sizeof(text);
        while (written && text[written - 1] == 0x55) written--;
        if (rows[i].op != XENVER_commandline && rows[i].op != XENVER_extraversion) field("bytes written", written);
        field("ends in time", length_of(text, sizeof(text)) < rows[i].size);
        end();
        static char zeros[2048];
        sweep(&(struct call){ .number = __HYPERVISOR_xen_version, .before = { rows[i].op }, .position = 1,
            .structure = zeros, .size = rows[i].size, .copied_back = 1 });
    }
}

static void values(void) {
    operation("XENVER_platform_parameters");
    xen_platform_parameters_t parameters;
    tell_field("values", ask(XENVER_platform_parameters, &parameters), "virt_start", parameters.virt_start);
    operation("XENVER_extraversion");
    xen_extraversion_t extra;
    told("values", ask(XENVER_extraversion, extra));
    text_field("text", extra);
    end();
}

static void features(void) {
    operation("XENVER_get_features");
    static const uint32_t indices[] = { 0, 1, ~0u };
    for (unsigned i = 0; i < COUNT(indices); i++) {
        xen_feature_info_t info = { .submap_idx = indices[i] };
        long code = ask(XENVER_get_features, &info);
        tell_field(numbered("submap ", indices[i]), code, "bits", info.submap);
    }
    xen_feature_info_t good = { .submap_idx = 0 };
    sweep(&(struct call){ .number = __HYPERVISOR_xen_version, .before = { XENVER_get_features }, .position = 1,
        .structure = &good, .size = sizeof(good), .copied_back = 1 });
}

static void vm_assist(void) {
    operation("vm_assist");
    static const unsigned types[] = { 0, 1, 2, 3, 4, 5, 6, 32, 63, 64, ~0u };
    for (unsigned command = 0; command < 3; command++) {
        static const char *const names[] = { "enable ", "disable ", "command 2, " };
        for (unsigned i = 0; i < COUNT(types); i++)
            tell(numbered(names[command], types[i]), hypercall(__HYPERVISOR_vm_assist, command, types[i], 0));
    }
    tell("command 2^32-1", hypercall(__HYPERVISOR_vm_assist, ~0u, VMASST_TYPE_runstate_update_flag, 0));
    tell("upper halves are not looked at",
         hypercall(__HYPERVISOR_vm_assist, POWER(32), POWER(32) | VMASST_TYPE_runstate_update_flag, 0));
}

void version_cases(void) {
    operation("XENVER_version");
    tell("good", ask(XENVER_version, NULL));
    tell("an argument that is not looked at", ask(XENVER_version, (void *)HOLE));
    operation("XENVER_pagesize");
    tell("good", ask(XENVER_pagesize, NULL));
    tell("with an argument", ask(XENVER_pagesize, &(long){ 0 }));
    text_operations();
    values();
    features();
    operation("XENVER_build_id");
    tell("length", ask(XENVER_build_id, NULL) > 0);
    xen_build_id_t small = { .len = 0 };
    tell("no room", ask(XENVER_build_id, &small));
    tell("where nothing is", ask(XENVER_build_id, (void *)HOLE));
    operation("xen_version");
    tell("operation 11", ask(11, NULL));
    tell("operation 2^32-1", ask(-1, NULL));
    vm_assist();
}
