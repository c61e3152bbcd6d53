// SPDX-License-Identifier: Apache-2.0

/// hvm/ioreq.h: struct ioreq.
@frozen public struct IORequest: BitwiseCopyable, Sendable {
    /// Physical address, port, or PCI function and offset.
    public var addr: UInt64 = 0
    /// Data, or where it is.
    public var data: UInt64 = 0
    /// Of repetitions.
    public var count: UInt32 = 0
    /// Bytes.
    public var size: UInt32 = 0
    /// The event channel between vCPU and device model.
    public var vpEport: UInt32 = 0
    public var pad0: UInt16 = 0
    /// The bit fields (`IORequestBits`), which have no offset of their own in C.
    public var bits: UInt8 = 0
    /// An `IORequestType`.
    public var type: UInt8 = 0
    @inlinable public init() {}
}

/// `IORequest.type` (hvm/ioreq.h: IOREQ_TYPE_*).
@frozen public enum IORequestType: UInt8, Sendable {
    case portIO = 0
    case memory = 1
    case pciConfig = 2
    case timeOffset = 7
    case invalidate = 8
}

/// `IORequestBits.state` (hvm/ioreq.h: STATE_IO*).
@frozen public enum IORequestState: UInt8, Sendable {
    case none = 0
    case ready = 1
    case inProcess = 2
    case responseReady = 3
}

/// `IORequestBits.direction` (hvm/ioreq.h: IOREQ_READ, IOREQ_WRITE).
@frozen public enum IORequestDirection: UInt8, Sendable {
    case write = 0
    case read = 1
}

/// The bit fields of struct ioreq, as masks of `IORequest.bits`.
public enum IORequestBits {
    /// An `IORequestState`.
    @inlinable public static var state: UInt8 { 0x0F }
    @inlinable public static var dataIsPointer: UInt8 { 0x10 }
    /// An `IORequestDirection`.
    @inlinable public static var direction: UInt8 { 0x20 }
    /// Addresses go down.
    @inlinable public static var directionFlag: UInt8 { 0x40 }
}

/// hvm/ioreq.h: struct shared_iopage.
@frozen public struct SharedIOPage: BitwiseCopyable, Sendable {
    /// One for each vCPU, the first here.
    public var vcpuRequests = InlineArray<1, IORequest>(repeating: IORequest())
    @inlinable public init() {}
}

/// hvm/ioreq.h: struct buf_ioreq.
@frozen public struct BufferedIORequest: BitwiseCopyable, Sendable {
    /// `BufferedIORequestBits`: all bit fields in C.
    public var bits: UInt32 = 0
    public var data: UInt32 = 0
    @inlinable public init() {}
}

/// The fields before `data` of struct buf_ioreq, as masks of `BufferedIORequest.bits`.
public enum BufferedIORequestBits {
    /// An `IORequestType`.
    @inlinable public static var type: UInt32 { 0xFF }
    /// An `IORequestDirection`.
    @inlinable public static var direction: UInt32 { 0x200 }
    /// Binary logarithm of bytes.
    @inlinable public static var size: UInt32 { 0xC00 }
    @inlinable public static var address: UInt32 { 0xFFFF_F000 }
}

/// hvm/ioreq.h: struct buffered_iopage.
@frozen public struct BufferedIOPage: BitwiseCopyable, Sendable {
    public var readPointer: UInt32 = 0
    public var writePointer: UInt32 = 0
    public var requests = InlineArray<511, BufferedIORequest>(repeating: BufferedIORequest())
    @inlinable public init() {}
}

/// Ports of the ACPI registers by `HVMParam.acpiIOPortsLocation`, and bytes of the GPE block (hvm/ioreq.h).
public enum ACPIPorts {
    @inlinable public static var pm1aEventV0: UInt16 { 0x1F40 }
    @inlinable public static var pm1aControlV0: UInt16 { 0x1F44 }
    @inlinable public static var pmTimerV0: UInt16 { 0x1F48 }
    @inlinable public static var gpe0V0: UInt16 { 0x1F68 }
    @inlinable public static var gpe0LengthV0: UInt16 { 8 }
    @inlinable public static var pm1aEventV1: UInt16 { 0xB000 }
    @inlinable public static var pm1aControlV1: UInt16 { 0xB004 }
    @inlinable public static var pmTimerV1: UInt16 { 0xB008 }
    @inlinable public static var gpe0V1: UInt16 { 0xAFE0 }
    @inlinable public static var gpe0LengthV1: UInt16 { 4 }
}
