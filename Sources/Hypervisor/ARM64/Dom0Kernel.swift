// SPDX-License-Identifier: Apache-2.0

import ArchARM64
import Base
import DomainBuilder
import Firmware
import Machine
import Memory

/// The header of the Image in a module, which is unpacked as far as that where it is packed.
func readKernelHeader(_ region: DeviceTree.Region) -> LinuxImage {
    do throws(KernelFileError) {
        // SAFETY: the module is RAM (startup checked it), reserved until dom0 runs, and only read here.
        let file = try unsafe KernelFile(bytes(region.start, region.size))
        let size = UInt64(LinuxImage.usefulHeaderSize)
        let start = Scratch(bytes: size, "the kernel's header")
        let workspace = UnpackingWorkspace(for: file)
        // SAFETY: both are ours alone.
        var output = unsafe mutableBytes(start.frame.address, size)
        var words = unsafe workspace.words()
        let header = try file.imageHeader(start: &output, workspace: &words)
        workspace.release()
        start.release()
        return header
    } catch {
        refuse(region, error)
    }
}

/// Puts the kernel where it goes in dom0's memory, in no more than its header asks for.
func unpackKernel(_ region: DeviceTree.Region, _ header: LinuxImage, to target: MachineAddress) {
    do throws(KernelFileError) {
        // SAFETY: as above.
        let file = try unsafe KernelFile(bytes(region.start, region.size))
        let workspace = UnpackingWorkspace(for: file)
        // SAFETY: dom0's RAM, `memorySize` bytes that nothing else was placed in.
        var output = unsafe mutableBytes(target, header.memorySize)
        var words = unsafe workspace.words()
        let count = try file.unpack(into: &output, workspace: &words)
        workspace.release()
        try KernelFile.verify(output.span.extracting(..<count))
        cleanToMemory(target, bytes: UInt64(count))
        arm64_ic_ialluis()
    } catch {
        refuse(region, error)
    }
}

private func refuse(_ region: DeviceTree.Region, _ error: KernelFileError) -> Never {
    let place = region.start.rawValue
    switch error {
    case .truncated: panic("the dom0 kernel at 0x\(hex: place) is truncated")
    case .unknownPacking:
        panic("the dom0 kernel at 0x\(hex: place) is packed, but by none of gzip, bzip2, lzma, xz, lzo, lz4, zstd")
    case .unpacking(let error): panic("the dom0 kernel at 0x\(hex: place) cannot be unpacked: \(explain(error))")
    case .image(let error): panic("the dom0 kernel at 0x\(hex: place) is not an arm64 Image: \(explain(error))")
    }
}
