// SPDX-License-Identifier: Apache-2.0

import XenABI

// platform.h: XENPF_efi_runtime_call, XENPF_firmware_info.

extension Facts {
    mutating func addPlatformFirmware<C: CallerABI>(_ type: C.Type) {
        addPlatformFirmwareStructures()
        addPlatformFirmwareCallerStructures(C.self)
    }

    private mutating func addPlatformFirmwareStructures() {
        structure(
            "struct xenpf_efi_time", EFITime.self,
            [
                "year": \.year, "month": \.month, "day": \.day, "hour": \.hour, "min": \.min, "sec": \.sec, "ns": \.ns,
                "tz": \.tz, "daylight": \.daylight,
            ])
        structure(
            "struct xenpf_efi_guid", EFIGUID.self, ["data1": \.data1, "data2": \.data2, "data3": \.data3, "data4": \.data4])
        structure(
            "__typeof__(((struct xenpf_efi_runtime_call *)0)->u.get_time)", EFIGetTime.self,
            ["time": \.time, "resolution": \.resolution, "accuracy": \.accuracy])
        add(
            "sizeof(__typeof__(((struct xenpf_efi_runtime_call *)0)->u.set_time))", MemoryLayout<EFITime>.stride,
            "EFITime: set_time")
        add(
            "sizeof(__typeof__(((struct xenpf_efi_runtime_call *)0)->u.get_wakeup_time))", MemoryLayout<EFITime>.stride,
            "EFITime: get_wakeup_time")
        add(
            "sizeof(__typeof__(((struct xenpf_efi_runtime_call *)0)->u.set_wakeup_time))", MemoryLayout<EFITime>.stride,
            "EFITime: set_wakeup_time")
        structure(
            "__typeof__(((struct xenpf_firmware_info *)0)->u.disk_mbr_signature)", FirmwareDiskSignature.self,
            ["device": \.device, "mbr_signature": \.mbrSignature])
        add(
            "sizeof(__typeof__(((struct xenpf_firmware_info *)0)->u.efi_info.version))", MemoryLayout<UInt32>.size,
            "FirmwareEFIInfo.version")
        add(
            "sizeof(__typeof__(((struct xenpf_firmware_info *)0)->u.kbd_shift_flags))", MemoryLayout<UInt8>.size,
            "FirmwareInfoType.keyboardShiftFlags")
    }

    private mutating func addPlatformFirmwareCallerStructures<C: CallerABI>(_ type: C.Type) {
        structure(
            "__typeof__(((struct xenpf_efi_runtime_call *)0)->u.get_variable)", EFIVariable<C>.self,
            ["name": \.name, "size": \.size, "data": \.data, "vendor_guid": \.vendorGuid])
        structure(
            "__typeof__(((struct xenpf_efi_runtime_call *)0)->u.get_next_variable_name)", EFINextVariableName<C>.self,
            ["size": \.size, "name": \.name, "vendor_guid": \.vendorGuid])
        structure(
            "__typeof__(((struct xenpf_efi_runtime_call *)0)->u.query_variable_info)", EFIVariableInfo<C>.self,
            [
                "attr": \.attr, "max_store_size": \.maxStoreSize, "remain_store_size": \.remainStoreSize,
                "max_size": \.maxSize,
            ])
        structure(
            "__typeof__(((struct xenpf_efi_runtime_call *)0)->u.query_capsule_capabilities)", EFICapsuleCapabilities<C>.self,
            [
                "capsule_header_array": \.capsuleHeaderArray, "capsule_count": \.capsuleCount,
                "max_capsule_size": \.maxCapsuleSize, "reset_type": \.resetType,
            ])
        structure(
            "__typeof__(((struct xenpf_efi_runtime_call *)0)->u.update_capsule)", EFIUpdateCapsule<C>.self,
            ["capsule_header_array": \.capsuleHeaderArray, "capsule_count": \.capsuleCount, "sg_list": \.sgList])
        structure(
            "struct xenpf_efi_runtime_call", PlatformEFIRuntimeCall<C>.self,
            ["function": \.function, "misc": \.misc, "status": \.status, "u": \.payload])
        structure(
            "__typeof__(((struct xenpf_efi_runtime_call *)0)->u.set_variable)", EFIVariable<C>.self,
            ["name": \.name, "size": \.size, "data": \.data, "vendor_guid": \.vendorGuid])
        structure(
            "__typeof__(((struct xenpf_firmware_info *)0)->u.disk_info)", FirmwareDiskInfo<C>.self,
            [
                "device": \.device, "version": \.version, "interface_support": \.interfaceSupport,
                "legacy_max_cylinder": \.legacyMaxCylinder, "legacy_max_head": \.legacyMaxHead,
                "legacy_sectors_per_track": \.legacySectorsPerTrack, "edd_params": \.eddParams,
            ])
        structure(
            "__typeof__(((struct xenpf_firmware_info *)0)->u.vbeddc_info)", FirmwareMonitorInfo<C>.self,
            ["capabilities": \.capabilities, "edid_transfer_time": \.edidTransferTime, "edid": \.edid])
        structure(
            "__typeof__(((struct xenpf_firmware_info *)0)->u.efi_info.cfg)", FirmwareEFITable<C>.self,
            ["addr": \.addr, "nent": \.nent])
        structure(
            "__typeof__(((struct xenpf_firmware_info *)0)->u.efi_info.vendor)", FirmwareEFIVendor<C>.self,
            ["revision": \.revision, "bufsz": \.bufsz, "name": \.name])
        structure(
            "__typeof__(((struct xenpf_firmware_info *)0)->u.efi_info.mem)", FirmwareEFIMemory<C>.self,
            ["addr": \.addr, "size": \.size, "attr": \.attr, "type": \.type])
        structure(
            "__typeof__(((struct xenpf_firmware_info *)0)->u.efi_info.pci_rom)", FirmwareEFIROM<C>.self,
            [
                "segment": \.segment, "bus": \.bus, "devfn": \.devfn, "vendor": \.vendor, "devid": \.devid,
                "address": \.address, "size": \.size,
            ])
        structure(
            "__typeof__(((struct xenpf_firmware_info *)0)->u.efi_info.apple_properties)", FirmwareEFIProperties<C>.self,
            ["address": \.address, "size": \.size])
        structure(
            "struct xenpf_firmware_info", PlatformFirmwareInfo<C>.self, ["type": \.type, "index": \.index, "u": \.payload])
        add("sizeof(union xenpf_efi_info)", MemoryLayout<FirmwareEFIMemory<C>>.stride, "FirmwareEFIMemory")
    }
}
