// SPDX-License-Identifier: Apache-2.0

public import XenABI

extension CreateDomain<X86DomainConfig> {
    /// Checks what x86 says of a new domain: PVH domains on nested paging are all that there is. Throws EINVAL, and EOPNOTSUPP for
    /// what Xen might have had.
    ///
    /// Xen: arch_sanitise_domain_config, emulation_flags_ok
    public func checkX86() throws(XenError) {
        // Nothing keeps memory whole over a suspend, and nothing is virtualised in a guest.
        guard flags & CreateFlag.hvm != 0, flags & (CreateFlag.s3Integrity | CreateFlag.nestedVirt) == 0,
            maximumVCPUs <= 128, arch.miscFlags & ~X86Emulation.relaxedMSRs == 0,
            arch.emulationFlags & ~X86Emulation.all == 0
        else { throw .einval }
        // Of the devices a PVH domain's; those of a PC are not emulated.
        guard flags & CreateFlag.hap != 0, arch.emulationFlags == X86Emulation.localAPIC else { throw .eopnotsupp }
    }
}
