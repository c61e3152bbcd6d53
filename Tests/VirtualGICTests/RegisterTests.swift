// SPDX-License-Identifier: Apache-2.0

import Base
import Support
import Testing
import VirtualGIC

@Suite struct RegisterTests {
    /// A register of the distributor after reset: version, offset, width, value (nil: data abort).
    static let distributor: [(GICVersion, UInt32, UInt32, UInt64?)] = [
        (.v2, 0x0, 4, 0), (.v3, 0x0, 4, 0x10),
        (.v2, 0x4, 4, 1 << 5 | 2), (.v3, 0x4, 4, 9 << 19 | 1 << 5 | 2),
        (.v2, 0x8, 4, 0x43b), (.v3, 0x8, 4, 0x34c),
        (.v2, 0x80, 4, 0), (.v2, 0x100, 4, 0), (.v2, 0x10c, 4, 0),
        (.v2, 0x800, 4, 0x0101_0101), (.v2, 0x820, 1, 1), (.v3, 0x820, 4, 0), (.v2, 0x860, 4, 0),
        (.v2, 0xc00, 4, 0xaaaa_aaaa), (.v3, 0xc00, 4, 0), (.v2, 0xc04, 4, 0),
        (.v2, 0xd00, 4, 0), (.v3, 0xd04, 4, 0), (.v2, 0xe00, 4, 0), (.v2, 0xf00, 4, 0), (.v3, 0xf00, 4, 0),
        (.v2, 0xfe8, 4, 0x20), (.v3, 0xffe8, 4, 0x30), (.v3, 0xffd0, 4, 0), (.v3, 0x1000, 4, 0),
        (.v3, 0x6100, 8, 0), (.v3, 0x6100, 4, 0), (.v3, 0x6104, 4, 0), (.v3, 0x7fd8, 8, 0),
        // Widths and alignments that are not there.
        (.v2, 0x0, 1, nil), (.v2, 0x0, 8, nil), (.v2, 0x100, 1, nil), (.v2, 0x102, 2, nil), (.v2, 0x102, 4, nil),
        (.v2, 0x400, 2, nil), (.v2, 0x400, 8, nil), (.v2, 0x401, 4, nil), (.v2, 0xc00, 1, nil), (.v2, 0xf00, 8, nil),
        (.v3, 0x6100, 1, nil), (.v3, 0x6104, 8, nil), (.v2, 0x1000, 4, nil), (.v3, 0x1_0000, 4, nil),
        (.v2, 0xffff_fffc, 4, nil),
    ]

    @Test(arguments: distributor.indices)
    func reset(_ row: Int) throws {
        let (version, offset, width, expected) = Self.distributor[row]
        let rig = try Rig<ListRegisterV3>(version)
        let value = rig.gic.readDistributor(offset, width: width, by: rig.id(0), on: rig.hosts[0])
        #expect(value == expected, "\(version) \(String(offset, radix: 16))")
        let isTaken = rig.gic.writeDistributor(offset, width: width, value: 0, by: rig.id(0), on: rig.hosts[0])
        #expect(isTaken == (expected != nil))
    }

    /// The same of a region of two redistributors.
    static let redistributor: [(UInt32, UInt32, UInt64?)] = [
        (0x0, 4, 0), (0x4, 4, 0x34c), (0x8, 8, 0), (0x2_0008, 8, 1 << 32 | 1 << 8 | 1 << 4), (0x2_000c, 4, 1),
        (0x14, 4, 0), (0x70, 8, 0), (0x78, 4, 0), (0xffe8, 4, 0x30), (0x100, 4, 0), (0xfffc, 4, 0),
        (0x1_0080, 4, 0), (0x1_0100, 4, 0), (0x1_0400, 1, 0), (0x1_0c00, 4, 0xaaaa_aaaa), (0x1_0c04, 4, 0),
        (0x1_0104, 4, 0), (0x1_0420, 4, 0), (0x1_0c08, 4, 0), (0x1_0800, 4, 0), (0x1_0f00, 4, 0), (0x1_fffc, 4, 0),
        (0x0, 8, nil), (0x8, 2, nil), (0x14, 1, nil), (0x1_0100, 1, nil), (0x1_0102, 4, nil), (0x4_0000, 4, nil),
        (0xffff_fff8, 8, nil),
    ]

    @Test(arguments: redistributor.indices)
    func redistributorReset(_ row: Int) throws {
        let (offset, width, expected) = Self.redistributor[row]
        let rig = try Rig<ListRegisterV3>(.v3)
        let value = rig.gic.readRedistributor(offset, width: width, by: rig.id(0), on: rig.hosts[0])
        #expect(value == expected, "\(String(offset, radix: 16))")
        let isTaken = rig.gic.writeRedistributor(offset, width: width, value: 0, by: rig.id(0), on: rig.hosts[0])
        #expect(isTaken == (expected != nil))
        let old = try Rig<ListRegisterV2>(.v2)
        let nothing = old.gic.readRedistributor(offset, width: width, by: old.id(0), on: old.hosts[0])
        #expect(nothing == nil)
    }

