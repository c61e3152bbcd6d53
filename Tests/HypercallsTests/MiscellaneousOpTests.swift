// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Support
import Synchronization
import Testing
import XenABI

@testable import Hypercalls

/// The small hypercalls: what they answer, and to what they say no.
@Suite struct MiscellaneousOpTests {
    let host = FakeHost()

    func string<let count: Int>(_ bytes: InlineArray<count, UInt8>) -> String {
        String(decoding: (0..<count).map { bytes[$0] }.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// Shows: XENVER_version, XENVER_extraversion, XENVER_compile_info, XENVER_capabilities, XENVER_changeset,
    ///   XENVER_platform_parameters, XENVER_pagesize, XENVER_guest_handle, XENVER_commandline
    @Test func version() throws {
        let domain = try FakeDomain(1, host: host)
        func ask(_ operation: VersionOp) -> Outcome {
            domain.call(.xenVersion, UInt64(operation.rawValue), domain.scratch.rawValue)
        }
        #expect(ask(.version) == .value(0x4_0011))
        #expect(ask(.extraVersion) == .success)
        #expect(string(domain.read(ExtraVersion.self, at: domain.scratch)) == ".7")
        #expect(ask(.compileInfo) == .success)
        #expect(string(domain.read(CompileInfo.self, at: domain.scratch).compileBy) == "swift-xen")
        #expect(ask(.capabilities) == .success)
        #expect(string(domain.read(CapabilitiesInfo.self, at: domain.scratch)) == "xen-3.0-fake ")
        #expect(ask(.changeset) == .success)
        #expect(string(domain.read(ChangesetInfo.self, at: domain.scratch)) == "unavailable")
        domain.write(UInt64.max, at: domain.scratch)
        #expect(ask(.platformParameters) == .success)
        #expect(domain.read(UInt64.self, at: domain.scratch) == 0xffff_8000_0000_0000)
        #expect(ask(.pageSize) == .error(.einval))
        #expect(domain.call(.xenVersion, UInt64(VersionOp.pageSize.rawValue), 0) == .value(4096))
        domain.write(UInt64.max, at: domain.scratch)
        #expect(ask(.guestHandle) == .success)
        #expect(domain.read(UInt64.self, at: domain.scratch) == 0)
        // What is not for everybody.
        domain.write(UInt64.max, at: domain.scratch + 8)
        #expect(ask(.commandLine) == .success)
        #expect(string(domain.read(InlineArray<9, UInt8>.self, at: domain.scratch)) == "<denied>")
        #expect(domain.read(UInt8.self, at: domain.scratch + 9) == 0xFF)
        let dom0 = try FakeDomain(0, host: host, privileged: true)
        #expect(dom0.call(.xenVersion, UInt64(VersionOp.commandLine.rawValue), dom0.scratch.rawValue) == .success)
        #expect(string(dom0.read(CommandLineInfo.self, at: dom0.scratch)) == "loglvl=all")
        #expect(domain.call(.xenVersion, 11, domain.scratch.rawValue) == .error(.enosys))
        #expect(domain.call(.xenVersion, UInt64(VersionOp.changeset.rawValue), 1 << 39) == .error(.efault))
    }

    /// Shows: XENVER_build_id
    @Test func buildID() throws {
        let guest = try FakeDomain(1, host: host)
        let domain = try FakeDomain(0, host: host, privileged: true)
        func ask(room: UInt32) -> Outcome {
            domain.write(room, at: domain.scratch)
            return domain.call(.xenVersion, UInt64(VersionOp.buildID.rawValue), domain.scratch.rawValue)
        }
        #expect(ask(room: 20) == .error(.enodata))
        host.buildID = InlineArray { UInt8($0 + 1) }
        #expect(ask(room: 20) == .value(20))
        #expect(domain.read(UInt32.self, at: domain.scratch) == 20)
        #expect(domain.read(UInt64.self, at: domain.scratch + 4) == 0x0807_0605_0403_0201)
        #expect(domain.read(UInt32.self, at: domain.scratch + 20) == 0x1413_1211)
        for argument in [0, guest.scratch.rawValue, 1 << 39] {
            #expect(guest.call(.xenVersion, UInt64(VersionOp.buildID.rawValue), argument) == .error(.eperm))
        }
        #expect(ask(room: 0) == .error(.einval))
        #expect(ask(room: 19) == .error(.enobufs))
        #expect(domain.call(.xenVersion, UInt64(VersionOp.buildID.rawValue), 0) == .value(20))
        #expect(domain.call(.xenVersion, UInt64(VersionOp.buildID.rawValue), 1 << 39) == .error(.efault))
    }

    /// Shows: XENVER_get_features
    @Test func features() throws {
        let domain = try FakeDomain(1, host: host)
        let dom0 = try FakeDomain(0, host: host, privileged: true)
        var info = FeatureInfo()
        let operation = VersionOp.getFeatures.rawValue
        #expect(domain.operate(.xenVersion, operation, &info) == .success)
        #expect(info.submap & Feature.autoTranslatedPhysmap.bit != 0)
        #expect(info.submap & Feature.dom0.bit == 0)
        #expect(info.submap & Feature.notDirectMapped.bit != 0)
        #expect(dom0.operate(.xenVersion, operation, &info) == .success)
        #expect(info.submap & Feature.dom0.bit != 0)
        info.submapIndex = 1
        #expect(domain.operate(.xenVersion, operation, &info) == .error(.einval))
    }

    /// Shows: SCHEDOP_yield, SCHEDOP_block, SCHEDOP_shutdown, SCHEDOP_shutdown_code, SCHEDOP_remote_shutdown
    @Test func scheduling() throws {
        let domain = try FakeDomain(1, host: host)
        #expect(domain.call(.schedOp, UInt64(SchedOp.yield.rawValue)) == .yield)
        #expect(domain.call(.schedOp, UInt64(SchedOp.block.rawValue)) == .block)
        var shutdown = SchedShutdown()
        shutdown.reason = ShutdownReason.reboot.rawValue
        #expect(domain.operate(.schedOp, SchedOp.shutdown.rawValue, &shutdown) == .shutdown(.reboot))
        #expect(domain.operate(.schedOp, SchedOp.shutdownCode.rawValue, &shutdown) == .success)
        var remote = SchedRemoteShutdown()
        remote.domain = 77
        #expect(domain.operate(.schedOp, SchedOp.remoteShutdown.rawValue, &remote) == .error(.esrch))
        remote.domain = 1
        #expect(domain.operate(.schedOp, SchedOp.remoteShutdown.rawValue, &remote) == .error(.eperm))
        #expect(domain.call(.schedOp, 8) == .error(.enosys))
        #expect(domain.call(.schedOp, UInt64(SchedOp.shutdown.rawValue), 1 << 39) == .error(.efault))
    }

    /// Shows: HVMOP_set_param, HVMOP_get_param
    @Test func parameters() throws {
        let domain = try FakeDomain(1, host: host)
        let dom0 = try FakeDomain(0, host: host, privileged: true)
        var argument = HVMParamArgument()
        argument.domain = 1
        argument.index = HVMParam.storePFN.rawValue
        argument.value = 0x1234
        #expect(dom0.operate(.hvmOp, HVMOp.setParam.rawValue, &argument) == .success)
        argument.domain = ReservedDomain.caller
        argument.value = 0
        #expect(domain.operate(.hvmOp, HVMOp.getParam.rawValue, &argument) == .success)
        #expect(argument.value == 0x1234)
        argument.domain = 0
        #expect(domain.operate(.hvmOp, HVMOp.getParam.rawValue, &argument) == .error(.eperm))
        argument.domain = 9
        #expect(domain.operate(.hvmOp, HVMOp.getParam.rawValue, &argument) == .error(.esrch))
        argument.domain = 1
        for index in [64, UInt32.max] {
            argument.index = index
            #expect(dom0.operate(.hvmOp, HVMOp.setParam.rawValue, &argument) == .error(.einval))
            #expect(dom0.operate(.hvmOp, HVMOp.getParam.rawValue, &argument) == .error(.einval))
        }
        #expect(dom0.call(.hvmOp, 99, dom0.scratch.rawValue) == .error(.enosys))
    }

    /// Shows: XENPF_settime64
    @Test func wallclock() throws {
        let domain = try FakeDomain(1, host: host)
        let dom0 = try FakeDomain(0, host: host, privileged: true)
        func set(_ domain: FakeDomain, _ version: UInt32 = PlatformOp.interfaceVersion, mbz: UInt32 = 0) -> Outcome {
            var header = PlatformOpHeader()
            header.command = PlatformOp.setTime64.rawValue
            header.interfaceVersion = version
            domain.write(header, at: domain.scratch)
            var time = PlatformSetTime64<Caller64>()
            time.seconds = 1_700_000_000
            time.nanoseconds = 5
            time.systemTime = 77
            time.mbz = mbz
            domain.write(time, at: domain.scratch + 8)
            return domain.call(.platformOp, domain.scratch.rawValue)
        }
        #expect(set(domain) == .error(.eperm))
        #expect(set(dom0, 1) == .error(.eacces))
        #expect(set(dom0, mbz: 1) == .error(.einval))
        #expect(host.wallclock == nil)
        #expect(set(dom0) == .success)
        #expect(host.wallclock! == (1_700_000_000, 5, 77))
        dom0.write(UInt32(17), at: dom0.scratch)
        #expect(dom0.call(.platformOp, dom0.scratch.rawValue) == .error(.enosys))
    }

    /// Shows: CONSOLEIO_write, CONSOLEIO_read
    @Test func console() throws {
        let dom0 = try FakeDomain(0, host: host, privileged: true)
        let long = String(repeating: "0123456789", count: 30)
        for (offset, byte) in long.utf8.enumerated() { dom0.write(byte, at: dom0.scratch + UInt64(offset)) }
        #expect(dom0.call(.consoleIO, 0, 300, dom0.scratch.rawValue) == .success)
        #expect(String(decoding: host.consoleOutput, as: UTF8.self) == long)
        host.consoleInput = Array("hello".utf8)
        #expect(dom0.call(.consoleIO, 1, 3, dom0.scratch.rawValue) == .value(3))
        #expect(dom0.read(UInt8.self, at: dom0.scratch + 2) == UInt8(ascii: "l"))
        #expect(dom0.call(.consoleIO, 1, 300, dom0.scratch.rawValue) == .value(2))
    }

    /// A long write lets interrupts in.
    ///
    /// Shows: CONSOLEIO_write
    @Test func longWrites() throws {
        let dom0 = try FakeDomain(0, host: host, privileged: true)
        for offset in 0..<300 as Range<UInt64> { dom0.write(UInt8(truncatingIfNeeded: offset), at: dom0.scratch + offset) }
        host.preempts = true
        let start = dom0.scratch.rawValue
        #expect(dom0.call(.consoleIO, 0, 300, start) == .againWithRest(first: 0, second: 173, third: start + 127))
        #expect(host.consoleOutput.count == 127)
        #expect(dom0.call(.consoleIO, 0, 173, start + 127) == .againWithRest(first: 0, second: 46, third: start + 254))
        #expect(dom0.call(.consoleIO, 0, 46, start + 254) == .success)
        #expect(host.consoleOutput == (0..<300).map { UInt8(truncatingIfNeeded: $0) })
        #expect(dom0.call(.consoleIO, 0, 0, 1 << 39) == .success)
    }

    @Test func debugPort() {
        var line = ConsoleLine()
        func add(_ text: String) -> [String] {
            var lines: [String] = []
            for byte in text.utf8 where line.add(byte) {
                var bytes: [UInt8] = []
                line.take { bytes.append($0) }
                lines.append(String(decoding: bytes, as: UTF8.self))
            }
            return lines
        }
        #expect(add("Memory_op\u{7} failed\nSystem") == ["Memory_op failed"])
        #expect(add(" halted\n") == ["System halted"])
        #expect(add(" and\ttwo\u{1b}[1m\r\nthree\n\nfour") == [" and\ttwo[1m", "three", ""] && add("\n") == ["four"])
        #expect(add(String(repeating: "a", count: 200)) == [String(repeating: "a", count: 199)])
        #expect(add("\n") == ["a"])
    }

    /// Shows: CONSOLEIO_write, CONSOLEIO_read
    @Test func consoleRefusals() throws {
        let domain = try FakeDomain(1, host: host)
        let dom0 = try FakeDomain(0, host: host, privileged: true)
        #expect(dom0.call(.consoleIO, 0, 300, 1 << 39) == .error(.efault))
        #expect(domain.call(.consoleIO, 0, .max, domain.scratch.rawValue) == .error(.eperm))
        #expect(domain.call(.consoleIO, 0, 0, 1 << 39) == .error(.eperm) && host.lines == [])
        #expect(domain.call(.consoleIO, 1, 300, domain.scratch.rawValue) == .error(.eperm))
        #expect(dom0.call(.consoleIO, 1, 1 << 31, dom0.scratch.rawValue) == .error(.e2big))
        #expect(dom0.call(.consoleIO, 2, 1, dom0.scratch.rawValue) == .error(.enosys))
    }

    /// Shows: VMASST_CMD_enable, VMASST_CMD_disable
    @Test func assists() throws {
        let domain = try FakeDomain(1, host: host)
        let flag = UInt64(VMAssist.runstateUpdateFlag.rawValue)
        #expect(domain.call(.vmAssist, 0, flag) == .success)
        #expect(domain.ref.pointee.assists.load(ordering: .relaxed) == 1 << flag)
        #expect(domain.call(.vmAssist, 1, flag) == .success)
        #expect(domain.ref.pointee.assists.load(ordering: .relaxed) == 0)
        #expect(domain.call(.vmAssist, 0, 0) == .error(.einval))
        #expect(domain.call(.vmAssist, 0, 64) == .error(.einval))
        #expect(domain.call(.vmAssist, 0, 0xFFFF_FFFF) == .error(.einval))
        #expect(domain.call(.vmAssist, 2, flag) == .error(.enosys))
    }

    @Test func whatThereIsNot() throws {
        let domain = try FakeDomain(1, host: host)
        for number in [0, 1, 11, 42, 43, 48, 64, UInt32.max] as [UInt32] where Hypercall(rawValue: number) != .hypfsOp {
            let call = Call<FakePlatform, Caller64>(
                platform: domain.platform, vcpu: domain.vcpus[0], arguments: InlineArray(repeating: UInt64.max))
            #expect(call.perform(number) == .error(.enosys))
        }
        #expect(domain.call(.physdevOp, 12, domain.scratch.rawValue) == .error(.enosys))
    }
}
