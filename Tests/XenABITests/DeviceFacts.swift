// SPDX-License-Identifier: Apache-2.0

import XenABI

// The headers of device models, HVM domains, the platform and its devices, and hypfs.

extension Facts {
    mutating func addDeviceInterfaces<C: CallerABI>(_ type: C.Type, _ caller: Caller) {
        addDMOps(C.self)
        addDMConstants()
        addIORequests()
        addHVMTables()
        addHypfs()
        addAltP2M(C.self)
        addHVMParamValues(caller)
        addPhysdevArguments(C.self, caller)
        addHVMSaves(C.self, caller)
        addHVMSavedCPUs(caller)
        addPlatformArguments(C.self)
        addPlatformPower(C.self)
        addPlatformFirmware(C.self)
        addPlatformConstants()
        addUnionMembers(C.self, caller)
    }
}