    /// Bits that a write of all ones leaves, by register and bank.
    @Test(arguments: [GICVersion.v2, .v3])
    func keepsWhatIsWritten(version: GICVersion) throws {
        let rig = try Rig<ListRegisterV3>(version, vcpus: 3)
        for bank: UInt32 in 0..<3 {
            rig.write(Offset.setEnable, 0x0ff0_0ff0, bank: bank)
            #expect(rig.read(Offset.setEnable, bank: bank) == 0x0ff0_0ff0)
            rig.write(Offset.clearEnable, 0x00f0_0000, bank: bank)
            #expect(rig.read(Offset.clearEnable, bank: bank) == 0x0f00_0ff0)
        }
        // Beyond the last interrupt, and (v3) the private bank of the distributor: read as zero, ignore writes.
        rig.write(Offset.setEnable, ~0, bank: 3)
        #expect(rig.read(Offset.setEnable, bank: 3) == 0)
        if version == .v3 {
            _ = rig.gic.writeDistributor(Offset.setEnable, width: 4, value: 1, by: rig.id(0), on: rig.hosts[0])
            let value = rig.gic.readDistributor(Offset.setEnable, width: 4, by: rig.id(0), on: rig.hosts[0])
            #expect(value == 0)
        }
        // Each vCPU has its own private bank.
        #expect(rig.read(Offset.setEnable, vcpu: 1) == 0)
        rig.setPriority(21, 0xa5, vcpu: 1)
        #expect(rig.read(Offset.priority + 20, vcpu: 1) == 0xa500)
        #expect(rig.read(Offset.priority + 20, vcpu: 0) == 0)
        rig.write(Offset.priority + 40, 0x1122_3344)
        let priority = rig.gic.readDistributor(Offset.priority + 43, width: 1, by: rig.id(2), on: rig.hosts[2])
        #expect(version == .v3 || priority == 0x11)
    }

    @Test func configuration() throws {
        let rig = try Rig<ListRegisterV2>(.v2)
        rig.write(Offset.configuration, 0)
        rig.write(Offset.configuration + 4, ~0)
        rig.write(Offset.configuration + 8, 0x8000_0002)
        rig.write(Offset.configuration + 12, ~0)
        #expect(rig.read(Offset.configuration) == 0xaaaa_aaaa)
        #expect(rig.read(Offset.configuration + 4) == 0)
        #expect(rig.read(Offset.configuration + 8) == 0x8000_0002)
        #expect(rig.read(Offset.configuration + 12) == 0xaaaa_aaaa)
        let newer = try Rig<ListRegisterV3>(.v3)
        newer.write(Offset.configuration, 0)
        newer.write(Offset.configuration + 4, 0x55)
        #expect(newer.read(Offset.configuration) == 0xaaaa_aaaa)
        #expect(newer.read(Offset.configuration + 4) == 0)
        newer.write(Offset.configuration + 4, ~0)
        #expect(newer.read(Offset.configuration + 4) == 0xaaaa_aaaa)
    }

    @Test func routing() throws {
        let rig = try Rig<ListRegisterV2>(.v2, vcpus: 3)
        func write(_ offset: UInt32, _ value: UInt32) { rig.write(Offset.target + offset, value) }
        func read(_ offset: UInt32, by vcpu: Int = 0) -> UInt32? { rig.read(Offset.target + offset, vcpu: vcpu) }
        write(32, 0xf806_0402)
        // The lowest of several; none that exists: unchanged.
        #expect(read(32) == 0x0102_0402)
        write(0, 0xffff_ffff)
        #expect(read(0) == 0x0101_0101)
        #expect(read(28, by: 2) == 0x0404_0404)
        let newer = try Rig<ListRegisterV3>(.v3, vcpus: 40)
        func route(_ value: UInt64) -> UInt64? {
            _ = newer.gic.writeDistributor(0x6000 + 8 * 40, width: 8, value: value, by: newer.id(0), on: newer.hosts[0])
            return newer.gic.readDistributor(0x6000 + 8 * 40, width: 8, by: newer.id(0), on: newer.hosts[0])
        }
        #expect(route(0x0107) == 0x0107)
        // vCPU 40 does not exist; nor do clusters and levels that no vCPU has.
        #expect(route(0x0208) == 0x0107)
        #expect(route(0x10) == 0x0107)
        #expect(route(0x1_0000) == 0x0107)
        #expect(route(1 << 32) == 0x0107)
        #expect(route(0x0207) == 0x0207)
        #expect(route(1 << 31) == 0)
    }

