// SPDX-License-Identifier: Apache-2.0

import Base
import Machine

/// The registers of which there is a field per interrupt, in the distributor and in the SGI frames alike.
///
/// `vcpu` is whose private bank is meant, `by` who accesses. `isShared`: the private bank is not here, because affinity
/// routing moved it to the redistributors (its registers are RES0 then).
extension VirtualGIC {
    /// Reads `width` bytes, which the family allows.
    @inline(__always)
    func read(
        _ kind: RegisterFamily.Kind, _ offset: UInt32, _ width: UInt32, isShared: Bool, _ vcpu: VCPUID, by reader: VCPUID,
        on host: some VirtualGICHost
    ) -> UInt32 {
        switch kind {
        case .setEnable, .clearEnable:
            let index = offset >> 2 & 31
            return isHere(index, isShared) ? bank(index, vcpu: vcpu).load(.enabled) : 0
        case .priority: return readBytes(BankLayout.priorities, offset, width, isShared, vcpu)
        case .target: return version == .v2 ? readTargets(offset, width, vcpu) : 0
        case .configuration: return readConfiguration(offset, isShared, vcpu)
        case .setPending, .clearPending, .setActive, .clearActive:
            return readState(kind, offset, isShared, vcpu, by: reader, on: host)
        case .softwareInterrupt: return version == .v2 ? readSources(offset, width, vcpu, on: host) : 0
        case .identification: return offset == 0xfe8 && version == .v2 ? Identification.peripheral(version) : 0
        case .control, .zero, .reserved: return 0
        }
    }

    /// Writes `width` bytes, which the family allows.
    func write(
        _ kind: RegisterFamily.Kind, _ offset: UInt32, _ width: UInt32, _ value: UInt32, isShared: Bool, _ vcpu: VCPUID,
        by writer: VCPUID, on host: some VirtualGICHost
    ) {
        switch kind {
        case .setEnable: writeEnable(true, offset, value, isShared, vcpu, by: writer, on: host)
        case .clearEnable: writeEnable(false, offset, value, isShared, vcpu, by: writer, on: host)
        case .setPending, .clearPending, .setActive, .clearActive:
            writeState(kind, offset, value, isShared, vcpu, by: writer, on: host)
        case .priority: writePriorities(offset, width, value, isShared, vcpu)
        case .target: if version == .v2 { writeTargets(offset, width, value, by: writer, on: host) }
        case .configuration: writeConfiguration(offset, value, isShared, vcpu, on: host)
        case .softwareInterrupt, .identification, .control, .zero, .reserved: break
        }
    }

    @inline(__always)
    private func isHere(_ index: UInt32, _ isShared: Bool) -> Bool {
        hasBank(index) && !(isShared && index == 0)
    }

    // MARK: Enable

    private func writeEnable(
        _ isOn: Bool, _ offset: UInt32, _ value: UInt32, _ isShared: Bool, _ vcpu: VCPUID, by writer: VCPUID,
        on host: some VirtualGICHost
    ) {
        let index = offset >> 2 & 31
        guard isHere(index, isShared) else { return }
        let bank = bank(index, vcpu: vcpu)
        let changed = isOn ? value & ~bank.set(.enabled, value) : value & bank.clear(.enabled, value)
        guard changed != 0 else { return }
        // Enabled: what waits is to be delivered. Disabled: what waits in a list register is to be taken back.
        if isOn {
            notifyTargets(of: changed & bank.pendingInMemory, bank, index, vcpu, by: writer, on: host)
        } else {
            notifyHolders(of: changed & bank.load(.resident), bank, index, vcpu, by: writer, on: host)
        }
        forEach(changed & bank.load(.mapped)) { host.mappingChanged(index << 5 | $0, vcpu: vcpu) }
    }

    /// Asks the vCPUs that these interrupts go to for attention, and those that still handle them, if they are others.
    func notifyTargets(
        of bits: UInt32, _ bank: Bank<Frames>, _ index: UInt32, _ vcpu: VCPUID, by writer: VCPUID,
        on host: some VirtualGICHost
    ) {
        forEach(bits) { notify(index == 0 ? vcpu : target(bank, $0), 1 &<< index, by: writer, on: host) }
        if index != 0 { notifyHolders(of: bits & bank.observe(.resident), bank, index, vcpu, by: writer, on: host) }
    }

    /// Asks the vCPUs that have these interrupts in list registers for attention.
    func notifyHolders(
        of bits: UInt32, _ bank: Bank<Frames>, _ index: UInt32, _ vcpu: VCPUID, by writer: VCPUID,
        on host: some VirtualGICHost
    ) {
        forEach(bits) { notify(index == 0 ? vcpu : holder(bank, $0), 1 &<< index, by: writer, on: host) }
    }

