// SPDX-License-Identifier: Apache-2.0

public import Base

/// Machine addresses that are no memory and no device's: what is stored there is a message to the processors or to the bus, which no
/// guest may send, the hardware domain neither (Xen: dom0_setup_permissions).
public struct HiddenRanges: Sendable {
    /// 0xfee00000 to 0xfeefffff: interrupts, and the local APICs' registers.
    public static var messages: MachineRange { MachineRange(start: MFN(0xfee00), count: 0x100) }
    /// The 12 GiB below 1 TiB, or from family 17h on below the end of the address space, that AMD's processors keep for HyperTransport;
    /// nil on others.
    public let busMessages: MachineRange?

    public init(_ features: ProcessorFeatures) {
        guard features.vendor.isAMD || features.vendor.isHygon else {
            busMessages = nil
            return
        }
        let count: UInt64 = 3 << (32 - 12)
        let bits = features.family < 0x17 ? 40 : UInt64(features.addressBits)
        let end: UInt64 = 1 << (bits - 12)
        busMessages = end > count ? MachineRange(start: MFN(end - count), count: count) : nil
    }

    public func overlaps(_ range: MachineRange) -> Bool {
        range.overlaps(Self.messages) || busMessages.map { range.overlaps($0) } ?? false
    }
}
