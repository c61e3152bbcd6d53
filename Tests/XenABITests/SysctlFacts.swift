// SPDX-License-Identifier: Apache-2.0

import XenABI

extension Facts {
    mutating func addSysctls(_ caller: Caller) {
        cases(
            "XEN_SYSCTL_",
            [
                "readconsole": .readconsole,
                "tbuf_op": .tbufOp,
                "physinfo": .physinfo,
                "sched_id": .schedId,
                "perfc_op": .perfcOp,
                "getdomaininfolist": .getdomaininfolist,
                "debug_keys": .debugKeys,
                "getcpuinfo": .getcpuinfo,
                "availheap": .availheap,
                "get_pmstat": .getPmstat,
                "cpu_hotplug": .cpuHotplug,
                "pm_op": .pmOp,
                "page_offline_op": .pageOfflineOp,
                "lockprof_op": .lockprofOp,
                "cputopoinfo": .cputopoinfo,
                "numainfo": .numainfo,
                "cpupool_op": .cpupoolOp,
                "scheduler_op": .schedulerOp,
                "coverage_op": .coverageOp,
                "psr_cmt_op": .psrCmtOp,
                "pcitopoinfo": .pcitopoinfo,
                "psr_alloc": .psrAlloc,
                "get_cpu_levelling_caps": .getCpuLevellingCaps,
                "get_cpu_featureset": .getCpuFeatureset,
                "livepatch_op": .livepatchOp,
                "get_cpu_policy": .getCpuPolicy,
            ] as KeyValuePairs<String, Sysctl>)
        values("XEN_", ["SYSCTL_INTERFACE_VERSION": Sysctl.interfaceVersion])
        add("sizeof(((struct xen_sysctl *)0)->u.pad)", Sysctl.payloadSize, "Sysctl.payloadSize")
        add("sizeof(((struct xen_sysctl *)0)->u)", Sysctl.payloadSize, "Sysctl.payloadSize")
        add("offsetof(struct xen_sysctl, u)", MemoryLayout<SysctlHeader>.stride, "SysctlHeader")
        add("sizeof(struct xen_sysctl)", MemoryLayout<SysctlHeader>.stride + Sysctl.payloadSize, "Sysctl")
        for (c, path) in [
            "cmd": \.command, "interface_version": \.interfaceVersion,
        ] as KeyValuePairs<String, PartialKeyPath<SysctlHeader>> {
            add("offsetof(struct xen_sysctl, \(c))", MemoryLayout<SysctlHeader>.offset(of: path)!, "SysctlHeader.\(c)")
        }
        addSysctlArguments()
        addSysctlConstants(caller)
    }
}
