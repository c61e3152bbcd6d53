// SPDX-License-Identifier: Apache-2.0

import ArchX86
public import Drivers
public import X86

/// The instruction CPUID.
public struct CPUID: ProcessorIdentification {
    public init() {}

    public func leaf(_ leaf: UInt32, _ subleaf: UInt32) -> CPUIDResult {
        let result = x86_cpuid(leaf, subleaf)
        return CPUIDResult(eax: result.eax, ebx: result.ebx, ecx: result.ecx, edx: result.edx)
    }
}

/// The time stamp counter.
public struct TimeStampCounter: MeasuredCounter {
    public init() {}
    public func read() -> UInt64 { x86_read_tsc() }
}
