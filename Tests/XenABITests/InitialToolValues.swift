// SPDX-License-Identifier: Apache-2.0

import Testing
import XenABI

// What the tools and emulators have of structures, by the file that has them.

extension InitialValueTests {
    static var tools: [Any] {
        [
            // CallerABI
            NoPadding(),
            // DMOperations
            DMOpArgument(), DMCreateIoreqServer(), DMGetIoreqServerInfo(), DMIoreqServerRange(), DMSetIoreqServerState(),
            DMDestroyIoreqServer(), DMTrackDirtyVram(), DMSetPciIntxLevel(), DMSetIsaIrqLevel(), DMSetPciLinkRoute(),
            DMModifiedMemory(), DMModifiedMemoryExtent(), DMSetMemType(), DMInjectEvent(), DMInjectMsi(),
            DMMapMemTypeToIoreqServer(), DMRemoteShutdown(), DMRelocateMemory(), DMPinMemoryCacheattr(), DMSetIrqLevel(),
            DMNrVcpus(),
            // DomctlArch
            ARMExtVCPUContext(), X86ExtVCPUContext(), DomctlCPUPolicy(), DomctlVCPUExtState(), DomctlVCPUMSR(),
            DomctlVCPUMSRs(), SysctlCPUPolicy(),
            // DomctlArguments
            DomctlGetpageframeinfo3(), DomctlShadowOpStats(), DomctlNodeaffinity(), DomctlSchedCredit(),
            DomctlSchedCredit2(), DomctlSchedRtds(), DomctlSetdebugging(), DomctlIrqPermission(), DomctlIomemPermission(),
            DomctlIoportPermission(), DomctlHypercallInit(), DomctlSettimeoffset(), DomctlHvmcontext(), DomctlSendtrigger(),
            DomctlGetDeviceGroup(), DomctlMemoryMapping(), DomctlIoportMapping(), DomctlSetTarget(), DomctlSubscribe(),
            DomctlDebugOp(), DomctlHvmcontextPartial(), DomctlTscInfo(), DomctlGdbsxMemio(), DomctlGdbsxPauseunpVcpu(),
            DomctlGdbsxDomstatus(), DomctlAuditP2m(), DomctlSetVirqHandler(), DomctlSetAccessRequired(),
            DomctlSetBrokenPageP2m(), DomctlVnuma(), DomctlPsrCmtOp(), DomctlPsrAlloc(), DomctlVuartOp(), DomctlVmtraceOp(),
            // DomctlMemory
            DomctlShadowOp(),
            // DomctlOperations
            DomctlHeader(), ARMDomainConfig(), X86DomainConfig(), DomctlMaxMem(), DomctlMaxVCPUs(), DomctlVCPUContext(),
            DomctlVCPUInfo(), ControlBitmap(), DomctlVCPUAffinity(), DomctlPagingPool(), DomctlAddressSize(),
            DomctlSetHandle(),
            // DomctlUnions
            DomctlSchedparamVcpu(), DomctlSchedulerOperation(), DomctlAssignDevice(), DomctlBindPTIRQ(), DomctlVMEventOp(),
            DomctlMemSharingOp(), DomctlMonitorOp(),
            // HVMAltP2M
            AltP2MArgument(), AltP2MDomainState(), AltP2MVcpuEnableNotify(), AltP2MVcpuDisableNotify(), AltP2MView(),
            AltP2MMemAccess(), AltP2MChangeGfn(), AltP2MGetVcpuP2mIdx(), AltP2MSetVisibility(), AltP2MSuppressVe(),
            AltP2MSuppressVeMulti(),
            // HVMSaveRecords
            HVMSaveDescriptor(), HVMSaveHeader(), HVMSavedLocalAPIC(), HVMSavedLocalAPICRegisters(), HVMSavedPCIIRQs(),
            HVMSavedISAIRQs(), HVMSavedPCILinks(), HVMSavedPITChannel(), HVMSavedPIT(), HVMSavedRTC(), HVMSavedHPETTimer(),
            HVMSavedHPET(), HVMSavedPMTimer(), HVMSavedMTRR(), HVMSavedXsaveHeader(), HVMSavedXsave(),
            HVMSavedViridianDomain(), HVMSavedViridianVCPU(), HVMSavedMachineCheck(), HVMSavedTSCAdjust(),
            // HVMSavedCPU
            HVMSavedCPU(), HVMSavedCPUCompat(), HVMSavedPIC(), HVMSavedIOAPIC(),
            // HVMTables
            HVMInfoTable(), VCPUHVMX86_32(), VCPUHVMX86_64(),
            // HypfsOperations
            HypfsDirectoryEntry(), HypfsListedEntry(),
            // IORequests
            IORequest(), SharedIOPage(), BufferedIORequest(),
            // MemoryOperations
            E820Entry(),
            // PhysdevArguments
            PhysdevSetIOPL(), PhysdevIRQ(), PhysdevRestoreMSI(), PhysdevManagePCIExt(), PhysdevDebugPort(),
            // PlatformArguments
            PlatformDelMemtype(), PlatformQuirk(), PlatformEnterACPISleep(), PlatformCPUInfo(), PlatformCPUVersion(),
            PlatformCPUOnlining(), PlatformCPUHotAdd(), PlatformCoreParking(),
            // PlatformFirmware
            EFITime(), EFIGUID(), EFIGetTime(), FirmwareDiskSignature(),
            // PlatformPower
            ProcessorDependency(),
            // X86VCPUContext
            X86UserRegisters(), X86VCPUContextStart(), X86VCPUContextEnd(), X86VCPUContext(),
            // SysctlArguments
            SysctlReadconsole(), SysctlTbufOp(), SysctlPhysinfo(), SysctlSchedId(), SysctlPerfcDesc(), SysctlPerfcOp(),
            SysctlGetdomaininfolist(), SysctlDebugKeys(), SysctlCpuinfo(), SysctlGetcpuinfo(), SysctlAvailheap(),
            SysctlCpuHotplug(), SysctlLockprofData(), SysctlLockprofOp(), SysctlCputopo(), SysctlCputopoinfo(),
            SysctlMeminfo(), SysctlNumainfo(), SysctlCpupoolOp(), SysctlCreditSchedule(), SysctlCredit2Schedule(),
            SysctlSchedArinc653(), SysctlCoverageOp(), SysctlPcitopoinfo(), SysctlCpuLevellingCaps(), SysctlCpuFeatureset(),
            SysctlLivepatchList(),
            // SysctlOperations
            SysctlHeader(),
            // SysctlPower
            PMPxValue(), PMPxStat(), PMCxStat(), SysctlGetPMStat(), CPUFreqUserspace(), CPUFreqOndemand(),
            GetCPUFreqParameters(), SetCPUFreqGovernor(), SetCPUFreqParameter(), SysctlPowerOp(),
            // SysctlUnions
            SysctlSchedulerOperation(), SysctlPSRCMTOp(), SysctlPSRCMTOp.L3Cache(), SysctlPSRAlloc(),
            SysctlPSRAlloc.CATInfo(),
            SysctlPSRAlloc.MBAInfo(), LivepatchName(), LivepatchStatus(),
            SysctlLivepatchUpload(), SysctlLivepatchGet(), SysctlLivepatchAction(), SysctlLivepatchOp(),
            SysctlArinc653Schedule(),
            // VCPUContext
            ARMCoreRegisters(), ARMVCPUContext(),
            // VCPUOperations
            VCPUHVMContext(),
            CreateDomain<ARMDomainConfig>(), CreateDomain<X86DomainConfig>(), DomainInfo<ARMDomainConfig>(),
            DomainInfo<X86DomainConfig>(),
        ]
    }

