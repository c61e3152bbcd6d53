// SPDX-License-Identifier: Apache-2.0

/// The ID registers S3_0_C0_C<m>_<n> as guests see them, by 8 m + n (ARM DDI 0487, D17.2).
///
/// What the hypervisor does not give to guests is taken out, so that a guest does not use it: a mask of fields per register.
public struct FeatureRegisters: Sendable {
    public private(set) var values = InlineArray<64, UInt64>(repeating: 0)

    /// A field of a register that guests see as 0.
    struct Hidden {
        let register: Int
        let shift: UInt64
    }

    /// Index of CRm, op2.
    @inlinable public static func index(_ crm: Int, _ op2: Int) -> Int { crm * 8 + op2 }

    private static var hidden: InlineArray<18, Hidden> {
        [
            Hidden(register: index(4, 0), shift: 8),  // ID_AA64PFR0.EL2: guests have no EL2
            Hidden(register: index(4, 0), shift: 28),  // RAS
            Hidden(register: index(4, 0), shift: 32),  // SVE
            Hidden(register: index(4, 0), shift: 40),  // MPAM
            Hidden(register: index(4, 0), shift: 44),  // AMU
            Hidden(register: index(4, 1), shift: 8),  // ID_AA64PFR1.MTE
            Hidden(register: index(4, 1), shift: 16),  // MPAM_frac: with MPAM 0 it would be MPAM 0.1
            Hidden(register: index(4, 1), shift: 24),  // SME
            Hidden(register: index(5, 0), shift: 4),  // ID_AA64DFR0.TraceVer
            Hidden(register: index(5, 0), shift: 8),  // PMUVer
            Hidden(register: index(5, 0), shift: 32),  // PMSVer
            Hidden(register: index(6, 1), shift: 4),  // ID_AA64ISAR1.APA
            Hidden(register: index(6, 1), shift: 8),  // API
            Hidden(register: index(6, 1), shift: 24),  // GPA
            Hidden(register: index(6, 1), shift: 28),  // GPI
            Hidden(register: index(6, 2), shift: 8),  // ID_AA64ISAR2.GPA3
            Hidden(register: index(6, 2), shift: 12),  // APA3
            Hidden(register: index(7, 1), shift: 8),  // ID_AA64MMFR1.VH
        ]
    }

    /// From the host's registers, in the same order.
    public init(host: InlineArray<64, UInt64>) {
        values = host
        let fields = Self.hidden
        for index in fields.indices { values[fields[index].register] &= ~(0xf << fields[index].shift) }
        // ID_DFR0.PerfMon of AArch32.
        values[Self.index(1, 2)] &= ~(0xf << 24)
    }

    @inlinable @inline(__always) public subscript(index: Int) -> UInt64 { values[index & 63] }
}
