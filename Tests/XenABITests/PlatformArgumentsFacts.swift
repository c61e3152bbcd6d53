// SPDX-License-Identifier: Apache-2.0

import XenABI

// platform.h: structures without a union.

extension Facts {
    mutating func addPlatformArguments<C: CallerABI>(_ type: C.Type) {
        addPlatformArgumentsStructures()
        addPlatformArgumentsCallerStructures(C.self)
    }

    private mutating func addPlatformArgumentsStructures() {
        structure(
            "struct xen_platform_op", PlatformOpArgument.self,
            ["cmd": \.cmd, "interface_version": \.interfaceVersion, "u": \.payload])
        structure("struct xenpf_del_memtype", PlatformDelMemtype.self, ["handle": \.handle, "reg": \.reg])
        structure("struct xenpf_platform_quirk", PlatformQuirk.self, ["quirk_id": \.quirkId])
        structure(
            "struct xenpf_enter_acpi_sleep", PlatformEnterACPISleep.self,
            ["val_a": \.valA, "val_b": \.valB, "sleep_state": \.sleepState, "flags": \.flags])
        structure(
            "struct xenpf_pcpuinfo", PlatformCPUInfo.self,
            [
                "xen_cpuid": \.xenCpuid, "max_present": \.maxPresent, "flags": \.flags, "apic_id": \.apicId,
                "acpi_id": \.acpiId,
            ])
        structure(
            "struct xenpf_pcpu_version", PlatformCPUVersion.self,
            [
                "xen_cpuid": \.xenCpuid, "max_present": \.maxPresent, "vendor_id": \.vendorId, "family": \.family,
                "model": \.model, "stepping": \.stepping,
            ])
        structure("struct xenpf_cpu_ol", PlatformCPUOnlining.self, ["cpuid": \.cpuid])
        structure(
            "struct xenpf_cpu_hotadd", PlatformCPUHotAdd.self, ["apic_id": \.apicId, "acpi_id": \.acpiId, "pxm": \.pxm])
        structure("struct xenpf_core_parking", PlatformCoreParking.self, ["type": \.type, "idle_nums": \.idleNums])
        add("sizeof(((struct xenpf_resource_entry *)0)->u.ret)", MemoryLayout<UInt32>.size, "PlatformResourceEntry.cmd")
        add("sizeof(((struct xen_platform_op *)0)->u.pad)", PlatformOpArgument().payload.count, "PlatformOpArgument.payload")
    }

    private mutating func addPlatformArgumentsCallerStructures<C: CallerABI>(_ type: C.Type) {
        structure(
            "struct xenpf_add_memtype", PlatformAddMemtype<C>.self,
            ["mfn": \.mfn, "nr_mfns": \.nrMfns, "type": \.type, "handle": \.handle, "reg": \.reg])
        structure(
            "struct xenpf_read_memtype", PlatformReadMemtype<C>.self,
            ["reg": \.reg, "mfn": \.mfn, "nr_mfns": \.nrMfns, "type": \.type])
        structure("struct xenpf_microcode_update", PlatformMicrocodeUpdate<C>.self, ["data": \.data, "length": \.length])
        structure("struct xenpf_change_freq", PlatformChangeFreq<C>.self, ["flags": \.flags, "cpu": \.cpu, "freq": \.freq])
        structure(
            "struct xenpf_getidletime", PlatformGetIdleTime<C>.self,
            ["cpumap_bitmap": \.cpumapBitmap, "cpumap_nr_cpus": \.cpumapNrCpus, "idletime": \.idletime, "now": \.now])
        structure(
            "struct xenpf_mem_hotadd", PlatformMemHotAdd<C>.self,
            ["spfn": \.spfn, "epfn": \.epfn, "pxm": \.pxm, "flags": \.flags])
        structure(
            "struct xenpf_resource_entry", PlatformResourceEntry<C>.self,
            ["u.cmd": \.cmd, "rsvd": \.rsvd, "idx": \.idx, "val": \.val])
        structure(
            "struct xenpf_resource_op", PlatformResourceOp<C>.self,
            ["nr_entries": \.nrEntries, "cpu": \.cpu, "entries": \.entries])
        structure(
            "struct xenpf_symdata", PlatformSymbolData<C>.self,
            ["namelen": \.namelen, "symnum": \.symnum, "name": \.name, "address": \.address, "type": \.type])
        add("sizeof(xenpf_settime_t)", MemoryLayout<PlatformSetTime64<C>>.stride, "PlatformSetTime64")
    }
}
