// SPDX-License-Identifier: Apache-2.0

import XenABI

// platform.h: operations, enumerations and flags.

extension Facts {
    mutating func addPlatformConstants() {
        addPlatformConstantsNumbers()
    }

    private mutating func addPlatformConstantsNumbers() {
        cases(
            "XENPF_",
            [
                "settime32": .setTime32, "add_memtype": .addMemtype, "del_memtype": .delMemtype,
                "read_memtype": .readMemtype, "microcode_update": .microcodeUpdate, "platform_quirk": .platformQuirk,
                "get_cpu_version": .getCPUVersion, "efi_runtime_call": .efiRuntimeCall, "firmware_info": .firmwareInfo,
                "enter_acpi_sleep": .enterACPISleep, "change_freq": .changeFreq, "getidletime": .getIdleTime,
                "set_processor_pminfo": .setProcessorPMInfo, "get_cpuinfo": .getCPUInfo, "cpu_online": .cpuOnline,
                "cpu_offline": .cpuOffline, "cpu_hotadd": .cpuHotAdd, "mem_hotadd": .memHotAdd, "core_parking": .coreParking,
                "resource_op": .resourceOp, "settime64": .setTime64, "get_symbol": .getSymbol,
            ] as KeyValuePairs<String, PlatformOp>)
        cases(
            "QUIRK_",
            [
                "NOIRQBALANCING": .noIRQBalancing, "IOAPIC_BAD_REGSEL": .ioAPICBadRegisterSelect,
                "IOAPIC_GOOD_REGSEL": .ioAPICGoodRegisterSelect,
            ] as KeyValuePairs<String, PlatformQuirkID>)
        cases(
            "XEN_EFI_",
            [
                "get_time": .getTime, "set_time": .setTime, "get_wakeup_time": .getWakeupTime,
                "set_wakeup_time": .setWakeupTime, "get_next_high_monotonic_count": .getNextHighMonotonicCount,
                "get_variable": .getVariable, "set_variable": .setVariable, "get_next_variable_name": .getNextVariableName,
                "query_variable_info": .queryVariableInfo, "query_capsule_capabilities": .queryCapsuleCapabilities,
                "update_capsule": .updateCapsule,
            ] as KeyValuePairs<String, EFICall>)
        values(
            "XEN_EFI_",
            [
                "GET_TIME_SET_CLEARS_NS": EFICallFlag.setClearsNanoseconds,
                "GET_WAKEUP_TIME_ENABLED": EFICallFlag.wakeupEnabled, "GET_WAKEUP_TIME_PENDING": EFICallFlag.wakeupPending,
                "SET_WAKEUP_TIME_ENABLE": EFICallFlag.enableWakeup,
                "SET_WAKEUP_TIME_ENABLE_ONLY": EFICallFlag.enableWakeupOnly,
                "VARIABLE_NON_VOLATILE": EFICallFlag.nonVolatile,
                "VARIABLE_BOOTSERVICE_ACCESS": EFICallFlag.bootServiceAccess,
                "VARIABLE_RUNTIME_ACCESS": EFICallFlag.runtimeAccess, "VARINFO_BOOT_SNAPSHOT": EFICallFlag.bootSnapshot,
            ] as KeyValuePairs<String, UInt32>)
        cases(
            "XEN_FW_",
            [
                "DISK_INFO": .diskInfo, "DISK_MBR_SIGNATURE": .diskSignature, "VBEDDC_INFO": .monitorInfo,
                "EFI_INFO": .efiInfo, "KBD_SHIFT_FLAGS": .keyboardShiftFlags,
            ] as KeyValuePairs<String, FirmwareInfoType>)
        cases(
            "XEN_FW_EFI_",
            [
                "VERSION": .version, "CONFIG_TABLE": .configTable, "VENDOR": .vendor, "MEM_INFO": .memory,
                "RT_VERSION": .runtimeVersion, "PCI_ROM": .pciROM, "APPLE_PROPERTIES": .appleProperties,
            ] as KeyValuePairs<String, FirmwareEFIInfo>)
        cases("XEN_CORE_PARKING_", ["SET": .set, "GET": .get] as KeyValuePairs<String, CoreParkingType>)
        cases(
            "XEN_RESOURCE_OP_",
            ["MSR_READ": .readMSR, "MSR_WRITE": .writeMSR] as KeyValuePairs<String, PlatformResourceAccess>)
        values(
            "",
            [
                "XENPF_ACPI_SLEEP_EXTENDED": PlatformFlag.extendedSleep, "XEN_PCPU_FLAGS_ONLINE": PlatformFlag.cpuOnline,
                "XEN_PCPU_FLAGS_INVALID": PlatformFlag.cpuInvalid,
            ] as KeyValuePairs<String, UInt32>)
        add("XENPF_settime", PlatformOp.setTime64.rawValue, "PlatformOp.setTime64")
    }
}
