// SPDX-License-Identifier: Apache-2.0

public import Base
import Machine

/// Accesses to GICv3 redistributors: two frames of 64 KiB for each vCPU, in the order of vCPUs, in one region.
extension VirtualGIC {
    /// Bytes of one vCPU's redistributor.
    public static var redistributorSize: UInt32 { 0x2_0000 }

    /// A guest's read of `width` bytes at `offset` in the region of all redistributors. Nil: the guest gets a data abort.
    public func readRedistributor(
        _ offset: UInt32, width: UInt32, by vcpu: VCPUID, on host: some VirtualGICHost
    ) -> UInt64? {
        guard let owner = redistributor(at: offset), offset & (width &- 1) == 0 else { return nil }
        let register = offset & 0xffff
        guard offset & 0x1_0000 != 0 else { return readControlFrame(register, width, owner) }
        guard register < 0x1000 else { return 0 }
        guard let kind = RegisterFamily.of(register, width: width) else { return nil }
        return isPrivate(kind, register)
            ? UInt64(read(kind, register, width, isShared: false, owner, by: vcpu, on: host)) : 0
    }

    /// A guest's write. False: the guest gets a data abort.
    public func writeRedistributor(
        _ offset: UInt32, width: UInt32, value: UInt64, by vcpu: VCPUID, on host: some VirtualGICHost
    ) -> Bool {
        guard let owner = redistributor(at: offset), offset & (width &- 1) == 0 else { return false }
        let register = offset & 0xffff
        guard offset & 0x1_0000 != 0 else { return readControlFrame(register, width, owner) != nil }
        guard register < 0x1000 else { return true }
        guard let kind = RegisterFamily.of(register, width: width) else { return false }
        if isPrivate(kind, register) {
            write(kind, register, width, UInt32(truncatingIfNeeded: value), isShared: false, owner, by: vcpu, on: host)
        }
        return true
    }

    private func redistributor(at offset: UInt32) -> VCPUID? {
        let owner = offset / Self.redistributorSize
        return version == .v3 && Int(owner) < vcpus ? VCPUID(owner) : nil
    }

    /// The SGI frame has the registers of bank 0 only.
    private func isPrivate(_ kind: RegisterFamily.Kind, _ register: UInt32) -> Bool {
        switch kind {
        case .setEnable, .clearEnable, .setPending, .clearPending, .setActive, .clearActive: register & 0x7c == 0
        case .priority: register < 0x420
        case .configuration: register < 0xc08
        default: false
        }
    }

    /// The RD frame: no LPIs and no power management, so nothing to write (ARM IHI 0069, 12.10).
    private func readControlFrame(_ register: UInt32, _ width: UInt32, _ owner: VCPUID) -> UInt64? {
        switch register {
        case 0x00, 0x10, 0x14: return width == 4 ? 0 : nil
        case 0x04: return width == 4 ? UInt64(Identification.v3) : nil
        case 0x08, 0x0c:
            let isLast: UInt64 = Int(owner.rawValue) == vcpus - 1 ? 1 << 4 : 0
            let type = GICVersion.affinity(of: owner) << 32 | UInt64(owner.rawValue) << 8 | isLast
            if register == 0x0c { return width == 4 ? type >> 32 : nil }
            return width == 8 ? type : width == 4 ? type & 0xffff_ffff : nil
        case 0x70, 0x74, 0x78, 0x7c: return width >= 4 ? 0 : nil
        case 0xffe8: return width == 4 ? UInt64(Identification.peripheral(version)) : nil
        default: return 0
        }
    }
}
