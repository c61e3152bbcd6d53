// SPDX-License-Identifier: Apache-2.0

public import Base
import Machine

/// List registers and memory: what the guest is given before it runs, and what it left when it does not run any more.
/// All of this happens on the pCPU where the vCPU is.
extension VirtualGIC {
    /// Before each entry of the guest, interrupts masked. One load and a branch when there is no news.
    @inline(__always)
    public func enter(_ vcpu: VCPUID, on host: some VirtualGICHost) {
        let cpu = block(vcpu)
        if cpu.hasAttention { deliver(cpu, vcpu, on: host) }
    }

    /// After a maintenance interrupt: the next `enter` looks at the list registers.
    public func maintenance(_ vcpu: VCPUID) { block(vcpu).ask(1) }

    /// When the vCPU stops running here: empties its list registers. What is pending goes back to memory, where another
    /// pCPU may deliver it; what is active stays with the vCPU and comes back with the next `enter`.
    public func leave<Host: VirtualGICHost>(_ vcpu: VCPUID, on host: Host) {
        let cpu = block(vcpu)
        var left = cpu.word(CPULayout.used)
        // What an earlier `leave` saved, if no `enter` came between.
        var saved = cpu.word(CPULayout.saved)
        var banks = cpu.spill
        while left != 0 {
            let register = left.trailingZeroBitCount
            left &= left &- 1
            let value = host.listRegister(register)
            let resident = resident(in: register, of: cpu, vcpu)
            if Host.Format.state(value).contains(.active) {
                cpu.setValue(register, value)
                saved |= 1 &<< UInt32(register)
            } else {
                withdraw(resident, value, on: host)
                banks |= handOver(resident, vcpu, on: host)
            }
            host.setListRegister(register, 0)
        }
        cpu.setWord(CPULayout.used, 0)
        cpu.setWord(CPULayout.shared, cpu.word(CPULayout.shared) & saved)
        cpu.setWord(CPULayout.saved, saved)
        cpu.setSpill(0)
        setUnderflow(false, cpu, on: host)
        if saved != 0 { banks |= 1 }
        if banks != 0 { cpu.ask(banks) }
    }

    /// Whether there is an enabled pending interrupt for a vCPU that does not run: whether it should.
    public func hasPending(_ vcpu: VCPUID) -> Bool { hasPending(vcpu, in: block(vcpu).attention) }

    /// The same for the vCPU that runs on this pCPU (after a WFI or a block hypercall).
    public func hasPending<Host: VirtualGICHost>(running vcpu: VCPUID, on host: Host) -> Bool {
        let cpu = block(vcpu)
        var left = cpu.word(CPULayout.used) & ~host.emptyListRegisters
        while left != 0 {
            if Host.Format.state(host.listRegister(left.trailingZeroBitCount)) == .pending { return true }
            left &= left &- 1
        }
        return hasPending(vcpu, in: cpu.attention | cpu.spill)
    }

    private func hasPending(_ vcpu: VCPUID, in banks: UInt32) -> Bool {
        guard isDistributorOn else { return false }
        var left = banks
        while left != 0 {
            let index = UInt32(truncatingIfNeeded: left.trailingZeroBitCount)
            left &= left &- 1
            guard hasBank(index) else { return false }
            let bank = bank(index, vcpu: vcpu)
            // `resident` is no excuse: the guest may have ended the interrupt since, and nobody has looked at the list
            // register yet. Saying yes once too often costs an entry; saying no once too often is a lost wakeup.
            var bits = bank.pendingInMemory & bank.load(.enabled)
            if index == 0, bits != 0 { return true }
            while bits != 0 {
                if target(bank, UInt32(truncatingIfNeeded: bits.trailingZeroBitCount)) == vcpu { return true }
                bits &= bits &- 1
            }
        }
        return false
    }

    /// There is news.
    @inline(never)
    private func deliver(_ cpu: CPUBlock<Frames>, _ vcpu: VCPUID, on host: some VirtualGICHost) {
        let banks = cpu.takeAttention()
        if banks != 1 || !deliverOne(cpu, on: host) { deliver(banks, cpu, vcpu, on: host) }
    }

    /// Whatever the news is.
    @inline(never)
    private func deliver(
        _ attention: UInt32, _ cpu: CPUBlock<Frames>, _ vcpu: VCPUID, on host: some VirtualGICHost
    ) {
        let saved = cpu.word(CPULayout.saved)
        if saved != 0 { restore(saved, cpu, on: host) }
        var banks = attention | cpu.spill
        let used = cpu.word(CPULayout.used)
        // What was restored is active; and the hardware need not show its own summary of a register just written.
        if used != 0 { banks |= fold(used, empty: saved != 0 ? 0 : used & host.emptyListRegisters, cpu, vcpu, on: host) }
        fill(banks, cpu, vcpu, on: host)
    }