    @Test func softwareInterruptSenders() throws {
        let rig = try Rig<ListRegisterV2>(.v2, vcpus: 3)
        rig.switchOn()
        rig.write(Offset.setEnable, 0xffff)
        rig.enter(0)
        // SPENDSGIR: SGI 5 as if from vCPU 1 and 2, and from one that does not exist.
        rig.write(0xf24, 0x8600)
        #expect(rig.read(0xf24) == 0x0600)
        rig.enter(0)
        #expect(rig.acknowledge(0)?.source == 1)
        // CPENDSGIR takes the other one away.
        rig.write(0xf14, 0x0400)
        #expect(rig.read(0xf14) == 0)
        rig.enter(0)
        rig.end(5, 0)
        #expect(rig.acknowledge(0) == nil)
        // A write of one byte.
        _ = rig.gic.writeDistributor(0xf23, width: 1, value: 4, by: rig.id(0), on: rig.hosts[0])
        rig.enter(0)
        #expect(rig.acknowledge(0)?.interrupt == 3)
        #expect(rig.read(Offset.setActive) == 1 << 3)
    }

    @Test func sgiTargets() throws {
        let rig = try Rig<ListRegisterV3>(.v3, vcpus: 40)
        func kicked(_ value: UInt64) -> Set<UInt32> {
            rig.board.kicked = []
            rig.gic.sendSGI(v3: value, by: rig.id(20), on: rig.hosts[20])
            return rig.board.kicked
        }
        #expect(kicked(0x8001) == [0, 15])
        #expect(kicked(2 << 16 | 0xffff) == Set(32..<40))
        #expect(kicked(1 << 16 | 0x12) == [17])
        #expect(kicked(0xff << 16 | 1) == [])
        #expect(kicked(1 << 44 | 1) == [])
        #expect(kicked(1 << 48 | 1) == [])
        #expect(kicked(1 << 32 | 1) == [])
        #expect(kicked(1 << 40) == Set(0..<40).subtracting([20]))
        let old = try Rig<ListRegisterV2>(.v2, vcpus: 4)
        func sent(_ value: UInt32) -> Set<UInt32> {
            old.board.kicked = []
            old.write(Offset.softwareInterrupt, value, by: 1)
            return old.board.kicked
        }
        #expect(sent(0x00fd_0003) == [0, 2, 3])
        #expect(sent(0x0100_0003) == [0, 2, 3])
        #expect(sent(0x0200_0003) == [])
        #expect(sent(0x0300_0003) == [])
    }

    @Test func refusesWhatItHasNoRoomFor() {
        func error(_ version: GICVersion, _ vcpus: Int, _ interrupts: Int, frames: Int = 64) -> VirtualGICError? {
            let machine = FakeMachine(frames: frames)
            do throws(VirtualGICError) {
                _ = try VirtualGIC(version: version, vcpus: vcpus, sharedInterrupts: interrupts, frames: machine.source)
            } catch { return error }
            #expect(machine.outstanding == 0)
            return nil
        }
        #expect(error(.v2, 8, 988) == nil)
        #expect(error(.v3, 128, 0) == nil)
        #expect(error(.v2, 9, 32) == .tooManyVCPUs)
        #expect(error(.v3, 129, 32) == .tooManyVCPUs)
        #expect(error(.v3, 0, 32) == .tooManyVCPUs)
        #expect(error(.v3, 1, 989) == .tooManyInterrupts)
        #expect(error(.v3, 1, 32, frames: 0) == .noMemory)
    }

    /// Accesses of all kinds, anywhere: no trap, and the guest's other registers answer.
    @Test(arguments: [GICVersion.v2, .v3])
    func survivesAnyAccess(version: GICVersion) throws {
        var random = SeededRandom(state: ModelTests.seed | 1)
        print("VGIC_SEED=\(ModelTests.seed)")
        let rig = try Rig<ListRegisterV3>(version, vcpus: 3, sharedInterrupts: 988)
        rig.switchOn()
        for interrupt: UInt32 in [27, 40, 1019] { rig.gic.map(interrupt, vcpu: rig.id(0), to: interrupt) }
        for _ in 0..<60_000 {
            let vcpu = random.below(3)
            var offset = UInt32(truncatingIfNeeded: random.next())
            switch random.below(4) {
            case 0: offset &= 0xfff
            case 1: offset &= 0x7_ffff
            case 2: offset &= 0xffc
            default: break
            }
            let width = UInt32(1) << UInt32(random.below(4))
            let value = random.below(3) == 0 ? ~0 : random.next()
            switch random.below(8) {
            case 0, 1: _ = rig.gic.readDistributor(offset, width: width, by: rig.id(vcpu), on: rig.hosts[vcpu])
            case 2, 3: _ = rig.gic.writeDistributor(offset, width: width, value: value, by: rig.id(vcpu), on: rig.hosts[vcpu])
            case 4: _ = rig.gic.readRedistributor(offset, width: width, by: rig.id(vcpu), on: rig.hosts[vcpu])
            case 5:
                _ = rig.gic.writeRedistributor(offset, width: width, value: value, by: rig.id(vcpu), on: rig.hosts[vcpu])
            case 6: rig.gic.sendSGI(v3: value, by: rig.id(vcpu), on: rig.hosts[vcpu])
            default:
                rig.enter(vcpu)
                if let entry = rig.hosts[vcpu].acknowledge() { rig.end(entry.interrupt, vcpu) }
                if random.below(4) == 0 { rig.leave(vcpu) }
            }
        }
        #expect(rig.read(Offset.control) != nil)
    }
}
