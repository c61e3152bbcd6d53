// SPDX-License-Identifier: Apache-2.0
// hvm_op and physdev_op.
#include "cases.h"
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/physdev.h>

static long ask(int op, void *argument) {
    return hypercall(__HYPERVISOR_hvm_op, op, (unsigned long)argument, 0);
}

static void sweep_parameter(int op, const struct xen_hvm_param *parameter, int copied_back) {
    sweep(&(struct call){ .number = __HYPERVISOR_hvm_op, .before = { op }, .position = 1,
        .structure = parameter, .size = sizeof(*parameter), .copied_back = copied_back });
}

// Which private interrupt brings the events is the hypervisor's choice.
static uint64_t settled(struct xen_hvm_param parameter) {
    return parameter.index == HVM_PARAM_CALLBACK_IRQ ? parameter.value & ~0xfful : parameter.value;
}

static void get_parameters(const char *when) {
    operation(when);
    for (unsigned index = 0; index <= HVM_NR_PARAMS; index++) {
        struct xen_hvm_param get = { .domid = DOMID_SELF, .index = index, .value = 0x5a };
        long code = ask(HVMOP_get_param, &get);
        tell_field(numbered("parameter ", index), code, "value", settled(get));
    }
    struct xen_hvm_param last = { .domid = DOMID_SELF, .index = ~0u };
    tell("parameter 2^32-1", ask(HVMOP_get_param, &last));
}

static void set_parameters(void) {
    operation("HVMOP_set_param");
    for (unsigned index = 0; index <= HVM_NR_PARAMS; index++) {
        if (index == HVM_PARAM_CALLBACK_IRQ || index == FATAL_PARAMETER) continue;
        struct xen_hvm_param set = { .domid = DOMID_SELF, .index = index, .value = 7 };
        tell(numbered("parameter ", index), ask(HVMOP_set_param, &set));
    }
    struct xen_hvm_param last = { .domid = DOMID_SELF, .index = ~0u };
    tell("parameter 2^32-1", ask(HVMOP_set_param, &last));
}

static void other_domains(void) {
    static const domid_t domains[] = { 0, NO_DOMAIN, DOMID_XEN, DOMID_INVALID };
    for (unsigned i = 0; i < COUNT(domains); i++) {
        for (unsigned j = 0; j < 2; j++) {
            struct xen_hvm_param none = { .domid = domains[i], .index = HVM_NR_PARAMS + j };
            operation(j ? "HVMOP_set_param" : "HVMOP_get_param");
            tell(numbered("a parameter that there is not, of domain ", domains[i]), ask(j ? HVMOP_set_param : HVMOP_get_param, &none));
        }
        struct xen_hvm_param parameter = { .domid = domains[i], .index = HVM_PARAM_CALLBACK_IRQ };
        operation("HVMOP_get_param");
        long code = ask(HVMOP_get_param, &parameter);
        tell_field(numbered("of domain ", domains[i]), code, "value", settled(parameter));
    }
}

void parameter_cases(void) {
    get_parameters("HVMOP_get_param");
    set_parameters();
    get_parameters("HVMOP_get_param after HVMOP_set_param");
    other_domains();
    struct xen_hvm_param good = { .domid = DOMID_SELF, .index = HVM_PARAM_STORE_PFN };
    operation("HVMOP_get_param");
    sweep_parameter(HVMOP_get_param, &good, 1);
    operation("HVMOP_set_param");
    sweep_parameter(HVMOP_set_param, &good, 0);
    operation("hvm_op");
    for (unsigned op = 2; op < 32; op++) {
        tell(numbered("no argument, operation ", op), ask(op, NULL));
        static uint64_t zeros[16];
        tell(numbered("zeros, operation ", op), ask(op, zeros));
    }
    operation("physdev_op");
    for (unsigned op = 0; op < 40; op++)
        tell(numbered("no argument, operation ", op), hypercall(__HYPERVISOR_physdev_op, op, 0, 0));
}
