// SPDX-License-Identifier: Apache-2.0

public import Base
import Machine

/// Accesses to the distributor's frame: 4 KiB of a GICv2, 64 KiB of a GICv3.
///
/// Unlike Xen's, the pending and active registers tell the truth for the vCPU that reads them (Xen: read as zero), and a
/// GICv2 SGI has its sender. What is active or pending in a list register of another vCPU reads as 0.
extension VirtualGIC {
    /// A guest's read of `width` bytes (1, 2, 4 or 8) at `offset` in the frame. Nil: the guest gets a data abort, for a
    /// width that the register has not, an offset that is not aligned to it, or one outside.
    ///
    ///     if let value = gic.readDistributor(offset, width: 4, by: vcpu, on: host) { frame.x[n] = value }
    @inline(__always)
    public func readDistributor(
        _ offset: UInt32, width: UInt32, by vcpu: VCPUID, on host: some VirtualGICHost
    ) -> UInt64? {
        guard offset < 0x1000 else { return readHigh(offset, width: width) }
        guard let kind = RegisterFamily.of(offset, width: width) else { return nil }
        if kind == .control { return UInt64(readControl(offset)) }
        return UInt64(read(kind, offset, width, isShared: version == .v3, vcpu, by: vcpu, on: host))
    }

    /// A guest's write. False: the guest gets a data abort.
    public func writeDistributor(
        _ offset: UInt32, width: UInt32, value: UInt64, by vcpu: VCPUID, on host: some VirtualGICHost
    ) -> Bool {
        guard offset < 0x1000 else { return writeHigh(offset, width: width, value, by: vcpu, on: host) }
        guard let kind = RegisterFamily.of(offset, width: width) else { return false }
        let word = UInt32(truncatingIfNeeded: value)
        if kind == .control {
            if offset == 0 { writeControl(word, by: vcpu, on: host) }
        } else if kind == .softwareInterrupt, version == .v2 {
            return writeSoftwareInterrupt(offset, width, word, by: vcpu, on: host)
        } else {
            write(kind, offset, width, word, isShared: version == .v3, vcpu, by: vcpu, on: host)
        }
        return true
    }

    // MARK: Control

    private func readControl(_ offset: UInt32) -> UInt32 {
        switch offset {
        case 0x0:
            let isOn: UInt32 = isDistributorOn ? 1 : 0
            // GICv3: EnableGrp1A and ARE_NS.
            return version == .v2 ? isOn : isOn << 1 | 1 << 4
        case 0x4:
            let cpus = UInt32(truncatingIfNeeded: min(vcpus, 8) - 1)
            // GICv3: 10 bits of interrupt number.
            return cpus << 5 | UInt32(truncatingIfNeeded: banks - 1) | (version == .v2 ? 0 : 9 << 19)
        case 0x8: return version == .v2 ? Identification.v2 : Identification.v3
        default: return 0
        }
    }

    private func writeControl(_ value: UInt32, by vcpu: VCPUID, on host: some VirtualGICHost) {
        let isOn = version == .v2 ? value & 1 : value >> 1 & 1
        let bank = Bank(frames: frames, address: base)
        let old = isOn != 0 ? bank.set(.control, 1) : bank.clear(.control, 1)
        guard old != isOn else { return }
        for index in 0..<UInt32(truncatingIfNeeded: vcpus) {
            block(VCPUID(index)).ask(~0)
            if index != vcpu.rawValue { host.kick(VCPUID(index)) }
        }
    }

    // MARK: GICv3 only: 0x1000 to 0xffff

    private func readHigh(_ offset: UInt32, width: UInt32) -> UInt64? {
        guard version == .v3, offset < 0x1_0000, offset & (width &- 1) == 0 else { return nil }
        guard let interrupt = routed(offset) else {
            return offset & ~3 == 0xffe8 ? UInt64(Identification.peripheral(version)) : 0
        }
        guard width >= 4 else { return nil }
        let bank = bank(interrupt >> 5, vcpu: VCPUID(0))
        let route = GICVersion.affinity(of: target(bank, interrupt & 31))
        return offset & 4 != 0 ? route >> 32 : width == 4 ? route & 0xffff_ffff : route
    }

    private func writeHigh(
        _ offset: UInt32, width: UInt32, _ value: UInt64, by vcpu: VCPUID, on host: some VirtualGICHost
    ) -> Bool {
        guard version == .v3, offset < 0x1_0000, offset & (width &- 1) == 0 else { return false }
        guard let interrupt = routed(offset) else { return true }
        guard width >= 4 else { return false }
        // The high half holds affinity 3, which no vCPU has.
        if offset & 4 != 0 { return true }
        // Any one of all (bit 31): vCPU 0 takes it.
        var target = UInt32(truncatingIfNeeded: value & 0xff | value >> 4 & 0xff0)
        if value >> 31 & 1 != 0 { target = 0 }
        let isNamed = value >> 31 & 1 != 0 || value & 0xff_00ff_00f0 == 0
        if isNamed, Int(target) < vcpus { route(interrupt, to: VCPUID(target), by: vcpu, on: host) }
        return true
    }

    /// The SPI whose GICD_IROUTER is at `offset`.
    private func routed(_ offset: UInt32) -> UInt32? {
        let interrupt = (offset &- 0x6000) >> 3
        return interrupt >= 32 && interrupt < 1020 && hasBank(interrupt >> 5) ? interrupt : nil
    }

    // MARK: Routing

    /// Routes an SPI to another vCPU. What is in flight ends where it is.
    func route(
        _ interrupt: UInt32, to new: VCPUID, by vcpu: VCPUID, on host: some VirtualGICHost
    ) {
        let bank = bank(interrupt >> 5, vcpu: vcpu)
        let old = target(bank, interrupt & 31)
        guard old != new else { return }
        bank.setByte(BankLayout.targets, interrupt & 31, UInt8(truncatingIfNeeded: new.rawValue))
        let bit: UInt32 = 1 &<< (interrupt & 31)
        // Both look: whoever finds it pending and not its own passes it on.
        if bank.load(.resident) & bit != 0 { notify(holder(bank, interrupt & 31), 1 &<< (interrupt >> 5), on: host) }
        if bank.pendingInMemory & bit != 0 { notify(new, 1 &<< (interrupt >> 5), on: host) }
        if bank.load(.mapped) & bit != 0 { host.mappingChanged(interrupt, vcpu: new) }
    }

    // MARK: GICv2 software interrupts

    private func writeSoftwareInterrupt(
        _ offset: UInt32, _ width: UInt32, _ value: UInt32, by vcpu: VCPUID, on host: some VirtualGICHost
    ) -> Bool {
        if offset == 0xf00, width == 4 {
            sendSGI(v2: value, by: vcpu, on: host)
            return true
        }
        guard offset >= 0xf10, offset < 0xf30 else { return true }
        recall(0, vcpu, on: host)
        let bank = privateBank(vcpu)
        var interrupt = offset & 15
        var left = value
        while interrupt < (offset & 15) + width {
            let sources = left & ((1 &<< UInt32(truncatingIfNeeded: vcpus)) &- 1)
            if sources != 0, offset < 0xf20 {
                bank.removeSource(of: interrupt, sources)
                bank.settleSources(of: interrupt)
            } else if sources != 0 {
                bank.addSource(of: interrupt, sources)
                bank.set(.pending, 1 &<< interrupt)
            }
            left >>= 8
            interrupt += 1
        }
        block(vcpu).ask(1)
        return true
    }
}
