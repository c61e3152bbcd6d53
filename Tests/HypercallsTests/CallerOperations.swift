// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
@testable import EventChannels
import GrantTables
import Machine
import P2M
import Support
import Synchronization
import Testing
import XenABI

@testable import Hypercalls

extension CallerOperations {
    static var all: [(name: String, perform: (Self, Place) -> String)] {
        [
            ("populate", { $0.reservation(.populatePhysmap, $1) }),
            ("decrease", { $0.reservation(.decreaseReservation, $1) }),
            ("increase", { $0.reservation(.increaseReservation, $1) }), ("exchange", { $0.exchange($1) }),
            ("statistics", { $0.statistics($1) }), ("add", { $0.add($1) }), ("add a batch", { $0.addBatch($1) }),
            ("remove", { $0.remove($1) }), ("acquire", { $0.acquire($1) }), ("memory map", { $0.memoryMap($1) }),
            ("reserved memory", { $0.reserved($1) }), ("virtual NUMA", { $0.virtualNUMA($1) }),
            ("on demand", { $0.onDemand($1) }), ("set up grants", { $0.setUp($1) }),
            ("status frames", { $0.statusFrames($1) }),
            ("copy", { $0.copy($1) }), ("transfer", { $0.transfer($1) }), ("map", { $0.map($1) }),
            ("batch", { $0.batch($1) }), ("poll", { $0.poll($1) }), ("runstate", { $0.runstate($1) }),
            ("timer", { $0.timer($1) }), ("clock", { $0.clock($1) }), ("event", { $0.event($1) }),
            ("domctl", { $0.pause($1) }),
        ]
    }
    static var names: [String] { all.map(\.name) }

    func perform(_ name: String, _ place: Place) -> String { Self.all.first { $0.name == name }!.perform(self, place) }

    // MARK: Memory

    func reservation(_ operation: MemoryOp, _ place: Place) -> String {
        var argument = MemoryReservation<Caller>()
        let first: UInt64 = operation == .decreaseReservation ? 0x104 : 0x40_0000
        // The last is not to be had.
        let frames = (0..<5).map { first + $0 } + [operation == .decreaseReservation ? 0x6000 : 0xffff_ffff]
        argument.extentStart = list(frames, at: 0, of: guest)
        argument.nrExtents = Caller.Word(lowBits: 6)
        argument.domain = ReservedDomain.caller
        return memory(operation, argument, place, by: guest) { "\($0.nrExtents.wide)" } + "\(guest.type(first))"
    }

    func exchange(_ place: Place) -> String {
        var argument = MemoryExchange<Caller>()
        argument.input.extentStart = list([0x104, 0x105], at: 0, of: guest)
        argument.input.nrExtents = Caller.Word(lowBits: 2)
        argument.input.domain = ReservedDomain.caller
        argument.output = argument.input
        return memory(.exchange, argument, place, by: guest) { "\($0.nrExchanged.wide)" }
    }

    func statistics(_ place: Place) -> String {
        var argument = MemoryDomain()
        argument.domain = ReservedDomain.caller
        let operations: [MemoryOp] = [.currentReservation, .maximumReservation, .maximumGPFN]
        return operations.map { memory($0, argument, place, by: guest) }.joined()
    }

    func add(_ place: Place) -> String {
        var argument = AddToPhysmap<Caller>()
        argument.domain = ReservedDomain.caller
        argument.space = MapSpace.grantTable.rawValue
        argument.index = Caller.Word(lowBits: 5)
        argument.gpfn = Caller.Word(lowBits: 0x40_0000)
        return memory(.addToPhysmap, argument, place, by: guest) + "\(guest.type(0x40_0000))"
    }

