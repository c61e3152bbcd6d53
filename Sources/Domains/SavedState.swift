// SPDX-License-Identifier: Apache-2.0

public import XenABI

/// What is saved of each vCPU of an x86 domain.
public enum SavedRecord: Sendable {
    case cpu, memoryTypes

    /// In the order in which they are saved.
    public static var all: InlineArray<2, Self> { [.cpu, .memoryTypes] }

    public var type: HVMSaveType {
        switch self {
        case .cpu: .cpu
        case .memoryTypes: .mtrr
        }
    }

    /// Bytes.
    public var length: UInt32 {
        switch self {
        case .cpu: UInt32(MemoryLayout<HVMSavedCPU>.stride)
        case .memoryTypes: UInt32(MemoryLayout<HVMSavedMTRR>.stride)
        }
    }

    /// Whether a record may have so many bytes: as now, or as older versions of Xen wrote it.
    public func canHave(length: UInt32) -> Bool {
        length == self.length || self == .cpu && length == UInt32(MemoryLayout<HVMSavedCPUCompat>.stride)
    }

    public init?(_ type: HVMSaveType) {
        switch type {
        case .cpu: self = .cpu
        case .mtrr: self = .memoryTypes
        default: return nil
        }
    }
}

/// What the processor lets a guest have.
public struct ControlLimits: Sendable {
    /// Bits of CR4 and EFER that may be set.
    public let cr4, features: UInt64
    /// Bits of a physical address.
    public let addressBits: UInt64

    public init(cr4: UInt64, features: UInt64, addressBits: UInt64) {
        self.cr4 = cr4
        self.features = features
        self.addressBits = addressBits
    }
}

extension HVMSavedCPU {
    /// PE MP EM TS ET NE WP AM NW CD PG
    private static var cr0Mask: UInt64 { 0xe005_003f }
    private static var paging: UInt64 { 1 << 31 | 1 }
    private static var longMode: UInt64 { 1 << 8 }
    private static var longModeActive: UInt64 { 1 << 10 }

    /// Throws EINVAL for registers that no guest can have.
    ///
    /// Xen: hvm_load_cpu_ctxt, its checks
    public func check(_ limits: ControlLimits) throws(XenError) {
        let cr0 = registers.cr0
        let features = registers.msrEfer
        let isActive = features & Self.longModeActive != 0
        guard pad0 == 0, cr0 & ~Self.cr0Mask == 0, cr0 >> 4 & 1 != 0, cr0 & Self.paging != 1 << 31,
            registers.cr4 & ~limits.cr4 == 0, features & ~limits.features == 0,
            !isActive || features & Self.longMode != 0 && cr0 >> 31 != 0, registers.cr3 >> limits.addressBits == 0,
            flags & ~HVMSaveConstant.fpuInitialised == 0, msrTscAux >> 32 == 0
        else { throw .einval }
    }

    /// Whether the event that it was taking is one: an interrupt, NMI, exception or software interrupt.
    ///
    /// Xen: svm_vmcb_restore
    public var hasGoodEvent: Bool {
        guard pendingEvent & PendingEventBits.valid != 0 else { return true }
        let type = (pendingEvent & PendingEventBits.type) >> 8
        return type != 1 && type <= 4 && pendingEvent & PendingEventBits.reserved == 0
            && (pendingEvent & PendingEventBits.errorValid == 0 || errorCode >> 16 == 0)
    }

    /// As it was before processors had TSC_AUX.
    public init(_ old: HVMSavedCPUCompat) {
        self.init()
        registers = old.registers
        tsc = old.tsc
        pendingEvent = old.pendingEvent
        errorCode = old.errorCode
    }
}