    /// The writer itself needs no kick: it comes by `enter` anyway.
    private func notify(_ vcpu: VCPUID, _ banks: UInt32, by writer: VCPUID, on host: some VirtualGICHost) {
        block(vcpu).ask(banks)
        if vcpu != writer { host.kick(vcpu) }
    }

    // MARK: Priority

    @inline(__always)
    private func readBytes(
        _ array: UInt64, _ offset: UInt32, _ width: UInt32, _ isShared: Bool, _ vcpu: VCPUID
    ) -> UInt32 {
        let index = offset >> 5 & 31
        guard isHere(index, isShared) else { return 0 }
        let bank = bank(index, vcpu: vcpu)
        return width == 4 ? bank.bytes(array, offset) : UInt32(bank.byte(array, offset))
    }

    private func writePriorities(
        _ offset: UInt32, _ width: UInt32, _ value: UInt32, _ isShared: Bool, _ vcpu: VCPUID
    ) {
        let index = offset >> 5 & 31
        guard isHere(index, isShared) else { return }
        let bank = bank(index, vcpu: vcpu)
        for byte in 0..<width {
            bank.setByte(BankLayout.priorities, (offset & 31) + byte, UInt8(truncatingIfNeeded: value &>> (byte * 8)))
        }
    }

    // MARK: GICv2 targets

    /// A bit for each vCPU, of which one is set; for private interrupts the reader's own.
    private func readTargets(_ offset: UInt32, _ width: UInt32, _ vcpu: VCPUID) -> UInt32 {
        let index = offset >> 5 & 31
        guard hasBank(index) else { return 0 }
        let bank = bank(index, vcpu: vcpu)
        var value: UInt32 = 0
        for byte in 0..<width {
            let target = index == 0 ? vcpu : target(bank, (offset & 31) + byte)
            value |= (1 &<< target.rawValue) &<< (byte * 8)
        }
        return value
    }

    /// Of several targets the lowest that exists is taken; a byte without any is ignored, as in Xen.
    private func writeTargets(
        _ offset: UInt32, _ width: UInt32, _ value: UInt32, by writer: VCPUID, on host: some VirtualGICHost
    ) {
        guard offset & 0x3ff >= 32 else { return }
        for byte in 0..<width {
            let interrupt = (offset & 0x3ff) + byte
            let target = (value &>> (byte * 8) & 0xff).trailingZeroBitCount
            guard target < vcpus, hasBank(interrupt >> 5) else { continue }
            route(interrupt, to: VCPUID(UInt32(truncatingIfNeeded: target)), by: writer, on: host)
        }
    }

    // MARK: Configuration

    /// Bit 1 of each pair: an edge.
    private func readConfiguration(_ offset: UInt32, _ isShared: Bool, _ vcpu: VCPUID) -> UInt32 {
        let index = offset >> 3 & 31
        guard isHere(index, isShared) else { return 0 }
        var bits = bank(index, vcpu: vcpu).load(.edge) &>> ((offset >> 2 & 1) * 16) & 0xffff
        bits = (bits | bits << 8) & 0x00ff_00ff
        bits = (bits | bits << 4) & 0x0f0f_0f0f
        bits = (bits | bits << 2) & 0x3333_3333
        return ((bits | bits << 1) & 0x5555_5555) << 1
    }

    /// SGIs are edges for ever; a GICv2's PPIs are what the device tree made them.
    private func writeConfiguration(
        _ offset: UInt32, _ value: UInt32, _ isShared: Bool, _ vcpu: VCPUID, on host: some VirtualGICHost
    ) {
        let index = offset >> 3 & 31
        let isHigh = offset >> 2 & 1 != 0
        guard isHere(index, isShared), index != 0 || (isHigh && version == .v3) else { return }
        var bits = value >> 1 & 0x5555_5555
        bits = (bits | bits >> 1) & 0x3333_3333
        bits = (bits | bits >> 2) & 0x0f0f_0f0f
        bits = (bits | bits >> 4) & 0x00ff_00ff
        bits = (bits | bits >> 8) & 0xffff
        let mask: UInt32 = isHigh ? 0xffff_0000 : 0xffff
        let edges = isHigh ? bits << 16 : bits
        let bank = bank(index, vcpu: vcpu)
        let old = bank.load(.edge) & mask
        bank.set(.edge, edges)
        bank.clear(.edge, ~edges & mask)
        forEach((old ^ edges) & bank.load(.mapped)) { host.mappingChanged(index << 5 | $0, vcpu: vcpu) }
    }
}