    func addBatch(_ place: Place) -> String {
        var argument = AddToPhysmapBatch<Caller>()
        argument.domain = ReservedDomain.caller
        argument.space = UInt16(MapSpace.grantTable.rawValue)
        argument.size = 3
        argument.indexes = list([1, 0x1000, 2], at: 0, of: guest)
        argument.gpfns = list([0x40_0000, 0x40_0001, 0x40_0002], at: 256, of: guest)
        let errors = guest.scratch + 1536
        for index in 0..<3 as Range<UInt64> { guest.write(Int32(55), at: errors + index * 4) }
        argument.errors = Caller.Word(lowBits: errors.rawValue)
        return memory(.addToPhysmapBatch, argument, place, by: guest)
            + "\((0..<3 as Range<UInt64>).map { guest.read(Int32.self, at: errors + $0 * 4) })"
    }

    func remove(_ place: Place) -> String {
        var argument = RemoveFromPhysmap<Caller>()
        argument.domain = ReservedDomain.caller
        argument.gpfn = Caller.Word(lowBits: 0x105)
        return memory(.removeFromPhysmap, argument, place, by: guest) + "\(guest.type(0x105))"
    }

    func acquire(_ place: Place) -> String {
        var argument = AcquireResource<Caller>()
        argument.domain = 4
        argument.type = ResourceType.grantTable.rawValue
        argument.nrFrames = 3
        argument.frameList = list([0x40_0000, 0x40_0001, 0x40_0002], at: 0, of: dom0)
        return memory(.acquireResource, argument, place, by: dom0) { "\($0.nrFrames)" } + "\(dom0.type(0x40_0002))"
    }

    func memoryMap(_ place: Place) -> String {
        var foreign = ForeignMemoryMap<Caller>()
        foreign.domain = 4
        foreign.map.nrEntries = 3
        let buffer = dom0.scratch + 1024
        for index in 0..<3 as Range<UInt64> {
            dom0.write(E820Entry(address: index << 33, length: 1 << 20, type: 1), at: buffer + index * 20)
        }
        foreign.map.buffer = Caller.Word(lowBits: buffer.rawValue)
        let set = memory(.setMemoryMap, foreign, place, by: dom0)
        var map = MemoryMap<Caller>()
        map.nrEntries = 2
        map.buffer = Caller.Word(lowBits: (guest.scratch + 1024).rawValue)
        return set + memory(.memoryMap, map, place, by: guest) { "\($0.nrEntries)" }
            + "\(guest.read(E820Entry.self, at: guest.scratch + 1044).address)"
    }

    func reserved(_ place: Place) -> String {
        memory(.reservedDeviceMemoryMap, ReservedDeviceMemoryMap<Caller>(), place, by: guest) { "\($0.nrEntries)" }
    }

    func virtualNUMA(_ place: Place) -> String {
        var argument = VNUMATopologyInfo<Caller>()
        argument.domain = ReservedDomain.caller
        return memory(.getVNUMAInfo, argument, place, by: guest) { "\($0.nrVnodes)" }
    }

    func onDemand(_ place: Place) -> String {
        var argument = PoDTarget<Caller>()
        argument.domain = 4
        argument.targetPages = Caller.Quad(lowBits: 1 << 40)
        let set = memory(.setPoDTarget, argument, place, by: dom0)
        return set + memory(.getPoDTarget, argument, place, by: dom0) { "\($0.totalPages.wide) \($0.cachePages.wide)" }
    }

    func claim() -> String {
        var argument = MemoryReservation<Caller>()
        argument.nrExtents = Caller.Word(lowBits: 40)
        argument.domain = 4
        return memory(.claimPages, argument, .good, by: dom0)
    }

    // MARK: Grants

    func grant<Argument: BitwiseCopyable>(
        _ operation: GrantTableOp, _ argument: Argument, _ place: Place, by domain: FakeDomain,
        _ tell: (Argument) -> String
    ) -> String {
        ask(.grantTableOp, operation.rawValue, argument, place, by: domain, tell)
    }

    func setUp(_ place: Place) -> String {
        var argument = GrantSetupTable<Caller>()
        argument.domain = ReservedDomain.caller
        argument.nrFrames = 6
        argument.status = 77
        argument.frameList = list([UInt64](repeating: 77, count: 8), at: 0, of: guest)
        let outcome = grant(.setupTable, argument, place, by: guest) { "\($0.status)" }
        return outcome + "\(told(argument.frameList, 8, of: guest))"
    }

