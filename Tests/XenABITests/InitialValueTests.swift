// SPDX-License-Identifier: Apache-2.0

import Testing
import XenABI

/// A structure that nobody has filled in says nothing: every field is zero, so that nothing of the hypervisor's goes out by
/// a field that a handler forgot.
@Suite struct InitialValueTests {
    /// Names of the fields that are not zero.
    func fields(of value: Any, path: String = "") -> [String] {
        if let number = value as? any BinaryInteger { return Int(truncatingIfNeeded: number) == 0 ? [] : ["\(path) is \(number)"] }
        return Mirror(reflecting: value).children.flatMap { fields(of: $0.value, path: "\(path).\($0.label ?? "")") }
    }

    func generic<Caller: CallerABI>(_: Caller.Type) -> [Any] {
        [
            GrantSetupTable<Caller>(), GrantTransfer<Caller>(), GrantCopy<Caller>(), GrantGetStatusFrames<Caller>(),
            MulticallEntry<Caller>(), MemoryReservation<Caller>(), MemoryExchange<Caller>(), MachphysMFNList<Caller>(),
            MachphysMapping<Caller>(), AddToPhysmap<Caller>(), AddToPhysmapBatch<Caller>(), RemoveFromPhysmap<Caller>(),
            ForeignMemoryMap<Caller>(), PoDTarget<Caller>(), AcquireResource<Caller>(), ReservedDeviceMemory<Caller>(),
            ReservedDeviceMemoryMap<Caller>(), VMemRange<Caller>(), VNUMATopologyInfo<Caller>(), PhysdevMapPIRQ<Caller>(),
            PlatformSetTime32<Caller>(), PlatformSetTime64<Caller>(), SchedPoll<Caller>(), RunstateInfo<Caller>(),
            VCPUSetSingleshotTimer<Caller>(), VCPUTimeInfo<Caller>(), PlatformParameters<Caller>(),
        ]
    }

    static var plain: [Any] {
        [
            EventAllocUnbound(), EventBindInterdomain(), EventBindVIRQ(), EventBindPIRQ(), EventBindIPI(), EventPort(),
            EventStatus(), EventBindVCPU(), EventReset(), EventInitControl(), EventExpandArray(), EventSetPriority(),
            EventFIFOControlBlock(), EventQueryABIs(), EventRegister3LevelBitmaps(), EventRegister3LevelSelector(),
            GrantEntryV1(), GrantEntryV2(), GrantMap(), GrantUnmap(), GrantDumpTable(), GrantQuerySize(),
            GrantUnmapAndReplace(), GrantSetVersion(), GrantGetVersion(), GrantSwap(), GrantCacheFlush(), HVMParamArgument(),
            HVMPagetableDying(), HVMGetTime(), HVMGetMemType(), HVMEvtchnUpcallVector(), MemoryDomain(),
            PhysdevEOI(), PhysdevIRQStatusQuery(), PhysdevUnmapPIRQ(), PhysdevManagePCI(),
            PhysdevSetupGSI(), PhysdevGetFreePIRQ(), PhysdevPCIMMCFGReserved(), PhysdevPCIDeviceAdd(), PhysdevPCIDevice(),
            PlatformOpHeader(), SchedShutdown(), SchedRemoteShutdown(), SchedWatchdog(), SchedPinOverride(),
            VCPURegisterArea(), VCPUSetPeriodicTimer(), VCPURegisterInfo(), VCPUGetPhysID(), CompileInfo(), FeatureInfo(),
            BuildIDHeader(),
        ]
    }

    @Test func newStructuresAreZero() {
        let all = Self.plain + Self.tools
        for value in all + generic(Caller32.self) + generic(Caller64.self) + toolsOf(Caller32.self) + toolsOf(Caller64.self) {
            let found = fields(of: value)
            #expect(found.isEmpty, "\(type(of: value)): \(found)")
        }
    }

    @Test func widthsOfCallers() {
        #expect(Caller32.wordBits == 32 && Caller64.wordBits == 64)
        #expect(UInt32(fitting: UInt64(1) << 32) == nil && UInt32(fitting: UInt64(7)) == 7)
        #expect(UInt64(fitting: UInt64.max) == .max)
        let split = SplitUInt64(lowBits: 0x1234_5678_9ABC_DEF0)
        #expect(split.low == 0x9ABC_DEF0 && split.high == 0x1234_5678 && split.wide == 0x1234_5678_9ABC_DEF0)
        #expect(SplitUInt64(fitting: .max) == SplitUInt64(lowBits: .max))
    }
}
