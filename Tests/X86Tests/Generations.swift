// SPDX-License-Identifier: Apache-2.0

import Firmware
@testable import X86

// Processors of AMD's generations, for tests of what is done on each.

/// The words of `spec-ctrl=`, as the command line has them.
func words(_ list: String) -> SpeculationWords {
    let bytes = Array("spec-ctrl=\(list)".utf8)
    return HypervisorOptions(CommandLine(bytes.span), isX86: true) { _, _ in }.speculation
}

func bits(_ hints: [SpeculationFacts.BranchHint]) -> UInt32 { hints.reduce(0) { $0 | 1 << $1.rawValue } }
func bits(_ hints: [SpeculationFacts.ExtendedHint]) -> UInt32 { hints.reduce(0) { $0 | 1 << $1.rawValue } }

/// A processor of that family.
func processor(
    _ family: UInt32, _ branches: [SpeculationFacts.BranchHint] = [], _ extended: [SpeculationFacts.ExtendedHint] = [],
    microcode: UInt32 = 0, threads: Bool = true, virtualised: Bool = false
) -> SpeculationFacts {
    var facts = SpeculationFacts()
    (facts.isAMD, facts.family, facts.model) = (true, family, 1)
    (facts.branches, facts.extended, facts.microcode) = (bits(branches), bits(extended), microcode)
    (facts.hasThreads, facts.isVirtualised) = (threads, virtualised)
    return facts
}

let bulldozer = processor(0x15, [.ibpb])
let zen1 = processor(0x17, [.ibpb])
let zen2 = processor(0x17, [.ibpb, .ibrs, .stibp, .ssbd])
let zen3 = processor(0x19, [.ibpb, .ibrs, .stibp, .ssbd, .psfd, .noTypeConfusion], [.lfenceSerialises, .ibpbTypes], microcode: 0x0a00_11d7)
let zen5 = processor(
    0x1a, [.ibpb, .ibrs, .stibp, .ssbd, .psfd, .noTypeConfusion, .ibpbReturns], [.lfenceSerialises, .ibpbTypes, .automaticIBRS, .reducesPrediction])
/// As QEMU's emulator shows it.
let emulated = processor(0x17, [], threads: false, virtualised: true)