    func setUpNone() -> String {
        ask(.grantTableOp, GrantTableOp.setupTable.rawValue, GrantSetupTable<Caller>(), .good, by: guest, third: 0)
    }

    func statusFrames(_ place: Place) -> String {
        var version = GrantSetVersion()
        version.version = 2
        let first = grant(.setVersion, version, .good, by: guest) { "\($0.version)" }
        var argument = GrantGetStatusFrames<Caller>()
        argument.domain = ReservedDomain.caller
        argument.nrFrames = 1
        argument.frameList = list([0, 0, 0, 0], at: 0, of: guest)
        return first + grant(.getStatusFrames, argument, place, by: guest) { "\($0.status)" }
            + "\(guest.read(UInt64.self, at: Address(argument.frameList.wide)))"
    }

    /// The guest grants its frame 0x108 with reference 8.
    private func grantOne() throws {
        try guest.ref.pointee.mapGrantFrame(0, at: GFN(0x200), GrantFrames(guest.ref, guest.platform))
        var entry = GrantEntryV1()
        entry.flags = GrantFlag.permitAccess
        entry.frame = 0x108
        guest.write(entry, at: GuestVirtualAddress(0x200 << 12) + 64)
        guest.write(UInt64(0xfeed), at: GuestVirtualAddress(0x108 << 12))
    }

    func copy(_ place: Place) -> String {
        guard (try? grantOne()) != nil else { return "no table" }
        var argument = GrantCopy<Caller>()
        argument.flags = GrantCopy<Caller>.sourceIsGrant
        argument.source.refOrFrame = Caller.Word(lowBits: 8)
        argument.source.domain = 4
        argument.destination.refOrFrame = Caller.Word(lowBits: 0x110)
        argument.destination.domain = ReservedDomain.caller
        argument.length = 8
        argument.status = 77
        let outcome = grant(.copy, argument, place, by: dom0) { "\($0.status)" }
        return outcome + " \(dom0.read(UInt64.self, at: GuestVirtualAddress(0x110 << 12)))"
    }

    func transfer(_ place: Place) -> String {
        var argument = GrantTransfer<Caller>()
        argument.mfn = Caller.Word(lowBits: 0x105)
        argument.status = 77
        return grant(.transfer, argument, place, by: guest) { "\($0.status)" }
    }

    func map(_ place: Place) -> String {
        guard (try? grantOne()) != nil else { return "no table" }
        var argument = GrantMap()
        argument.domain = 4
        argument.ref = 8
        argument.flags = GrantMapFlag.hostMap
        argument.hostAddress = 0x40_0000 << 12
        return grant(.mapGrantRef, argument, place, by: dom0) { "\($0.status) \($0.handle)" } + "\(dom0.type(0x40_0000))"
    }

    // MARK: The rest

    func batch(_ place: Place) -> String {
        let start = GuestVirtualAddress(address(place, MulticallEntry<Caller>.self, of: guest))
        return numbers.map { number in
            var entry = MulticallEntry<Caller>()
            entry.operation = Caller.Word(lowBits: number)
            try? guest.platform.guest.write(entry, at: start)
            let outcome = call(guest, .multicall, [start.rawValue, 1])
            let told = try? guest.platform.guest.read(MulticallEntry<Caller>.self, at: start)
            return "\(outcome) \(told.map { "\(Int32(truncatingIfNeeded: $0.result.wide))" } ?? "nothing")"
        }.joined(separator: " ")
    }
    private var numbers: [UInt64] {
        [Hypercall.multicall, .xenVersion, .memoryOp].map { UInt64($0.rawValue) } + [63, 0xffff_ffff]
    }

    func poll(_ place: Place) -> String {
        var argument = SchedPoll<Caller>()
        argument.timeout = Caller.Quad(lowBits: 1 << 40 | 5)
        argument.nrPorts = 1
        let port = guest.scratch + 1024
        guest.write(UInt32(4000), at: port)
        argument.ports = Caller.Word(lowBits: port.rawValue)
        let bad = ask(.schedOp, SchedOp.poll.rawValue, argument, place, by: guest)
        argument.nrPorts = 0
        return bad + ask(.schedOp, SchedOp.poll.rawValue, argument, place, by: guest)
    }

