// SPDX-License-Identifier: Apache-2.0

public import XenABI

extension CreateDomain<X86DomainConfig> {
    /// Checks what x86 says of a new domain: PVH domains on nested paging are all that there is. Throws EINVAL, and EOPNOTSUPP for
    /// what Xen might have had.
    ///
    /// Xen: arch_sanitise_domain_config, emulation_flags_ok
    public func checkX86() throws(XenError) {
        // PV domains, which Xen was built with and refuses later.
        guard flags & CreateFlag.hvm != 0 else { throw .eopnotsupp }
        // Nothing keeps memory whole over a suspend, and nothing is virtualised in a guest.
        guard flags & (CreateFlag.s3Integrity | CreateFlag.nestedVirt) == 0,
            maximumVCPUs <= 128, arch.miscFlags & ~X86Emulation.relaxedMSRs == 0,
            arch.emulationFlags & ~X86Emulation.all == 0
        else { throw .einval }
        // Of the devices a PVH domain's; those of a PC are not emulated.
        guard flags & CreateFlag.hap != 0, arch.emulationFlags == X86Emulation.localAPIC else { throw .eopnotsupp }
    }
}

/// What Xen sets aside for page tables, which tools read: XEN_DOMCTL_get_paging_mempool_size.
public enum X86Memory {
    /// Bytes that a new domain has for its page tables (Xen: hap_enable).
    public static var firstPagingPool: UInt64 { 1 << 20 }

    /// Bytes for those of a hardware domain: a mebibyte for each vCPU, and a page for each mebibyte of its memory.
    ///
    /// Xen: dom0_paging_pages
    public static func pagingPool(frames: UInt64, vcpus: UInt32) -> UInt64 {
        let kibibytes = 4 * (256 * UInt64(vcpus) + frames >> 8)
        return ((kibibytes + 1023) >> 10) << 20
    }
}
