// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Decompression
import Firmware
import Machine
import Memory
import P2M
import Sync
import X86Machine

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
@unsafe @_lifetime(immortal) private func bytes(_ start: MachineAddress, _ count: UInt64) -> Span<UInt8> {
    unsafe _overrideLifetime(
        Span(_unsafeStart: frames.pointer(to: start).assumingMemoryBound(to: UInt8.self), count: Int(count)), copying: ())
}

@unsafe @_lifetime(immortal) private func mutableBytes(_ start: MachineAddress, _ count: UInt64) -> MutableSpan<UInt8> {
    unsafe _overrideLifetime(
        MutableSpan(_unsafeStart: frames.pointer(to: start).assumingMemoryBound(to: UInt8.self), count: Int(count)),
        copying: ())
}

/// The kernel's ELF file, unpacked where it is packed, out of the way of where it goes.
func unpackKernel(_ module: Description.Module) -> (scratch: Scratch, size: UInt64) {
    // SAFETY: the module is RAM that was reserved for it, and only read here.
    let file = unsafe bytes(module.start, module.size)
    guard let image = LinuxBzImage(file) else {
        let scratch = Scratch(bytes: module.size, "dom0's kernel")
        frames.copy(from: module.start, to: scratch.frame.address, count: module.size)
        return (scratch, module.size)
    }
    let scratch = Scratch(bytes: image.unpackedSize, "dom0's kernel")
    let table = Scratch(bytes: UInt64(XZ.workspaceCount) * 2, "unpacking")
    // SAFETY: both are ours alone.
    var output = unsafe mutableBytes(scratch.frame.address, image.unpackedSize)
    var workspace = unsafe MutableSpan<UInt16>(
        _unsafeStart: frames.pointer(to: table.frame.address).assumingMemoryBound(to: UInt16.self), count: XZ.workspaceCount)
    do throws(DecompressionError) {
        let size = try XZ.decompress(image.payload, into: &output, workspace: &workspace)
        table.release()
        return (scratch, UInt64(size))
    } catch {
        panic("the dom0 kernel cannot be unpacked: \(explain(error))")
    }
}

private func explain(_ error: DecompressionError) -> LogLine {
    switch error {
    case .notThisFormat: "it is packed, but not by xz"
    case .unsupported: "by a filter or with a checksum that is not known here"
    case .truncated: "it is truncated"
    case .corrupt: "it is damaged"
    case .tooLarge: "it is larger than it says"
    }
}

/// Where the kernel went, and where it starts.
struct LoadedKernel {
    let entry: UInt32
    let end: MachineAddress
}

/// Copies the kernel's segments to where they are linked to be, which must be dom0's RAM.
func loadKernel(_ scratch: Scratch, size: UInt64, into memory: RangeList<MachineSpace>) -> LoadedKernel {
    // SAFETY: ours alone.
    let file = unsafe bytes(scratch.frame.address, size)
    do throws(PVHKernelError) {
        let kernel = try PVHKernel(file)
        guard contains(memory, covering(kernel.start, kernel.end - kernel.start)) else {
            panic("the dom0 kernel is linked to be at 0x\(hex: kernel.start) to 0x\(hex: kernel.end), where dom0 has no RAM")
        }
        for index in 0..<kernel.count {
            guard let segment = kernel.segment(index) else { continue }
            let target = MachineAddress(segment.address)
            frames.copy(from: scratch.frame.address + segment.offset, to: target, count: segment.size)
            frames.zero(target + segment.size, count: segment.memorySize - segment.size)
        }
        return LoadedKernel(entry: kernel.entry, end: MachineAddress(kernel.end))
    } catch {
        panic("the dom0 kernel is no PVH kernel: \(explain(error))")
    }
}

private func explain(_ error: PVHKernelError) -> LogLine {
    switch error {
    case .notELF: "neither a Linux kernel file nor an x86 ELF file"
    case .truncated: "it is truncated"
    case .noEntry: "it has no note XEN_ELFNOTE_PHYS32_ENTRY"
    case .noSegments: "it has nothing to load"
    }
}

func contains(_ memory: RangeList<MachineSpace>, _ range: MachineRange) -> Bool {
    for index in 0..<memory.count where memory[index].range.start <= range.start && range.end <= memory[index].range.end {
        return true
    }
    return false
}
