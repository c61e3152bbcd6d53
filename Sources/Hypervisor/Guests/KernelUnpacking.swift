// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Decompression
import DomainBuilder
import Firmware
import Machine
import Memory
import Sync

/// Frames that are needed while dom0 is built.
struct Scratch {
    let frame: MFN
    let order: Int

    init(bytes: UInt64, _ purpose: StaticString) {
        let count = max(1, (bytes + pageSize - 1) >> pageShift)
        order = count <= 1 ? 0 : 64 - (count - 1).leadingZeroBitCount
        guard let frame = root.heap.value.allocateUncleared(order: order, node: nil) else {
            panic("no \(bytes >> 10) KiB of memory in one piece for \(purpose)")
        }
        self.frame = frame
    }

    func release() { root.heap.value.free(frame, order: order) }
}

/// RAM as bytes. SAFETY: nobody else uses it while the span lives.
@unsafe @_lifetime(immortal) func bytes(_ start: MachineAddress, _ count: UInt64) -> Span<UInt8> {
    unsafe _overrideLifetime(
        Span(
            _unsafeStart: MetalFrames(root.heap.reference).pointer(to: start).assumingMemoryBound(to: UInt8.self),
            count: Int(count)), copying: ())
}

@unsafe @_lifetime(immortal) func mutableBytes(_ start: MachineAddress, _ count: UInt64) -> MutableSpan<UInt8> {
    unsafe _overrideLifetime(
        MutableSpan(
            _unsafeStart: MetalFrames(root.heap.reference).pointer(to: start).assumingMemoryBound(to: UInt8.self),
            count: Int(count)),
        copying: ())
}

/// What unpacking works in.
struct UnpackingWorkspace {
    private let scratch: Scratch
    private let count: Int

    init(for file: borrowing KernelFile) {
        count = file.workspaceCount
        scratch = Scratch(bytes: UInt64(count) * 4, "unpacking")
    }

    /// SAFETY: the frames are ours alone, and one span is used at a time.
    @unsafe @_lifetime(immortal) func words() -> MutableSpan<UInt32> {
        unsafe _overrideLifetime(
            MutableSpan(
                _unsafeStart: MetalFrames(root.heap.reference).pointer(to: scratch.frame.address).assumingMemoryBound(
                    to: UInt32.self), count: count),
            copying: ())
    }

    func release() { scratch.release() }
}

func explain(_ error: DecompressionError) -> LogLine {
    switch error {
    case .notThisFormat: "it is packed in another way than it says"
    case .unsupported: "it is packed with a filter, a checksum or a version that is not known here"
    case .truncated: "it is truncated"
    case .corrupt: "it is damaged"
    case .tooLarge: "it is larger than it says"
    }
}
