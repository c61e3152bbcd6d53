// SPDX-License-Identifier: Apache-2.0

import Base
import Machine
import Support
import Testing

@testable import VirtualPCI

/// What a guest wrote of one message, and what it last let come into effect.
private struct ModelEntry {
    var address: UInt64 = 0
    var data: UInt32 = 0
    var isMasked = true
    var isChanged = false
    var effect = GuestMessage.none

    var message: GuestMessage { GuestMessage(address: address, data: data) }
}

/// A guest that does anything with three functions, beside a model of what it should see and get.
private struct GuestSession: ModelSession {
    var random: SplitMix
    let machine = ModelMachine()
    let host: ModelHost
    let box: Box
    let functions = (0..<3).map { PCIFunction(bus: 0, devfn: UInt8($0 * 8)) }
    var entries = [[ModelEntry]](repeating: [ModelEntry](repeating: ModelEntry(), count: 5), count: 3)
    /// Enabled, and masked as a whole.
    var tables = [(isEnabled: Bool, isMasked: Bool)](repeating: (false, false), count: 3)
    var messages = [(address: UInt32, data: UInt16)](repeating: (0, 0), count: 3)

    final class Box {
        var pci: VirtualPCI<ModelHost>
        init(_ host: ModelHost) { pci = VirtualPCI(host.machine.memory.source)! }
    }

    init(seed: UInt64) throws {
        random = SplitMix(state: seed)
        host = ModelHost(machine: machine)
        box = Box(host)
        for function in functions {
            machine.functions[function] = ModelFunction(
                bases: [(0x2000, false), (0x8000, true), (0x100, false)], rom: 0x1000, msi: 0x86, table: 5)
            try box.pci.add(function, host)
        }
    }

    mutating func step() throws {
        let index = Int(random.next() % 3)
        switch random.next() % 8 {
        case 0: place(index)
        case 1 where !tables[index].isEnabled: write(index, 4, UInt32(random.next() % 8), 2)
        case 2: write(index, 0x42, UInt32(random.next() % 0x80), 2)
        case 3: changeMessage(index)
        case 4: changeTable(index)
        case 5, 6: changeEntry(index)
        default: nonsense(index)
        }
        try check()
    }

    private func write(_ index: Int, _ offset: UInt32, _ value: UInt32, _ width: Int = 4) {
        box.pci.write(functions[index], offset, value, width: width, host)
    }

    /// Tables here, all else there, and now and then where RAM is.
    private mutating func place(_ index: Int) {
        let register = random.next() % 4
        let offset = [0x10, 0x14, 0x1c, 0x30][Int(register)] as UInt32
        let base: UInt32 =
            register == 0 ? 0x80_0000 + UInt32(index) * 0x10_0000 : random.next() % 8 == 0 ? 0x18_0000 : 0x200_0000
        write(index, offset, base + UInt32(random.next() % 32) * 0x1000 + (register == 3 ? UInt32(random.next() % 2) : 0))
    }

    private mutating func changeMessage(_ index: Int) {
        messages[index].address = 0xfee0_0000 | UInt32(random.next() % 4) << 12
        messages[index].data = UInt16(random.next() % 256)
        write(index, 0x44, messages[index].address)
        write(index, 0x4c, UInt32(messages[index].data), 2)
    }

    private mutating func changeTable(_ index: Int) {
        let old = tables[index]
        let isDecoded = machine.functions[functions[index]]!.decodes && table(index).isEnabled
        tables[index] = (random.next() % 3 != 0 && isDecoded, random.next() % 3 == 0)
        write(index, 0x72, (tables[index].isEnabled ? 0x8000 : 0) | (tables[index].isMasked ? 0x4000 : 0), 2)
        for entry in entries[index].indices {
            if old.isEnabled && !tables[index].isEnabled, !entries[index][entry].effect.isNone {
                entries[index][entry].effect = .none
                entries[index][entry].isChanged = true
            }
            update(index, entry)
        }
    }

    /// The base address with the table in it, as the guest's writes have left it.
    private func table(_ index: Int) -> BaseAddress {
        box.pci.state(at: box.pci.block(of: functions[index], host)!, host).bases[0]
    }

    private mutating func update(_ index: Int, _ number: Int) {
        let entry = entries[index][number]
        guard tables[index].isEnabled, !tables[index].isMasked, !entry.isMasked, entry.isChanged else { return }
        entries[index][number].effect = entry.message
        entries[index][number].isChanged = entry.message.isNone
    }

    private mutating func changeEntry(_ index: Int) {
        guard table(index).isEnabled else { return }
        let number = Int(random.next() % 5)
        let place = table(index).address + UInt64(number) * 16
        guard box.pci.page(MachineAddress(place).frame, host) == .table, isAlone(index) else { return }
        switch random.next() % 4 {
        case 0:
            entries[index][number].address = random.next() % 16 == 0 ? 0x1000 : 0xfee0_0000 | random.next() % 4 << 12
            entries[index][number].isChanged = true
            box.pci.writePage(place, entries[index][number].address, width: 8, host)
        case 1:
            entries[index][number].data = UInt32(random.next() % 256)
            entries[index][number].isChanged = true
            box.pci.writePage(place + 8, UInt64(entries[index][number].data), width: 4, host)
        default:
            let wasMasked = entries[index][number].isMasked
            entries[index][number].isMasked = random.next() % 2 == 0
            box.pci.writePage(place + 12, entries[index][number].isMasked ? 1 : 0, width: 4, host)
            if wasMasked { update(index, number) }
        }
    }