    private func restore(
        _ saved: UInt32, _ cpu: CPUBlock<Frames>, on host: some VirtualGICHost
    ) {
        var left = saved
        while left != 0 {
            let register = left.trailingZeroBitCount
            left &= left &- 1
            host.setListRegister(register, cpu.value(register))
        }
        cpu.setWord(CPULayout.saved, 0)
        cpu.setWord(CPULayout.used, saved)
    }

    func setUnderflow(_ isOn: Bool, _ cpu: CPUBlock<Frames>, on host: some VirtualGICHost) {
        guard (cpu.word(CPULayout.underflow) != 0) != isOn else { return }
        cpu.setWord(CPULayout.underflow, isOn ? 1 : 0)
        host.setUnderflowInterrupt(isOn)
    }
}

/// What a list register holds, and where its state is.
struct Resident<Frames: FrameMemory> {
    let bank: Bank<Frames>
    /// Of the bank.
    let index: UInt32
    /// In the bank.
    let number: UInt32
    /// The pending state in the list register came from a latch.
    let isLatched: Bool
    var bit: UInt32 { 1 &<< number }
}

// MARK: From list registers to memory

extension VirtualGIC {
    @inline(__always)
    func resident(in register: Int, of cpu: CPUBlock<Frames>, _ vcpu: VCPUID) -> Resident<Frames> {
        let number = UInt32(cpu.number(register))
        let index = number >> 5 & 31
        return Resident(
            bank: index == 0 ? cpu.bank : bank(index, vcpu: vcpu), index: index, number: number & 31,
            isLatched: number >> 15 != 0)
    }

    /// Takes note of what the guest did with its list registers. Returns the banks to look at again.
    private func fold<Host: VirtualGICHost>(
        _ used: UInt32, empty: UInt32, _ cpu: CPUBlock<Frames>, _ vcpu: VCPUID, on host: Host
    ) -> UInt32 {
        var freed = empty
        var banks: UInt32 = 0
        var left = used
        while left != 0 {
            let register = left.trailingZeroBitCount
            let mask = left & (0 &- left)
            left &= ~mask
            let resident = resident(in: register, of: cpu, vcpu)
            if empty & mask != 0 {
                release(resident)
            } else if settle(resident, register, cpu, vcpu, on: host) {
                freed |= mask
            } else {
                continue
            }
            banks |= handOver(resident, vcpu, on: host)
        }
        if freed != 0 { cpu.setUsed(used & ~freed) }
        return banks
    }

    /// The interrupt is in no list register any more.
    @inline(__always)
    private func release(_ resident: Resident<Frames>) {
        if (resident.bank.load(.dropPending) | resident.bank.load(.dropActive)) & resident.bit != 0 {
            resident.bank.clear(.dropPending, resident.bit)
            resident.bank.clear(.dropActive, resident.bit)
        }
        resident.bank.clear(.resident, resident.bit)
    }

    /// After a release: the bank to look at, here or, for an SPI that has another target, there.
    @inline(__always)
    private func handOver(
        _ resident: Resident<Frames>, _ vcpu: VCPUID, on host: some VirtualGICHost
    ) -> UInt32 {
        if resident.index != 0 {
            let target = target(resident.bank, resident.number)
            if target != vcpu {
                if resident.bank.pendingInMemory & resident.bit != 0 { notify(target, 1 &<< resident.index, on: host) }
                return 0
            }
        }
        return 1 &<< resident.index
    }

    /// Returns a list register's state to memory. The caller clears the register.
    func withdraw<Host: VirtualGICHost>(_ resident: Resident<Frames>, _ old: UInt64, on host: Host) {
        let value = dropped(resident, old, on: host)
        let state = Host.Format.state(value)
        if state.contains(.pending) { latch(resident, value, Host.Format.self) }
        if state.contains(.active) { resident.bank.set(.active, resident.bit) }
        release(resident)
    }

    /// Returns the pending state of a list register to memory, if it came from there: a line is there still.
    private func latch<Format: ListRegisterFormat>(
        _ resident: Resident<Frames>, _ value: UInt64, _ format: Format.Type
    ) {
        guard resident.isLatched else { return }
        if isSourced(resident) { resident.bank.addSource(of: resident.number, 1 &<< UInt32(Format.decode(value).source)) }
        resident.bank.set(.pending, resident.bit)
    }

    /// An active list register without its pending state, which goes back to memory.
    func handled<Format: ListRegisterFormat>(
        _ resident: Resident<Frames>, _ register: Int, _ value: UInt64, _ cpu: CPUBlock<Frames>, _ format: Format.Type
    ) -> UInt64 {
        latch(resident, value, format)
        cpu.setNumber(register, cpu.number(register) & 0x7fff)
        return Format.with(.active, value)
    }

