// SPDX-License-Identifier: Apache-2.0

/// What guests do to memory that is not there: instruction bytes in, an operation out, executed over a protocol.
///
/// Knows MOV in its forms, arithmetic and logic, shifts, bit tests, exchanges, products, divisions, conditional moves, the
/// stack, near calls and jumps through memory, the string instructions with those of I/O, and what SSE and SSE2 move between
/// memory and a register, in 16, 32 and 64-bit code, and writes of control and debug registers. Checked on the host against the real processor. It does not know far
/// transfers, x87, MMX, SSE's arithmetic, and AVX.
///
/// Pure: reaches registers and memory by `EmulatedProcessor` alone, and changes nothing before it can no longer fail, but for
/// the repetitions of a string instruction that are already done.

/// How wide code is where the instruction stands: by CS, and long mode.
public enum CodeWidth: Sendable {
    case bits16, bits32, bits64
}

/// In the order of their numbers in instructions.
public enum Segment: UInt8, Sendable {
    case es, cs, ss, ds, fs, gs
}

/// A virtual processor, as the emulator needs it.
public protocol EmulatedProcessor {
    var code: CodeWidth { get }
    /// Bytes of the stack pointer: 8 in 64-bit code, else 4 or 2 by SS.
    var stackWidth: Int { get }
    /// General registers by number: RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8-R15.
    subscript(register: Int) -> UInt64 { get set }
    var flags: UInt64 { get set }
    var instructionPointer: UInt64 { get set }
    /// What is loaded into a segment register. In 64-bit code only the bases of FS and GS count.
    func descriptor(of segment: Segment) -> SegmentDescriptor
    /// Whether segments limit accesses: protected mode, but not virtual 8086 mode. In 64-bit code they never do.
    var checksSegments: Bool { get }
    /// `width` bytes, 1 to 8, at a linear address. Throws where the guest gets a fault instead.
    mutating func load(_ address: UInt64, width: Int) throws(EmulationStop) -> UInt64
    mutating func store(_ value: UInt64, at address: UInt64, width: Int) throws(EmulationStop)
    /// Throws where a store to this byte would.
    mutating func probe(_ address: UInt64) throws(EmulationStop)
    /// XMM0-XMM15. Throws where the guest may not use them.
    mutating func vector(_ number: Int) throws(EmulationStop) -> VectorRegister
    mutating func setVector(_ number: Int, _ value: VectorRegister) throws(EmulationStop)
    /// What decides which ports the code may use.
    var portRights: PortRights { get }
    /// A byte of the task state segment, as the processor itself reads it, whatever the code may.
    mutating func loadFromTask(_ address: UInt64) throws(EmulationStop) -> UInt8
    /// `width` bytes, 1, 2 or 4, of a port that the guest may use.
    mutating func input(_ port: UInt16, width: Int) -> UInt64
    mutating func output(_ port: UInt16, _ value: UInt64, width: Int)
    /// Throws where the guest may not, or where that is not for the emulator to do.
    mutating func write(_ register: SystemRegister, _ value: UInt64) throws(EmulationStop)
}

/// What MOV writes besides general registers, and LMSW and CLTS of CR0: the lower half, and TS, which they clear.
public enum SystemRegister: Equatable, Sendable {
    case control(Int), debug(Int), machineStatus, taskSwitched
}

/// Whether the instruction at the start of `bytes` writes one of those.
public func writesSystemRegister(_ bytes: Span<UInt8>, _ code: CodeWidth) -> Bool {
    guard let instruction = try? Instruction(bytes, code), case .system = instruction.operation else { return false }
    return true
}

/// The 16 bytes of a vector register.
public struct VectorRegister: Equatable, Sendable, BitwiseCopyable {
    public var low: UInt64
    public var high: UInt64

    public init(low: UInt64 = 0, high: UInt64 = 0) {
        self.low = low
        self.high = high
    }
}

/// Why an instruction was not executed.
public enum EmulationStop: Error, Equatable {
    /// Not an instruction that the emulator knows, or one that is cut off.
    case unknown
    /// `load`, `store` or `probe` refused; whoever implements them knows why.
    case memory
    /// The guest is to get this exception, with an error code of 0 where it has one.
    case exception(UInt8)

    static var divideError: Self { .exception(0) }
    public static var invalidOpcode: Self { .exception(6) }
    public static var deviceNotAvailable: Self { .exception(7) }
    static var stackFault: Self { .exception(12) }
    static var generalProtection: Self { .exception(13) }
}

/// A general register, or the second byte of one of the first four.
public struct GeneralRegister: Equatable, Sendable {
    /// 0-15: RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8-R15.
    public let number: Int
    public let isHighByte: Bool

    public init(_ number: Int, isHighByte: Bool = false) {
        self.number = number
        self.isHighByte = isHighByte
    }

    /// The part of `value` that an instruction of `width` bytes reads.
    public func read(_ value: UInt64, width: Int) -> UInt64 {
        isHighByte ? value >> 8 & 0xff : width == 8 ? value : value & (1 << UInt64(width * 8) - 1)
    }

    /// `old` after an instruction of `width` bytes has written `value`: four bytes clear the upper half, fewer leave the rest.
    public func merge(_ value: UInt64, width: Int, into old: UInt64) -> UInt64 {
        switch width {
        case 8: value
        case 4: value & 0xffff_ffff
        case 2: old & ~0xffff | value & 0xffff
        default: isHighByte ? old & ~0xff00 | (value & 0xff) << 8 : old & ~0xff | value & 0xff
        }
    }
}