    /// Two tables in one place: who of them is asked is their own affair.
    private func isAlone(_ index: Int) -> Bool {
        (0..<3).allSatisfy {
            $0 == index || !table($0).isEnabled || table($0).address + 0x2000 <= table(index).address
                || table(index).address + 0x2000 <= table($0).address
        }
    }

    /// Accesses of odd widths and places, to anything.
    private mutating func nonsense(_ index: Int) {
        let width = [1, 2, 4, 8][Int(random.next() % 4)]
        _ = box.pci.readPage(0x80_0000 + random.next() % 0x22000, width: width, host)
        let small = min(width, 4)
        let offset = UInt32(random.next() % 256) / UInt32(small) * UInt32(small)
        _ = box.pci.read(functions[index], offset, width: small, host)
        if !(0x04..<0x80).contains(offset) { write(index, offset, UInt32(truncatingIfNeeded: random.next()), small) }
    }

    // MARK: Laws

    private func check() throws {
        var vectors = 0
        for index in 0..<3 {
            let device = machine.functions[functions[index]]!
            if device.peek(0x42, 2) & 1 != 0 { try checkMessages(index, device, &vectors) }
            for number in 0..<5 where !entries[index][number].effect.isNone {
                vectors += 1
                guard isAlone(index), tables[index].isEnabled else { continue }
                let place = table(index).address + UInt64(number) * 16
                let sent = DeviceMessage(address: machine.word(place), data: UInt32(machine.word(place + 8)))
                try expect(machine.delivered(sent) == entries[index][number].effect, "entry \(number) of \(index)")
                try expect((machine.word(place + 12) != 0) == entries[index][number].isMasked, "mask \(number) of \(index)")
            }
        }
        try expect(machine.taken == vectors, "\(machine.taken) vectors, not \(vectors)")
        try expect(machine.odd == 0, "an access that no bus has")
        try checkMemory()
    }

    private func checkMessages(_ index: Int, _ device: ModelFunction, _ vectors: inout Int) throws {
        let count = 1 << Int(device.peek(0x42, 2) >> 4 & 7)
        vectors += count
        let guests = GuestMessage(address: UInt64(messages[index].address), data: UInt32(messages[index].data))
        for number in 0..<count {
            let sent = DeviceMessage(address: device.message.address, data: device.message.data | UInt32(number))
            try expect(machine.delivered(sent) == guests.message(number, of: count), "message \(number) of \(index)")
        }
    }

    /// What is mapped is decoded, and nowhere RAM or a table; what is decoded is mapped, tables apart.
    private func checkMemory() throws {
        var decoded: Set<UInt64> = []
        var tables: Set<UInt64> = []
        for function in functions {
            let device = machine.functions[function]!
            guard device.decodes else { continue }
            tables.insert(UInt64(device.peek(0x10, 4) & ~0xf) >> 12)
            for (offset, size) in [(0x10, 0x2000), (0x14, 0x8000), (0x1c, 0x100), (0x30, 0x1000)] as [(Int, UInt64)] {
                let low = device.peek(offset, 4)
                if offset == 0x30, low & 1 == 0 { continue }
                let high = offset == 0x14 ? UInt64(device.peek(0x18, 4)) << 32 : 0
                let start = high | UInt64(low & (offset == 0x30 ? ~0x7ff : ~0xf))
                let range = start >> 12..<(start + size + 0xfff) >> 12
                if !range.overlaps(machine.claimed) { decoded.formUnion(range) }
            }
        }
        try expect(machine.mapped.isSubset(of: decoded), "mapped and not decoded: \(machine.mapped.subtracting(decoded))")
        try expect(machine.mapped.isDisjoint(with: tables), "a table is mapped")
        // One that was moved out of RAM while it was decoded is there once decoding has been off.
        var enabled: Set<UInt64> = []
        for function in functions {
            let state = box.pci.state(at: box.pci.block(of: function, host)!, host)
            for base in state.bases.indices where state.bases[base].isEnabled {
                let range = state.bases[base].frames
                enabled.formUnion(range.start.rawValue..<range.end.rawValue)
            }
        }
        try expect(enabled.isSubset(of: decoded), "taken to be decoded: \(enabled.subtracting(decoded))")
        let missing = enabled.subtracting(machine.mapped).filter { $0 >= 0x2000 }
        try expect(missing.isEmpty, "decoded and not mapped: \(missing)")
    }

    mutating func finish() throws {
        for function in functions { try box.pci.remove(function, host) }
        try expect(machine.taken == 0, "vectors are left")
    }
}

@Test func anythingThatAGuestDoes() {
    for run in 0..<4 {
        let failure = Randomised.disagreement("PCI functions", steps: 2000, seed: Randomised.seed(run: run)) {
            try GuestSession(seed: $0)
        }
        if let failure { Issue.record("\(failure)") }
    }
}
