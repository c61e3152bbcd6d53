// SPDX-License-Identifier: Apache-2.0

import Base
import Domains
import EventChannels
import Support
import Testing
import XenABI

@testable import Hypercalls

/// hvm_op, and why a domain says that it ends.
@Suite struct ParameterTests {
    let host = FakeHost()

    private func parameter(
        _ operation: HVMOp, _ index: UInt32, of id: UInt16, by domain: FakeDomain, value: UInt64 = 0
    ) -> (Outcome, UInt64) {
        var argument = HVMParamArgument()
        argument.domain = id
        argument.index = index
        argument.value = value
        let outcome = domain.operate(.hvmOp, operation.rawValue, &argument)
        return (outcome, argument.value)
    }

    /// Shows: HVMOP_get_param, HVMOP_set_param
    @Test func aDomainReachesItsOwnParametersAsTheMachineSays() throws {
        let domain = try FakeDomain(3, host: host)
        let own = ReservedDomain.caller
        // The fake machine: 0 to 2 may be read, 3 may be set, 4 is the toolstack's.
        #expect(parameter(.getParam, 2, of: own, by: domain) == (.success, 0))
        #expect(parameter(.setParam, 2, of: own, by: domain).0 == .error(.eperm))
        #expect(parameter(.setParam, 3, of: own, by: domain, value: 7).0 == .success)
        #expect(parameter(.getParam, 3, of: own, by: domain).0 == .error(.eperm))
        for operation in [HVMOp.getParam, .setParam] {
            #expect(parameter(operation, 4, of: own, by: domain).0 == .error(.eperm))
            for index in [5, 63, 64, .max] as [UInt32] {
                #expect(parameter(operation, index, of: own, by: domain).0 == .error(.einval))
            }
            #expect(parameter(operation, 0, of: 9, by: domain).0 == .error(.esrch))
        }
    }

    @Test func theToolstackReachesThemAll() throws {
        let toolstack = try FakeDomain(0, host: host, privileged: true)
        _ = try FakeDomain(3, host: host)
        for index in 0..<5 as Range<UInt32> {
            #expect(parameter(.setParam, index, of: 3, by: toolstack, value: 70 + UInt64(index)).0 == .success)
            #expect(parameter(.getParam, index, of: 3, by: toolstack) == (.success, 70 + UInt64(index)))
        }
        #expect(parameter(.getParam, 5, of: 3, by: toolstack).0 == .error(.einval))
    }

    /// Shows: HVMOP_guest_request_vm_event
    @Test func memoryEventsAreAskedForWithoutArgument() throws {
        let domain = try FakeDomain(3, host: host)
        let operation = UInt64(HVMOp.guestRequestVMEvent.rawValue)
        #expect(domain.call(.hvmOp, operation, 0) == .success)
        #expect(domain.call(.hvmOp, operation, domain.scratch.rawValue) == .error(.einval))
    }

    private func say(_ operation: SchedOp, _ reason: UInt32, _ domain: FakeDomain) -> Outcome {
        var argument = SchedShutdown()
        argument.reason = reason
        return domain.operate(.schedOp, operation.rawValue, &argument)
    }

    @Test func theFirstShutdownReasonStands() throws {
        let domain = try FakeDomain(3, host: host)
        #expect(say(.shutdownCode, ShutdownReason.reboot.rawValue, domain) == .success)
        #expect(say(.shutdownCode, 77, domain) == .success)
        #expect(say(.shutdown, ShutdownReason.powerOff.rawValue, domain) == .shutdown(.reboot))
    }

    @Test func aShutdownReasonIsOneByte() throws {
        let domain = try FakeDomain(3, host: host)
        #expect(say(.shutdown, 0x100 | ShutdownReason.suspend.rawValue, domain) == .shutdown(.suspend))
        let other = try FakeDomain(4, host: host)
        #expect(say(.shutdown, 77, other) == .shutdown(.crash))
        #expect(other.ref.pointee.shutdownCode.load(ordering: .relaxed) == 77)
    }

    @Test func nobodyOpensAPortForADomainThatThereIsNot() throws {
        let domain = try FakeDomain(3, host: host)
        var unbound = EventAllocUnbound()
        unbound.domain = ReservedDomain.caller
        for id in [9, ReservedDomain.invalid] {
            unbound.remoteDomain = id
            #expect(domain.event(.allocUnbound, &unbound) == .error(.esrch))
        }
        unbound.remoteDomain = 3
        #expect(domain.event(.allocUnbound, &unbound) == .success)
    }

    private func watchdog(_ id: UInt32, _ seconds: UInt32, _ domain: FakeDomain) -> Outcome {
        var argument = SchedWatchdog()
        argument.id = id
        argument.timeout = seconds
        return domain.operate(.schedOp, SchedOp.watchdog.rawValue, &argument)
    }

    /// Shows: SCHEDOP_watchdog
    @Test func watchdogs() throws {
        let domain = try FakeDomain(3, host: host)
        let deadline = { domain.ref.pointee.watchdogDeadline.load(ordering: .relaxed) }
        let expired = { domain.ref.pointee.takeExpiredWatchdog(domain.platform) }
        host.time = SystemTime(nanoseconds: 500)
        #expect(watchdog(1, 5, domain) == .error(.einval))
        #expect(watchdog(0, 7, domain) == .value(1))
        #expect(watchdog(0, 5, domain) == .value(2))
        #expect(deadline() == 5_000_000_500)
        #expect(host.timerChanges == 2)
        #expect(watchdog(0, 5, domain) == .value(Int64(UInt32(bitPattern: -XenError.enospc.rawValue))))
        #expect(watchdog(3, 5, domain) == .error(.einval))
        #expect(watchdog(2, 0, domain) == .success)
        #expect(watchdog(2, 1, domain) == .error(.einval))
        #expect(deadline() == 7_000_000_500)
        host.time = SystemTime(nanoseconds: 6_000_000_000)
        #expect(!expired())
        #expect(watchdog(1, 7, domain) == .success)
        host.time = SystemTime(nanoseconds: 12_999_999_999)
        #expect(!expired())
        host.time = SystemTime(nanoseconds: 13_000_000_000)
        #expect(expired())
        #expect(!expired())
        #expect(deadline() == .max)
        // For no time at all it barks at once.
        #expect(watchdog(0, 0, domain) == .value(1))
        #expect(expired())
    }
}
