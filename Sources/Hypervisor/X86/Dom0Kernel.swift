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

/// Copies the kernel's segments to where they are linked to be, or where else the kernel runs, in dom0's RAM. Says where that is,
/// and where there is room for `size` bytes besides.
func loadKernel(_ scratch: Scratch, size: UInt64, into memory: RangeList<MachineSpace>, beside: UInt64) -> LoadPlan {
    // SAFETY: ours alone.
    let file = unsafe bytes(scratch.frame.address, size)
    do throws(PVHKernelError) {
        let kernel = try PVHKernel(file)
        let plan = makePlan(kernel, memory, beside: beside)
        for index in 0..<kernel.count {
            guard let segment = kernel.segment(index) else { continue }
            let target = MachineAddress(plan.address(of: segment.address))
            frames.copy(from: scratch.frame.address + segment.offset, to: target, count: segment.size)
            frames.zero(target + segment.size, count: segment.memorySize - segment.size)
        }
        return plan
    } catch {
        panic("the dom0 kernel is no PVH kernel: \(explain(error))")
    }
}

private func makePlan(_ kernel: borrowing PVHKernel, _ memory: RangeList<MachineSpace>, beside size: UInt64) -> LoadPlan {
    do throws(LoadPlanError) {
        let plan = try LoadPlan(kernel, in: memory, beside: size)
        if plan.start != plan.linked {
            log.notice(
                "d0 kernel: Moving [0x\(hex: kernel.start), 0x\(hex: kernel.end - 1)] -> [0x\(hex: plan.start), 0x\(hex: plan.end - 1)]"
            )
        }
        return plan
    } catch {
        let place: LogLine =
            "the dom0 kernel is linked to be at 0x\(hex: kernel.start) to 0x\(hex: kernel.end), where dom0 has no RAM"
        switch error {
        case .notThere: panic(place)
        case .nowhere(let limits):
            panic(
                "\(place), nor has it any from 0x\(hex: UInt64(limits.minimum)) to 0x\(hex: UInt64(limits.maximum)) for it")
        case .noRoom(let size):
            panic("dom0's memory has no room for \(size >> 10) KiB of initrd and start information beside the kernel")
        }
    }
}

private func explain(_ error: PVHKernelError) -> LogLine {
    switch error {
    case .wrong(.magic, _, _): "neither a Linux kernel file nor an ELF file"
    case .wrong(let field, let value, let header): "\(name(field, header)) is 0x\(hex: value)"
    case .outside(let field, let value, let header):
        "\(name(field, header)), 0x\(hex: value), leads out of the file: it is truncated"
    case .noEntry: "it has no note XEN_ELFNOTE_PHYS32_ENTRY"
    case .noSegments: "it has nothing to load"
    }
}

private func name(_ field: ELFField, _ header: Int?) -> LogLine {
    guard let header else { return "\(field.name)" }
    return "\(field.name) of program header \(header)"
}
