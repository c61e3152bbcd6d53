// SPDX-License-Identifier: Apache-2.0

// Structures of domctls with a union: `union` has its bytes, and each member that is a structure of its own is a view of them.

/// domctl.h: struct xen_domctl_schedparam_vcpu.
@frozen public struct DomctlSchedparamVcpu: BitwiseCopyable, Sendable {
    /// `DomctlSchedCredit`, `DomctlSchedCredit2`, `DomctlSchedRtds`, by what comes before.
    public var union = InlineArray<3, UInt32>(repeating: 0)
    public var vcpuid: UInt32 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_scheduler_op.
@frozen public struct DomctlSchedulerOperation: BitwiseCopyable, Sendable {
    public var schedId: UInt32 = 0
    public var cmd: UInt32 = 0
    /// `DomctlSchedCredit`, `DomctlSchedCredit2`, `DomctlSchedRtds`, `VCPUs`, by what comes before.
    public var union = InlineArray<2, UInt64>(repeating: 0)
    @inlinable public init() {}

    /// In `union`: v.
    @frozen public struct VCPUs: BitwiseCopyable, Sendable {
        public var vcpus: UInt64 = 0
        public var nrVcpus: UInt32 = 0
        public var padding: UInt32 = 0
        @inlinable public init() {}
    }
}

/// domctl.h: struct xen_domctl_assign_device.
@frozen public struct DomctlAssignDevice: BitwiseCopyable, Sendable {
    public var dev: UInt32 = 0
    public var flags: UInt32 = 0
    /// `PCI`, `DeviceTree`, by what comes before.
    public var union = InlineArray<2, UInt64>(repeating: 0)
    @inlinable public init() {}

    /// In `union`: pci.
    @frozen public struct PCI: BitwiseCopyable, Sendable {
        public var machineSbdf: UInt32 = 0
        @inlinable public init() {}
    }

    /// In `union`: dt.
    @frozen public struct DeviceTree: BitwiseCopyable, Sendable {
        public var size: UInt32 = 0
        public var path: UInt64 = 0
        @inlinable public init() {}
    }
}

/// domctl.h: struct xen_domctl_bind_pt_irq.
@frozen public struct DomctlBindPTIRQ: BitwiseCopyable, Sendable {
    public var machineIrq: UInt32 = 0
    public var irqType: UInt32 = 0
    /// `ISA`, `PCI`, `MSI`, `SPI`, by what comes before.
    public var union = InlineArray<2, UInt64>(repeating: 0)
    @inlinable public init() {}

    /// In `union`: isa.
    @frozen public struct ISA: BitwiseCopyable, Sendable {
        public var isaIrq: UInt8 = 0
        @inlinable public init() {}
    }

    /// In `union`: pci.
    @frozen public struct PCI: BitwiseCopyable, Sendable {
        public var bus: UInt8 = 0
        public var device: UInt8 = 0
        public var intx: UInt8 = 0
        @inlinable public init() {}
    }

    /// In `union`: msi.
    @frozen public struct MSI: BitwiseCopyable, Sendable {
        public var gvec: UInt8 = 0
        public var gflags: UInt32 = 0
        public var gtable: UInt64 = 0
        @inlinable public init() {}
    }

    /// In `union`: spi.
    @frozen public struct SPI: BitwiseCopyable, Sendable {
        public var spi: UInt16 = 0
        @inlinable public init() {}
    }
}

/// domctl.h: struct xen_domctl_vm_event_op.
@frozen public struct DomctlVMEventOp: BitwiseCopyable, Sendable {
    public var op: UInt32 = 0
    public var mode: UInt32 = 0
    /// `Enable`, `UInt32`, by what comes before.
    public var union = InlineArray<1, UInt32>(repeating: 0)
    @inlinable public init() {}

    /// In `union`: enable.
    @frozen public struct Enable: BitwiseCopyable, Sendable {
        public var port: UInt32 = 0
        @inlinable public init() {}
    }
}

/// domctl.h: struct xen_domctl_mem_sharing_op.
@frozen public struct DomctlMemSharingOp: BitwiseCopyable, Sendable {
    public var op: UInt8 = 0
    /// `UInt8`.
    public var union: UInt8 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_monitor_op.
@frozen public struct DomctlMonitorOp: BitwiseCopyable, Sendable {
    public var op: UInt32 = 0
    public var event: UInt32 = 0
    /// `MovToCR`, `MovToMSR`, `GuestRequest`, `DebugException`, `VMExit`, by what comes before.
    public var union = InlineArray<2, UInt64>(repeating: 0)
    @inlinable public init() {}

    /// In `union`: mov_to_cr.
    @frozen public struct MovToCR: BitwiseCopyable, Sendable {
        public var index: UInt8 = 0
        public var sync: UInt8 = 0
        public var onchangeonly: UInt8 = 0
        public var pad1: UInt8 = 0
        public var pad2: UInt32 = 0
        public var bitmask: UInt64 = 0
        @inlinable public init() {}
    }

    /// In `union`: mov_to_msr.
    @frozen public struct MovToMSR: BitwiseCopyable, Sendable {
        public var msr: UInt32 = 0
        public var onchangeonly: UInt8 = 0
        @inlinable public init() {}
    }

    /// In `union`: guest_request.
    @frozen public struct GuestRequest: BitwiseCopyable, Sendable {
        public var sync: UInt8 = 0
        public var allowUserspace: UInt8 = 0
        @inlinable public init() {}
    }

    /// In `union`: debug_exception.
    @frozen public struct DebugException: BitwiseCopyable, Sendable {
        public var sync: UInt8 = 0
        @inlinable public init() {}
    }

    /// In `union`: vmexit.
    @frozen public struct VMExit: BitwiseCopyable, Sendable {
        public var sync: UInt8 = 0
        @inlinable public init() {}
    }
}

/// domctl.h: struct xen_domctl_cacheflush. Frame numbers have the caller's width.
@frozen public struct DomctlCacheFlush<C: CallerABI>: BitwiseCopyable, Sendable {
    public var startPfn = C.Word.zero
    public var nrPfns = C.Word.zero
    @inlinable public init() {}
}

/// domctl.h: enum pt_irq_type.
@frozen public enum PTIRQType: UInt32, Sendable {
    case pci = 0
    case isa = 1
    case msi = 2
    case msiTranslate = 3
    case spi = 4
}
