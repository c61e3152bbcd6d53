// SPDX-License-Identifier: Apache-2.0

/// What a segment register holds (AMD APM 2, 4.7 and 15.5.1).
public struct SegmentDescriptor: Equatable, Sendable, BitwiseCopyable {
    public var base: UInt64
    /// The last byte's offset; of one that grows down, the last that is not in it.
    public var limit: UInt32
    /// Type in bits 0-3, S in 4, privilege level in 5 and 6, P in 7, L in 9, D/B in 10.
    public var attributes: UInt16

    public init(base: UInt64, limit: UInt32, attributes: UInt16) {
        (self.base, self.limit, self.attributes) = (base, limit, attributes)
    }

    /// Whether data of `width` bytes, 1 to 16, may be read or written at `offset`, which has at most 32 bits.
    ///
    /// Xen: hvm_virtual_to_linear_addr
    func allows(_ offset: UInt64, width: Int, write: Bool) -> Bool {
        guard attributes >> 7 & 1 != 0 else { return false }
        let isCode = attributes & 8 != 0
        let isReadableOrWritable = attributes & 2 != 0
        guard write ? !isCode && isReadableOrWritable : !isCode || isReadableOrWritable else { return false }
        let last = offset + UInt64(width - 1)
        guard last >> 32 == 0 else { return false }
        let growsDown = !isCode && attributes & 4 != 0
        guard growsDown else { return last <= UInt64(limit) }
        let isBig = attributes >> 10 & 1 != 0
        return offset > UInt64(limit) && (isBig || last <= 0xffff)
    }
}

extension Execution {
    /// The linear address of `width` bytes at `offset`, or #GP, of the stack #SS, where the segment does not let the guest there.
    func linear(
        _ offset: UInt64, _ processor: some EmulatedProcessor, segment: Segment? = nil, width: Int, write: Bool
    ) throws(EmulationStop) -> UInt64 {
        let segment = segment ?? instruction.address.segment
        if processor.code == .bits64 {
            let isFlat = segment != .fs && segment != .gs
            return offset &+ (isFlat ? 0 : processor.descriptor(of: segment).base)
        }
        let descriptor = processor.descriptor(of: segment)
        if processor.checksSegments, !descriptor.allows(offset, width: width, write: write) {
            throw segment == .ss ? .stackFault : .generalProtection
        }
        return (offset &+ descriptor.base) & 0xffff_ffff
    }
}
