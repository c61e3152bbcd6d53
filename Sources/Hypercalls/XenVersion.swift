// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Machine
import Memory
import Sync
import XenABI

extension Call {
    /// Xen: __HYPERVISOR_xen_version
    @inline(__always) func xenVersion() throws(XenError) -> Outcome {
        guard let operation = VersionOp(rawValue: word(0)) else { throw .enosys }
        if operation == .version { return .value(4 << 16 | 17) }
        return try xenVersion(operation)
    }

    private func xenVersion(_ operation: VersionOp) throws(XenError) -> Outcome {
        let argument = handle(1)
        switch operation {  // VersionOp
        case .version: return .value(4 << 16 | 17)
        case .extraVersion: try platform.guest.write(text(".7", ExtraVersion(repeating: 0)), at: argument)
        case .compileInfo: try platform.guest.write(compileInfo, at: argument)
        case .capabilities:
            try platform.guest.write(text(platform.capabilities, CapabilitiesInfo(repeating: 0)), at: argument)
        case .changeset: try platform.guest.write(text("unavailable", ChangesetInfo(repeating: 0)), at: argument)
        case .platformParameters:
            var parameters = PlatformParameters<Caller>()
            // One of 32 bits is told of none, for it is no PV guest.
            if Caller.wordBits == 64 { parameters.virtualStart = Caller.Word(lowBits: platform.virtualStart) }
            try platform.guest.write(parameters, at: argument)
        case .getFeatures: try getFeatures(argument)
        case .pageSize:
            guard argument.rawValue == 0 else { throw .einval }
            return .value(Int64(pageSize))
        case .guestHandle: try platform.guest.write(domain.pointee.handle.withLock { $0 }, at: argument)
        case .commandLine where domain.pointee.isPrivileged: try platform.writeCommandLine(at: argument)
        case .commandLine: try platform.guest.write(text("<denied>", InlineArray<9, UInt8>(repeating: 0)), at: argument)
        case .buildID: return try writeBuildID(argument)
        }
        return .success
    }

    /// Xen: XENVER_build_id. Without an argument, the length alone. Throws EPERM for who has no business with it.
    private func writeBuildID(_ argument: GuestVirtualAddress) throws(XenError) -> Outcome {
        guard domain.pointee.isPrivileged else { throw .eperm }
        let room: UInt32? = argument.rawValue == 0 ? nil : try platform.guest.read(UInt32.self, at: argument)
        if room == 0 { throw .einval }
        guard let id = platform.buildID else { throw .enodata }
        let count = UInt32(id.count)
        guard let room else { return .value(Int64(count)) }
        guard room >= count else { throw .enobufs }
        try platform.guest.write(id, at: argument + 4)
        return .value(Int64(count))
    }

    private var compileInfo: CompileInfo {
        var info = CompileInfo()
        info.compiler = text("Swift 6.3", info.compiler)
        info.compileBy = text("swift-xen", info.compileBy)
        return info
    }

    /// Xen: XENVER_get_features
    private func getFeatures(_ argument: GuestVirtualAddress) throws(XenError) {
        var info = try platform.guest.read(FeatureInfo.self, at: argument)
        guard info.submapIndex == 0 else { throw .einval }
        info.submap =
            Feature.memoryOpVnodeSupported.bit | Feature.writablePageTables.bit | Feature.autoTranslatedPhysmap.bit
            | (domain.pointee.isPrivileged ? Feature.dom0.bit : 0)
            | (domain.pointee.isDirectMapped ? Feature.directMapped.bit : Feature.notDirectMapped.bit)
            | platform.machineFeatures
        try platform.guest.write(info, at: argument)
    }
}

/// `text`, cut to leave room for the zero byte that ends it.
func text<let size: Int>(_ text: StaticString, _ empty: InlineArray<size, UInt8>) -> InlineArray<size, UInt8> {
    var result = empty
    let bytes = text.bytes
    for index in 0..<min(bytes.count, size - 1) { result[index] = bytes[index] }
    return result
}
