// SPDX-License-Identifier: Apache-2.0

import XenABI

// platform.h: XENPF_set_processor_pminfo.

extension Facts {
    mutating func addPlatformPower<C: CallerABI>(_ type: C.Type) {
        addPlatformPowerNumbers()
        addPlatformPowerStructures()
        addPlatformPowerCallerStructures(C.self)
    }

    private mutating func addPlatformPowerNumbers() {
        add("sizeof(struct xen_processor_flags)", MemoryLayout<UInt32>.size, "ProcessorFlags")
        for (field, mask) in [
            ("bm_control", ProcessorFlags.bmControl), ("bm_check", ProcessorFlags.bmCheck),
            ("has_cst", ProcessorFlags.hasCst), ("power_setup_done", ProcessorFlags.powerSetupDone),
            ("bm_rld_set", ProcessorFlags.bmRldSet),
        ] { bits("struct xen_processor_flags", field, at: 0, mask) }
        cases(
            "XEN_PM_",
            ["CX": .idleStates, "PX": .performanceStates, "TX": .throttlingStates, "PDC": .driverCapabilities]
                as KeyValuePairs<String, ProcessorPMType>)
        cases(
            "XEN_CPUPERF_SHARED_TYPE_",
            ["HW": .hardware, "ALL": .all, "ANY": .any] as KeyValuePairs<String, PerformanceSharing>)
        values(
            "XEN_PX_",
            [
                "PCT": PerformanceInfo.control, "PSS": PerformanceInfo.states, "PPC": PerformanceInfo.limit,
                "PSD": PerformanceInfo.domain,
            ] as KeyValuePairs<String, UInt32>)
        values(
            "XEN_PROCESSOR_PM_",
            [
                "CX": ProcessorPMAbility.idleStates, "PX": ProcessorPMAbility.performanceStates,
                "TX": ProcessorPMAbility.throttlingStates,
            ] as KeyValuePairs<String, UInt32>)
    }

    private mutating func addPlatformPowerStructures() {
        structure(
            "struct xen_processor_csd", ProcessorDependency.self,
            ["domain": \.domain, "coord_type": \.coordType, "num": \.num])
    }

    private mutating func addPlatformPowerCallerStructures<C: CallerABI>(_ type: C.Type) {
        structure(
            "struct xen_power_register", PowerRegister<C>.self,
            [
                "space_id": \.spaceId, "bit_width": \.bitWidth, "bit_offset": \.bitOffset, "access_size": \.accessSize,
                "address": \.address,
            ])
        structure(
            "struct xen_processor_cx", ProcessorIdleState<C>.self,
            ["reg": \.reg, "type": \.type, "latency": \.latency, "power": \.power, "dpcnt": \.dpcnt, "dp": \.dp])
        structure(
            "struct xen_processor_power", ProcessorPower<C>.self, ["count": \.count, "flags": \.flags, "states": \.states])
        structure(
            "struct xen_pct_register", ProcessorControlRegister<C>.self,
            [
                "descriptor": \.descriptor, "length": \.length, "space_id": \.spaceId, "bit_width": \.bitWidth,
                "bit_offset": \.bitOffset, "reserved": \.reserved, "address": \.address,
            ])
        structure(
            "struct xen_processor_px", ProcessorPerformanceState<C>.self,
            [
                "core_frequency": \.coreFrequency, "power": \.power, "transition_latency": \.transitionLatency,
                "bus_master_latency": \.busMasterLatency, "control": \.control, "status": \.status,
            ])
        structure(
            "struct xen_psd_package", ProcessorPerformanceDomain<C>.self,
            [
                "num_entries": \.numEntries, "revision": \.revision, "domain": \.domain, "coord_type": \.coordType,
                "num_processors": \.numProcessors,
            ])
        structure(
            "struct xen_processor_performance", ProcessorPerformance<C>.self,
            [
                "flags": \.flags, "platform_limit": \.platformLimit, "control_register": \.controlRegister,
                "status_register": \.statusRegister, "state_count": \.stateCount, "states": \.states,
                "domain_info": \.domainInfo, "shared_type": \.sharedType,
            ])
        structure(
            "struct xenpf_set_processor_pminfo", PlatformSetProcessorPMInfo<C>.self,
            ["id": \.id, "type": \.type, "u": \.payload])
        add(
            "sizeof(((struct xenpf_set_processor_pminfo *)0)->u.pdc)", MemoryLayout<C.Word>.size,
            "PlatformSetProcessorPMInfo.payload: a handle")
    }
}
