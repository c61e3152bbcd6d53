// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
import Machine

/// Configuration space in memory (PCI Express: ECAM), 1 MiB for each bus.
public struct ConfigurationRegion: BitwiseCopyable, Sendable {
    /// Machine address of the first bus there is here.
    public var address: UInt64 = 0
    public var segment: UInt16 = 0
    public var firstBus: UInt8 = 0
    public var lastBus: UInt8 = 0

    public init() {}
    /// - Parameter base: where bus 0 is, or would be.
    public init(base: UInt64, segment: UInt16, buses: ClosedRange<UInt8>) {
        address = base &+ UInt64(buses.lowerBound) << 20
        self.segment = segment
        firstBus = buses.lowerBound
        lastBus = buses.upperBound
    }

    var size: UInt64 { (UInt64(lastBus) &- UInt64(firstBus) &+ 1) << 20 }
    var frames: MachineRange { MachineRange(start: MachineAddress(address).frame, count: size >> pageShift) }

    func function(at address: UInt64) -> PCIFunction {
        let offset = address &- self.address
        return PCIFunction(
            segment: segment, bus: firstBus &+ UInt8(truncatingIfNeeded: offset >> 20),
            devfn: UInt8(truncatingIfNeeded: offset >> 12))
    }

    /// Where a register is; nil for another segment or bus.
    public func place(of function: PCIFunction, _ offset: UInt32) -> MachineAddress? {
        let bus = UInt8(truncatingIfNeeded: function.rawValue >> 8)
        guard function.segment == segment, bus >= firstBus, bus <= lastBus else { return nil }
        let place = UInt64(bus - firstBus) << 20 | UInt64(function.rawValue & 0xff) << 12 | UInt64(offset & 0xfff)
        return MachineAddress(address &+ place)
    }
}

/// Who answers for a page of the hardware domain's where nothing is mapped.
public enum PCIPage: Equatable, Sendable {
    /// Nobody here: what may be there is the hardware domain's.
    case unknown
    /// A function's memory that it does not decode now.
    case absent
    case configuration
    case table
}

extension VirtualPCI {
    /// The guest's accesses to the region are to configuration space. Throws `.exists` where another one overlaps it, and
    /// `.noMemory`; the same region once more is nothing new.
    public mutating func add(_ region: ConfigurationRegion) throws(PCIError) {
        guard region.firstBus <= region.lastBus, region.address & 0xfffff == 0, region.address <= .max - 1 << 29 else {
            throw .invalid
        }
        for index in 0..<regionCount where regions[index].frames.overlaps(region.frames) {
            let old = regions[index]
            guard old.address == region.address, old.size == region.size, old.firstBus == region.firstBus,
                old.segment == region.segment
            else { throw .exists }
            return
        }
        guard regionCount < regions.indices.count else { throw .noMemory }
        regions[regionCount] = region
        regionCount += 1
    }

    private func region(at address: UInt64) -> ConfigurationRegion? {
        for index in 0..<regionCount where address &- regions[index].address < regions[index].size { return regions[index] }
        return nil
    }

    func overlapsConfiguration(_ range: MachineRange) -> Bool {
        for index in 0..<regionCount where regions[index].frames.overlaps(range) { return true }
        return false
    }

    /// Who answers for a page.
    public func page(_ frame: MFN, _ host: Host) -> PCIPage {
        if region(at: frame.address.rawValue) != nil { return .configuration }
        var page = PCIPage.unknown
        for index in 0..<count {
            let block = slot(index, host).block
            guard block.rawValue != 0 else { continue }
            let state = state(at: block, host)
            if state.hasTable(in: frame) { return .table }
            for base in state.bases.indices where state.bases[base].isMemory && state.bases[base].frames.contains(frame) {
                // What another one decodes there is there.
                if state.bases[base].isEnabled { return .unknown }
                page = .absent
            }
        }
        return page
    }

    private func table(in frame: MFN, _ host: Host) -> MachineAddress? {
        for index in 0..<count {
            let block = slot(index, host).block
            if block.rawValue != 0, state(at: block, host).hasTable(in: frame) { return block }
        }
        return nil
    }

    /// The guest reads 1 to 8 bytes of such a page: ones where nobody answers.
    public mutating func readPage(_ address: UInt64, width: Int, _ host: Host) -> UInt64 {
        if let region = region(at: address) {
            guard isAllowed(address, width: width) else { return .max }
            let function = region.function(at: address)
            let offset = UInt32(truncatingIfNeeded: address & 0xfff)
            let low = UInt64(read(function, offset, width: min(4, width), host))
            return width < 8 ? low : low | UInt64(read(function, offset + 4, width: 4, host)) << 32
        }
        guard let block = table(in: MachineAddress(address).frame, host) else { return .max }
        return readTable(address, width: width, state(at: block, host), at: block, host)
    }

    public mutating func writePage(_ address: UInt64, _ value: UInt64, width: Int, _ host: Host) {
        if let region = region(at: address) {
            guard isAllowed(address, width: width) else { return }
            let function = region.function(at: address)
            let offset = UInt32(truncatingIfNeeded: address & 0xfff)
            write(function, offset, UInt32(truncatingIfNeeded: value), width: min(4, width), host)
            if width == 8 { write(function, offset + 4, UInt32(truncatingIfNeeded: value >> 32), width: 4, host) }
            return
        }
        guard let block = table(in: MachineAddress(address).frame, host) else { return }
        writeTable(address, value, width: width, state(at: block, host), at: block, host)
    }

    // MARK: Ports

    /// The guest reads 1, 2 or 4 bytes at port 0xcfc and `offset`. Nil where the window is closed.
    public mutating func readPort(_ offset: UInt32, width: Int, _ host: Host) -> UInt32? {
        guard let (function, register) = target(offset) else { return nil }
        guard isAllowed(UInt64(register), width: width) else { return .max }
        return read(function, register, width: width, host)
    }

    public mutating func writePort(_ offset: UInt32, _ value: UInt32, width: Int, _ host: Host) {
        guard let (function, register) = target(offset), isAllowed(UInt64(register), width: width) else { return }
        write(function, register, value, width: width, host)
    }

    /// PCI Local Bus 3.0, 3.2.2.3.2.
    private func target(_ offset: UInt32) -> (PCIFunction, UInt32)? {
        guard portAddress >> 31 != 0 else { return nil }
        return (PCIFunction(rawValue: portAddress >> 8 & 0xffff), portAddress & 0xfc | offset & 3)
    }

    /// Of whole words, each where a multiple of its size is (Xen: vpci_access_allowed).
    private func isAllowed(_ address: UInt64, width: Int) -> Bool { address & UInt64(width - 1) == 0 }
}
