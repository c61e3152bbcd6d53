// SPDX-License-Identifier: Apache-2.0

/// A guest's paging registers, and the walk that its own processor would make (AMD APM 2, 5.1-5.6).
public struct GuestPaging: Sendable, BitwiseCopyable {
    public var cr0: UInt64
    public var cr3: UInt64
    public var cr4: UInt64
    public var efer: UInt64
    /// Current privilege level.
    public var level: UInt8

    public init(cr0: UInt64, cr3: UInt64, cr4: UInt64, efer: UInt64, level: UInt8) {
        self.cr0 = cr0
        self.cr3 = cr3
        self.cr4 = cr4
        self.efer = efer
        self.level = level
    }

    public enum Access: Sendable { case read, write, execute }

    private var isPaging: Bool { cr0 >> 31 & 1 != 0 }
    private var isLong: Bool { efer >> 10 & 1 != 0 }
    private var hasPAE: Bool { cr4 >> 5 & 1 != 0 }
    private var protectsWrites: Bool { cr0 >> 16 & 1 != 0 || level == 3 }

    private static var addressMask: UInt64 { 0x000f_ffff_ffff_f000 }

    /// The guest physical address behind `address`, or nil where an access by the guest would fault. `word` reads eight bytes
    /// of guest physical memory; nil where there is no RAM.
    ///
    /// The processor's own checks of reserved bits and of protection keys are not repeated: what they refuse is a fault that
    /// the guest has prepared for itself.
    @inline(__always)
    public func translate(_ address: UInt64, _ access: Access, word: (UInt64) -> UInt64?) -> UInt64? {
        guard isPaging else { return address & 0xffff_ffff }
        if isLong {
            guard GuestMSR.isCanonical(address) else { return nil }
            return walk(address, levels: 4, root: cr3 & Self.addressMask, access, word: word)
        }
        if hasPAE {
            guard let root = word((cr3 & 0xffff_ffe0) + (address >> 30 & 3) * 8), root & 1 != 0 else { return nil }
            return walk(address & 0xffff_ffff, levels: 2, root: root & Self.addressMask, access, word: word)
        }
        return walk32(address & 0xffff_ffff, access, word: word)
    }

    /// Tables of 512 entries: `levels` of them, the last maps 4 KiB pages.
    @inline(__always)
    private func walk(_ address: UInt64, levels: UInt64, root: UInt64, _ access: Access, word: (UInt64) -> UInt64?)
        -> UInt64?
    {
        var table = root
        var rights: UInt64 = 6
        var noExecute = false
        var left = levels
        while left > 0 {
            let shift = 3 + left * 9
            guard let entry = word(table + (address >> shift & 511) * 8), entry & 1 != 0 else { return nil }
            rights &= entry
            noExecute = noExecute || entry >> 63 != 0
            if left == 1 || (left <= 3 && entry >> 7 & 1 != 0) {
                guard allows(access, rights, noExecute) else { return nil }
                let mask: UInt64 = (1 << shift) - 1
                return entry & Self.addressMask & ~mask | address & mask
            }
            table = entry & Self.addressMask
            left -= 1
        }
        return nil
    }

    /// Two levels of 1024 entries, without PAE. 4 MiB pages may lie above 4 GiB (PSE-36).
    private func walk32(_ address: UInt64, _ access: Access, word: (UInt64) -> UInt64?) -> UInt64? {
        func entry(_ table: UInt64, _ index: UInt64) -> UInt64? {
            let place = table + index * 4
            return word(place & ~7).map { place & 4 != 0 ? $0 >> 32 : $0 & 0xffff_ffff }
        }
        guard let directory = entry(cr3 & 0xffff_f000, address >> 22), directory & 1 != 0 else { return nil }
        if directory >> 7 & 1 != 0, cr4 >> 4 & 1 != 0 {
            guard allows(access, directory, false) else { return nil }
            return directory & 0xffc0_0000 | (directory >> 13 & 0xff) << 32 | address & 0x3f_ffff
        }
        guard let page = entry(directory & 0xffff_f000, address >> 12 & 1023), page & 1 != 0,
            allows(access, directory & page, false)
        else { return nil }
        return page & 0xffff_f000 | address & 0xfff
    }

    private func allows(_ access: Access, _ rights: UInt64, _ noExecute: Bool) -> Bool {
        if level == 3, rights & 4 == 0 { return false }
        switch access {
        case .read: return true
        case .write: return rights & 2 != 0 || !protectsWrites
        case .execute: return !(noExecute && efer >> 11 & 1 != 0)
        }
    }
}
