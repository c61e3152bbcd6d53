// SPDX-License-Identifier: Apache-2.0

import Domains
import Testing
import XenABI

/// What a domain may be made as on x86.
@Suite struct X86ConfigurationTests {
    func check(_ change: (inout CreateDomain<X86DomainConfig>) -> Void) -> XenError? {
        var config = CreateDomain<X86DomainConfig>()
        config.flags = CreateFlag.hvm | CreateFlag.hap
        config.maximumVCPUs = 128
        config.arch.emulationFlags = X86Emulation.localAPIC
        change(&config)
        do throws(XenError) {
            try config.checkX86()
            return nil
        } catch {
            return error
        }
    }

    /// Shows: XEN_DOMCTL_createdomain
    @Test func onlyPVH() {
        #expect(check { _ in } == nil)
        #expect(check { $0.flags |= CreateFlag.oosOff | CreateFlag.xenstoreDomain } == nil)
        #expect(check { $0.arch.miscFlags = X86Emulation.relaxedMSRs } == nil)
        #expect(check { $0.flags = 0 } == .eopnotsupp, "PV")
        #expect(check { $0.flags |= CreateFlag.nestedVirt } == .einval)
        #expect(check { $0.flags |= CreateFlag.s3Integrity } == .einval)
        #expect(check { $0.maximumVCPUs = 129 } == .einval)
        #expect(check { $0.arch.miscFlags = 2 } == .einval)
        #expect(check { $0.arch.emulationFlags |= 1 << 11 } == .einval)
        #expect(check { $0.flags = CreateFlag.hvm } == .eopnotsupp, "shadow page tables")
        #expect(check { $0.arch.emulationFlags = 0 } == .eopnotsupp)
        #expect(check { $0.arch.emulationFlags = X86Emulation.all & ~X86Emulation.vPCI } == .eopnotsupp, "a PC")
    }

    /// Shows: XEN_DOMCTL_get_paging_mempool_size
    @Test func pagingPool() {
        #expect(X86Memory.pagingPool(frames: 1 << 18, vcpus: 2) == 6 << 20, "1 GiB")
        #expect(X86Memory.pagingPool(frames: 1 << 17, vcpus: 1) == 3 << 20)
        #expect(X86Memory.pagingPool(frames: 256, vcpus: 1) == 2 << 20)
    }
}
