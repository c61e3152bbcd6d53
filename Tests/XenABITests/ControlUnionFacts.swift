// SPDX-License-Identifier: Apache-2.0

import XenABI

extension Facts {
    /// Offset and size of `field`, a member of a union in `c`, and the same of its own fields.
    mutating func arm<T, S>(
        _ c: String, _ field: String, _ type: T.Type, at union: PartialKeyPath<S>,
        _ fields: KeyValuePairs<String, PartialKeyPath<T>>
    ) {
        let start = MemoryLayout<S>.offset(of: union)!
        add("offsetof(\(c), \(field))", start, "\(S.self).\(field)")
        add("sizeof(((\(c) *)0)->\(field))", MemoryLayout<T>.stride, "\(T.self)")
        for (name, path) in fields {
            let offset = start + MemoryLayout<T>.offset(of: path)!
            add("offsetof(\(c), \(field).\(name))", offset, "\(T.self).\(name)")
        }
    }

    mutating func addDomctlUnions() {
        cases(
            "PT_IRQ_TYPE_",
            [
                "PCI": .pci, "ISA": .isa, "MSI": .msi, "MSI_TRANSLATE": .msiTranslate, "SPI": .spi,
            ] as KeyValuePairs<String, PTIRQType>)
        structure(
            "xen_domctl_schedparam_vcpu_t", DomctlSchedparamVcpu.self,
            [
                "u": \.union, "vcpuid": \.vcpuid,
            ])
        arm("xen_domctl_schedparam_vcpu_t", "u.credit", DomctlSchedCredit.self, at: \DomctlSchedparamVcpu.union, [:])
        arm("xen_domctl_schedparam_vcpu_t", "u.credit2", DomctlSchedCredit2.self, at: \DomctlSchedparamVcpu.union, [:])
        arm("xen_domctl_schedparam_vcpu_t", "u.rtds", DomctlSchedRtds.self, at: \DomctlSchedparamVcpu.union, [:])
        structure(
            "struct xen_domctl_scheduler_op", DomctlSchedulerOperation.self,
            [
                "sched_id": \.schedId, "cmd": \.cmd, "u": \.union,
            ])
        arm("struct xen_domctl_scheduler_op", "u.credit", DomctlSchedCredit.self, at: \DomctlSchedulerOperation.union, [:])
        arm("struct xen_domctl_scheduler_op", "u.credit2", DomctlSchedCredit2.self, at: \DomctlSchedulerOperation.union, [:])
        arm("struct xen_domctl_scheduler_op", "u.rtds", DomctlSchedRtds.self, at: \DomctlSchedulerOperation.union, [:])
        arm(
            "struct xen_domctl_scheduler_op", "u.v", DomctlSchedulerOperation.VCPUs.self,
            at: \DomctlSchedulerOperation.union,
            [
                "vcpus": \.vcpus, "nr_vcpus": \.nrVcpus, "padding": \.padding,
            ])
        structure(
            "struct xen_domctl_assign_device", DomctlAssignDevice.self,
            [
                "dev": \.dev, "flags": \.flags, "u": \.union,
            ])
        arm(
            "struct xen_domctl_assign_device", "u.pci", DomctlAssignDevice.PCI.self, at: \DomctlAssignDevice.union,
            [
                "machine_sbdf": \.machineSbdf
            ])
        arm(
            "struct xen_domctl_assign_device", "u.dt", DomctlAssignDevice.DeviceTree.self, at: \DomctlAssignDevice.union,
            [
                "size": \.size, "path": \.path,
            ])
        structure(
            "struct xen_domctl_bind_pt_irq", DomctlBindPTIRQ.self,
            [
                "machine_irq": \.machineIrq, "irq_type": \.irqType, "u": \.union,
            ])
        arm(
            "struct xen_domctl_bind_pt_irq", "u.isa", DomctlBindPTIRQ.ISA.self, at: \DomctlBindPTIRQ.union,
            [
                "isa_irq": \.isaIrq
            ])
        arm(
            "struct xen_domctl_bind_pt_irq", "u.pci", DomctlBindPTIRQ.PCI.self, at: \DomctlBindPTIRQ.union,
            [
                "bus": \.bus, "device": \.device, "intx": \.intx,
            ])
        arm(
            "struct xen_domctl_bind_pt_irq", "u.msi", DomctlBindPTIRQ.MSI.self, at: \DomctlBindPTIRQ.union,
            [
                "gvec": \.gvec, "gflags": \.gflags, "gtable": \.gtable,
            ])
        arm(
            "struct xen_domctl_bind_pt_irq", "u.spi", DomctlBindPTIRQ.SPI.self, at: \DomctlBindPTIRQ.union,
            [
                "spi": \.spi
            ])
        structure(
            "struct xen_domctl_vm_event_op", DomctlVMEventOp.self,
            [
                "op": \.op, "mode": \.mode, "u": \.union,
            ])
        arm(
            "struct xen_domctl_vm_event_op", "u.enable", DomctlVMEventOp.Enable.self, at: \DomctlVMEventOp.union,
            [
                "port": \.port
            ])
        arm("struct xen_domctl_vm_event_op", "u.version", UInt32.self, at: \DomctlVMEventOp.union, [:])
        structure(
            "struct xen_domctl_mem_sharing_op", DomctlMemSharingOp.self,
            [
                "op": \.op, "u": \.union,
            ])
        arm("struct xen_domctl_mem_sharing_op", "u.enable", UInt8.self, at: \DomctlMemSharingOp.union, [:])
        structure(
            "struct xen_domctl_monitor_op", DomctlMonitorOp.self,
            [
                "op": \.op, "event": \.event, "u": \.union,
            ])
        arm(
            "struct xen_domctl_monitor_op", "u.mov_to_cr", DomctlMonitorOp.MovToCR.self, at: \DomctlMonitorOp.union,
            [
                "index": \.index, "sync": \.sync, "onchangeonly": \.onchangeonly, "pad1": \.pad1,
                "pad2": \.pad2, "bitmask": \.bitmask,
            ])
        arm(
            "struct xen_domctl_monitor_op", "u.mov_to_msr", DomctlMonitorOp.MovToMSR.self, at: \DomctlMonitorOp.union,
            [
                "msr": \.msr, "onchangeonly": \.onchangeonly,
            ])
        arm(
            "struct xen_domctl_monitor_op", "u.guest_request", DomctlMonitorOp.GuestRequest.self, at: \DomctlMonitorOp.union,
            [
                "sync": \.sync, "allow_userspace": \.allowUserspace,
            ])
        arm(
            "struct xen_domctl_monitor_op", "u.debug_exception", DomctlMonitorOp.DebugException.self,
            at: \DomctlMonitorOp.union,
            [
                "sync": \.sync
            ])
        arm(
            "struct xen_domctl_monitor_op", "u.vmexit", DomctlMonitorOp.VMExit.self, at: \DomctlMonitorOp.union,
            [
                "sync": \.sync
            ])
    }
}
