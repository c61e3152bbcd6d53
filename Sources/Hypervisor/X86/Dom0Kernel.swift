// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import DomainBuilder
import Firmware
import Machine
import Memory
import P2M
import Sync
import X86Machine

/// The kernel's ELF file, unpacked where it is packed, out of the way of where it goes.
func unpackKernel(_ module: Description.Module) -> (scratch: Scratch, size: UInt64) {
    do throws(KernelFileError) {
        // SAFETY: the module is RAM that was reserved for it, and only read here.
        let file = try unsafe KernelFile(bytes(module.start, module.size))
        guard let size = file.sizeOrAppended else { panic("the dom0 kernel is truncated") }
        let scratch = Scratch(bytes: size, "dom0's kernel")
        let workspace = UnpackingWorkspace(for: file)
        // SAFETY: both are ours alone.
        var output = unsafe mutableBytes(scratch.frame.address, size)
        var words = unsafe workspace.words()
        let count = try file.unpack(into: &output, workspace: &words)
        workspace.release()
        return (scratch, UInt64(count))
    } catch {
        panic("the dom0 kernel cannot be unpacked: \(explain(error))")
    }
}

private func explain(_ error: KernelFileError) -> LogLine {
    switch error {
    case .truncated: "it is truncated"
    case .unknownPacking: "it is packed, but by none of gzip, bzip2, lzma, xz, lzo, lz4, zstd"
    case .unpacking(let error): explain(error)
    // Of ARM kernels alone.
    case .image: "it is not for this processor"
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