    private func isSourced(_ resident: Resident<Frames>) -> Bool {
        version == .v2 && resident.index == 0 && resident.number < 16
    }

    /// Brings a list register in line with what changed in memory. Returns whether it is free now.
    private func settle<Host: VirtualGICHost>(
        _ resident: Resident<Frames>, _ register: Int, _ cpu: CPUBlock<Frames>, _ vcpu: VCPUID,
        on host: Host
    ) -> Bool {
        let old = host.listRegister(register)
        var value = dropped(resident, old, on: host)
        let state = Host.Format.state(value)
        let isWanted = isWanted(resident, vcpu)
        if state.isEmpty || (state == .pending && !isWanted) {
            withdraw(resident, value, on: host)
            host.setListRegister(register, 0)
            return true
        }
        if !isWanted, state.contains(.pending) { value = handled(resident, register, value, cpu, Host.Format.self) }
        if resident.bank.pendingInMemory & resident.bit != 0 {
            // What goes to another vCPU next has to be handed over when this one is done.
            value = isWanted ? merged(resident, value, register, cpu, Host.Format.self) : Host.Format.notifyingEnd(value)
        }
        if value != old { host.setListRegister(register, value) }
        return false
    }

    /// Whether a pending list register may stay: enabled, still routed here, and its cause still there.
    private func isWanted(_ resident: Resident<Frames>, _ vcpu: VCPUID) -> Bool {
        guard isDistributorOn, resident.bank.load(.enabled) & resident.bit != 0,
            resident.index == 0 || target(resident.bank, resident.number) == vcpu
        else { return false }
        return resident.isLatched || resident.bank.pendingInMemory & resident.bit != 0
    }

    /// The list register without the state that another vCPU's write took away.
    private func dropped<Host: VirtualGICHost>(
        _ resident: Resident<Frames>, _ value: UInt64, on host: Host
    ) -> UInt64 {
        let dropsPending = resident.bank.load(.dropPending) & resident.bit != 0
        let dropsActive = resident.bank.load(.dropActive) & resident.bit != 0
        guard dropsPending || dropsActive else { return value }
        resident.bank.clear(.dropPending, resident.bit)
        resident.bank.clear(.dropActive, resident.bit)
        var state = Host.Format.state(value)
        if dropsPending { state.remove(.pending) }
        if dropsActive { state.remove(.active) }
        if state.isEmpty, resident.bank.load(.mapped) & resident.bit != 0 {
            host.deactivate(physical: resident.bank.physical(resident.number))
        }
        return Host.Format.with(state, value)
    }

    /// Adds what became pending again while the interrupt was in the list register: into its state where that can hold
    /// it, else by asking for a maintenance interrupt when the guest is done with it.
    private func merged<Format: ListRegisterFormat>(
        _ resident: Resident<Frames>, _ value: UInt64, _ register: Int, _ cpu: CPUBlock<Frames>, _ format: Format.Type
    ) -> UInt64 {
        let bank = resident.bank
        if isSourced(resident) {
            if Format.state(value).contains(.pending) {
                // The same sender once more: one interrupt. The others wait.
                bank.removeSource(of: resident.number, 1 &<< UInt32(Format.decode(value).source))
                bank.settleSources(of: resident.number)
            }
            return bank.load(.pending) & resident.bit != 0 ? Format.notifyingEnd(value) : value
        }
        let isMapped = bank.load(.mapped) & resident.bit != 0
        var value = value
        if !isMapped, bank.load(.pending) & resident.bit != 0 {
            bank.clear(.pending, resident.bit)
            cpu.setNumber(register, cpu.number(register) | 1 << 15)
            value = Format.with(Format.state(value).union(.pending), value)
        }
        return bank.pendingInMemory & resident.bit != 0 ? Format.notifyingEnd(value) : value
    }

    /// Returns those list registers of the vCPU to memory that hold interrupts of bank `index`, so that memory alone
    /// tells their state. The next `enter` presents them again. On the vCPU's own pCPU.
    func recall<Host: VirtualGICHost>(_ index: UInt32, _ vcpu: VCPUID, on host: Host) {
        let cpu = block(vcpu)
        let used = cpu.word(CPULayout.used)
        var left = used
        var kept = used
        while left != 0 {
            let register = left.trailingZeroBitCount
            left &= left &- 1
            let resident = resident(in: register, of: cpu, vcpu)
            guard resident.index == index else { continue }
            let value = host.listRegister(register)
            // What is active here and was routed elsewhere meanwhile must still end here.
            if index != 0, Host.Format.state(value).contains(.active), target(resident.bank, resident.number) != vcpu {
                continue
            }
            withdraw(resident, value, on: host)
            host.setListRegister(register, 0)
            kept &= ~(1 &<< UInt32(register))
        }
        guard kept != used else { return }
        cpu.setUsed(kept)
        cpu.ask(1 &<< index)
    }
}
