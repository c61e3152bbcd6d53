// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Scheduler

/// The vCPUs of the machine by the scheduler's number, and the pCPU that each belongs to.
struct UnitTable: ~Copyable {
    private var vcpus = FixedTable<MetalVCPU?, 512>(repeating: nil)
    private var homes = FixedTable<PCPU, 512>(repeating: PCPU(0))
    private(set) var count = 0

    mutating func append(_ vcpu: MetalVCPU, home: PCPU) {
        vcpus[count] = vcpu
        homes[count] = home
        count += 1
    }

    @inline(__always) subscript(unit: UnitID) -> MetalVCPU? { unit.index < count ? vcpus[unit.index] : nil }
    func home(_ index: Int) -> PCPU { homes[index] }
}
