// SPDX-License-Identifier: Apache-2.0

import Firmware
import Testing

/// Mutated ELF files: the reader answers, and what it takes lies in the file.
@Suite struct PVHKernelMutationTests {
    @Test(arguments: [true, false]) func mutated(is64: Bool) {
        var file = KernelFile(is64: is64)
        file.note(19, [0x20_0000, 0x100_0000, 0x3fff_ffff])
        let notesInSection = {
            var file = file
            file.useSection()
            return file.bytes
        }()
        let originals = [file.bytes, notesInSection]
        MutationTests.parallel(60_000) { random in
            var bytes = originals[random.below(2)]
            PCMutationTests.mutate(&bytes, in: 0..<0x180, &random)
            guard let kernel = try? PVHKernel(bytes.span) else { return }
            precondition(kernel.start < kernel.end, "nothing is loaded")
            precondition(UInt64(kernel.entry) >= kernel.start && UInt64(kernel.entry) <= kernel.end, "entered elsewhere")
            var sum: UInt64 = 0
            for index in 0..<kernel.count {
                guard let segment = kernel.segment(index) else { continue }
                precondition(segment.size <= segment.memorySize, "more of the file than of memory")
                precondition(segment.offset + segment.size <= UInt64(bytes.count), "out of the file")
                precondition(segment.address >= kernel.start && segment.address + segment.memorySize <= kernel.end, "elsewhere")
                sum &+= segment.memorySize
            }
            precondition(sum / 2 <= kernel.end - kernel.start, "written over and over")
        }
    }
}