    func runstate(_ place: Place) -> String {
        pair.host.time = SystemTime(nanoseconds: 1 << 40)
        let place = GuestVirtualAddress(address(place, RunstateInfo<Caller>.self, of: guest))
        let asked = call(guest, .vcpuOp, [UInt64(VCPUOp.getRunstateInfo.rawValue), 0, place.rawValue])
        // The handle alone is looked at.
        guest.write(Caller.Word(lowBits: place.rawValue), at: guest.scratch + 2048)
        let area = (guest.scratch + 2048).rawValue
        let registered = call(guest, .vcpuOp, [UInt64(VCPUOp.registerRunstateMemoryArea.rawValue), 0, area])
        setCallback(.good)
        guest.vcpus[0].pointee.changeRunstate(to: .running, now: SystemTime(nanoseconds: 1 << 41))
        guest.vcpus[0].pointee.publishRunstate(guest.platform)
        let told = try? guest.platform.guest.read(RunstateInfo<Caller>.self, at: place)
        return asked + registered
            + (told.map { told in "\(told.state) \(told.entryTime.wide) \((0..<4).map { told.time[$0].wide })" } ?? "nothing")
    }

    /// What a guest's drivers begin with.
    @discardableResult func setCallback(_ place: Place) -> String {
        var argument = HVMParamArgument()
        argument.domain = ReservedDomain.caller
        argument.index = HVMParam.callbackIRQ.rawValue
        return ask(.hvmOp, HVMOp.setParam.rawValue, argument, place, by: guest)
    }

    func timer(_ place: Place) -> String {
        var argument = VCPUSetSingleshotTimer<Caller>()
        argument.timeout = Caller.Quad(lowBits: 1 << 41)
        argument.flags = VCPUSetSingleshotTimer<Caller>.future
        let start = address(place, VCPUSetSingleshotTimer<Caller>.self, of: guest)
        if place != .nowhere && place != .halfNowhere { guest.write(argument, at: Address(start)) }
        return call(guest, .vcpuOp, [UInt64(VCPUOp.setSingleshotTimer.rawValue), 0, start])
    }

    func timerOfAnother() -> String {
        call(guest, .vcpuOp, [UInt64(VCPUOp.setSingleshotTimer.rawValue), 1, 0xf000_0000])
    }

    func clock(_ place: Place) -> String {
        var time = PlatformSetTime64<Caller>()
        time.seconds = Caller.Quad(lowBits: 1 << 33)
        time.nanoseconds = 5
        time.systemTime = Caller.Quad(lowBits: 1 << 42)
        let start = Address<GuestVirtualSpace>(place == .nowhere ? 0xf000_0000 : dom0.scratch.rawValue)
        if place != .nowhere {
            var header = PlatformOpHeader()
            header.command = PlatformOp.setTime64.rawValue
            header.interfaceVersion = PlatformOp.interfaceVersion
            dom0.write(header, at: start)
            dom0.write(time, at: start + 8)
        }
        return call(dom0, .platformOp, [start.rawValue]) + "\(String(describing: pair.host.wallclock))"
    }

    func event(_ place: Place) -> String {
        var argument = EventAllocUnbound()
        argument.domain = ReservedDomain.caller
        let opened = ask(.eventChannelOp, EventChannelOp.allocUnbound.rawValue, argument, place, by: guest) { "\($0.port)" }
        return opened + setCallback(.good)
    }

    func pause(_ place: Place) -> String {
        var header = DomctlHeader()
        header.command = Domctl.pauseDomain.rawValue
        header.interfaceVersion = Domctl.interfaceVersion
        header.domain = 4
        let start = address(place, DomctlHeader.self, of: dom0)
        if place != .nowhere && place != .halfNowhere { dom0.write(header, at: Address(start)) }
        return call(dom0, .domctl, [start])
    }
}
