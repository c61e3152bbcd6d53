// SPDX-License-Identifier: Apache-2.0

/// Who may use which ports: code at IOPL's level or above may use all, other code those that the map in its task state segment has a
/// zero for (AMD APM 2, 12.2.4).
public struct PortRights: Sendable, BitwiseCopyable {
    /// CR0.PE: in real mode there are no rights.
    public var isProtected: Bool
    public var level: UInt8
    /// What the task register holds.
    public var task: SegmentDescriptor

    public init(isProtected: Bool, level: UInt8, task: SegmentDescriptor) {
        (self.isProtected, self.level, self.task) = (isProtected, level, task)
    }
}

/// Where the task state segment says where its map of ports begins.
private let mapOffset: UInt64 = 0x66

/// Throws #GP where the code may not use the ports that an access of `width` bytes reaches. The processor has looked at the instruction
/// that it left for; its bytes may be others by now.
func checkPorts<P: EmulatedProcessor>(_ port: UInt16, width: Int, _ processor: inout P) throws(EmulationStop) {
    let rights = processor.portRights
    let isVirtual8086 = processor.flags >> 17 & 1 != 0
    guard rights.isProtected, isVirtual8086 || UInt64(rights.level) > processor.flags >> 12 & 3 else { return }
    // Present, and of 32 or 64 bits, available or busy: those of 16 bits have no map.
    let task = rights.task
    guard task.attributes >> 7 & 1 != 0, task.attributes & 0xd == 9, UInt64(task.limit) > mapOffset else {
        throw .generalProtection
    }
    let start = try word(task.base &+ mapOffset, &processor)
    let offset = start + UInt64(port >> 3)
    // Two bytes are looked at, wherever the bits lie.
    guard offset + 1 <= UInt64(task.limit) else { throw .generalProtection }
    let bits = try word(task.base &+ offset, &processor)
    guard bits >> UInt64(port & 7) & (1 << UInt64(width) - 1) == 0 else { throw .generalProtection }
}

private func word<P: EmulatedProcessor>(_ address: UInt64, _ processor: inout P) throws(EmulationStop) -> UInt64 {
    let low = UInt64(try processor.loadFromTask(address))
    return low | UInt64(try processor.loadFromTask(address &+ 1)) << 8
}