    func toolsOf<Caller: CallerABI>(_: Caller.Type) -> [Any] {
        [
            DMOpBuffer<Caller>(), GrantCopyPointer<Caller>(), AltP2MSetMemAccessMulti<Caller>(), HVMSavedMSR<Caller>(),
            MemoryMap<Caller>(), PhysdevPIRQEOIGMFN<Caller>(), PhysdevSetIOBitmap<Caller>(), PhysdevAPIC<Caller>(),
            PhysdevCompatArgument<Caller>(), PlatformAddMemtype<Caller>(), PlatformReadMemtype<Caller>(),
            PlatformMicrocodeUpdate<Caller>(), PlatformChangeFreq<Caller>(), PlatformGetIdleTime<Caller>(),
            PlatformMemHotAdd<Caller>(), PlatformResourceEntry<Caller>(), PlatformResourceOp<Caller>(),
            PlatformSymbolData<Caller>(), EFIVariable<Caller>(), EFINextVariableName<Caller>(), EFIVariableInfo<Caller>(),
            EFICapsuleCapabilities<Caller>(), EFIUpdateCapsule<Caller>(), PlatformEFIRuntimeCall<Caller>(),
            FirmwareDiskInfo<Caller>(), FirmwareMonitorInfo<Caller>(), FirmwareEFITable<Caller>(),
            FirmwareEFIVendor<Caller>(), FirmwareEFIMemory<Caller>(), FirmwareEFIROM<Caller>(),
            FirmwareEFIProperties<Caller>(), PlatformFirmwareInfo<Caller>(), PowerRegister<Caller>(),
            ProcessorIdleState<Caller>(), ProcessorPower<Caller>(), ProcessorControlRegister<Caller>(),
            ProcessorPerformanceState<Caller>(), ProcessorPerformanceDomain<Caller>(), ProcessorPerformance<Caller>(),
            PlatformSetProcessorPMInfo<Caller>(),
            DomctlCacheFlush<Caller>(), SysctlPageOfflineOp<Caller>(),
        ]
    }
}
