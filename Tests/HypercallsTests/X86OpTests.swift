// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Machine
import Sync
import Testing
import Timekeeping
import XenABI

@testable import Hypercalls

/// Operations that only x86 has.
@Suite struct X86OpTests {
    let host = FakeHost()

    private func start() throws -> FakeDomain {
        host.isX86 = true
        return try FakeDomain(0, host: host, privileged: true)
    }

    private func next(_ domain: FakeDomain, _ vcpu: Int) -> SystemTime {
        domain.vcpus[vcpu].pointee.timers.withLock { timers in timers.next }
    }

    private func vcpuOp<Value: BitwiseCopyable>(
        _ domain: FakeDomain, _ operation: VCPUOp, _ vcpu: UInt64, _ argument: Value
    ) -> Outcome {
        domain.write(argument, at: domain.scratch)
        return domain.call(.vcpuOp, UInt64(operation.rawValue), vcpu, domain.scratch.rawValue)
    }

    /// Shows: VCPUOP_set_singleshot_timer, VCPUOP_stop_singleshot_timer
    @Test func singleshotTimer() throws {
        let domain = try start()
        host.time = SystemTime(nanoseconds: 1000)
        var argument = VCPUSetSingleshotTimer<Caller64>()
        argument.timeout = 5000
        #expect(vcpuOp(domain, .setSingleshotTimer, 0, argument) == .success)
        #expect(next(domain, 0) == SystemTime(nanoseconds: 5000))
        #expect(host.timerChanges == 1)
        #expect(vcpuOp(domain, .setSingleshotTimer, 1, argument) == .error(.einval), "not another's")
        #expect(vcpuOp(domain, .stopSingleshotTimer, 1, argument) == .error(.einval))
        #expect(vcpuOp(domain, .setSingleshotTimer, 9, argument) == .error(.enoent))
        #expect(vcpuOp(domain, .stopSingleshotTimer, 0, argument) == .success)
        #expect(next(domain, 0) == .never)
        argument.timeout = 500
        argument.flags = VCPUSetSingleshotTimer<Caller64>.future
        #expect(vcpuOp(domain, .setSingleshotTimer, 0, argument) == .success, "past, which the flag says is an error, in vain")
        #expect(domain.call(.vcpuOp, UInt64(VCPUOp.setSingleshotTimer.rawValue), 0, 1 << 40) == .error(.efault))
    }

    /// A timer that is past raises its VIRQ at once; one that fires later does then.
    @Test func timersRaiseTheirInterrupt() throws {
        let domain = try start()
        var bind = EventBindVIRQ()
        bind.virq = VIRQ.timer.rawValue
        #expect(domain.event(.bindVIRQ, &bind) == .success)
        var unmask = EventPort()
        unmask.port = bind.port
        #expect(domain.event(.unmask, &unmask) == .success)
        host.time = SystemTime(nanoseconds: 1000)
        host.upcalls = []
        var argument = VCPUSetSingleshotTimer<Caller64>()
        argument.timeout = 10
        #expect(vcpuOp(domain, .setSingleshotTimer, 0, argument) == .success)
        let isPending = domain.ref.pointee.events.pointee.isUpcallPending(VCPUID(0))
        #expect(isPending)
    }

    /// Shows: VCPUOP_set_periodic_timer, VCPUOP_stop_periodic_timer
    @Test func periodicTimer() throws {
        let domain = try start()
        host.time = SystemTime(nanoseconds: 1000)
        var argument = VCPUSetPeriodicTimer()
        argument.period = 999_999
        #expect(vcpuOp(domain, .setPeriodicTimer, 0, argument) == .error(.einval))
        argument.period = 2_000_000
        #expect(vcpuOp(domain, .setPeriodicTimer, 1, argument) == .success)
        #expect(next(domain, 1) == SystemTime(nanoseconds: 2_001_000))
        #expect(vcpuOp(domain, .stopPeriodicTimer, 1, argument) == .success)
        #expect(next(domain, 1) == .never)
    }

    /// Shows: VCPUOP_is_up, VCPUOP_get_runstate_info
    @Test func stateOfOthers() throws {
        let domain = try start()
        #expect(vcpuOp(domain, .isUp, 0, 0 as UInt64) == .value(1))
        #expect(vcpuOp(domain, .isUp, 1, 0 as UInt64) == .value(0))
        host.time = SystemTime(nanoseconds: 9000)
        #expect(vcpuOp(domain, .getRunstateInfo, 1, RunstateInfo<Caller64>()) == .success)
        let told: RunstateInfo<Caller64> = domain.read(at: domain.scratch)
        #expect(told.state == Runstate.offline.rawValue)
        #expect(told.time[3] == 9000)
        #expect(vcpuOp(domain, .registerVCPUTimeMemoryArea, 1, 0 as UInt64) == .error(.enosys))
        #expect(domain.call(.vcpuOp, 77, 0, 0) == .error(.enosys))
    }

    /// The time that stands in vcpu_info is written again where it goes.
    @Test func vcpuInfoTakesItsTimeAlong() throws {
        let domain = try start()
        var info = VCPURegisterInfo()
        info.gfn = 0x105
        #expect(vcpuOp(domain, .registerVCPUInfo, 1, info) == .success)
        #expect(host.infoMoves == [VCPUID(1)])
    }

    /// Shows: VCPUOP_initialise, VCPUOP_up, VCPUOP_down
    @Test func startAndStop() throws {
        let domain = try start()
        let first = domain.vcpus[0]
        let second = domain.vcpus[1]
        #expect(vcpuOp(domain, .up, 1, 0 as UInt64) == .error(.einval), "not set up yet")
        #expect(domain.call(.vcpuOp, UInt64(VCPUOp.initialise.rawValue), 1, 1 << 40) == .error(.efault))
        var context = VCPUHVMContext()
        context.words[9] = 0x1234
        #expect(vcpuOp(domain, .initialise, 1, context) == .success)
        #expect(host.contexts[VCPUID(1)]?.words[9] == 0x1234)
        #expect(vcpuOp(domain, .initialise, 1, context) == .error(.eexist))
        #expect(vcpuOp(domain, .initialise, 7, context) == .error(.enoent))
        func isUp(_ vcpu: Ref<VCPU<FakePlatform>>) -> Bool { vcpu.pointee.isUp.load(ordering: .relaxed) }
        #expect(!isUp(second))
        #expect(vcpuOp(domain, .up, 1, 0 as UInt64) == .success)
        #expect(isUp(second))
        #expect(vcpuOp(domain, .down, 0, 0 as UInt64) == .success)
        #expect(!isUp(first))
        #expect(vcpuOp(domain, .down, 1, 0 as UInt64) == .shutdown(.powerOff), "the last one")
    }

    /// Shows: VCPUOP_send_nmi
    @Test func sendNMI() throws {
        let domain = try start()
        #expect(vcpuOp(domain, .sendNMI, 1, 0 as UInt64) == .success)
        #expect(host.interruptedByNMI == [VCPUID(1)])
    }

    /// An ISA's guests may not ask for all of them, whatever is in them.
    @Test func grantOperationsOfTheISA() throws {
        let domain = try start()
        host.grantOperations = 1 << UInt64(GrantTableOp.querySize.rawValue)
        #expect(domain.call(.grantTableOp, UInt64(GrantTableOp.querySize.rawValue), 1 << 40, 1) == .error(.efault))
        #expect(domain.call(.grantTableOp, UInt64(GrantTableOp.transfer.rawValue), 1 << 40, 1 << 31) == .error(.enosys))
        #expect(domain.call(.grantTableOp, 1 << 12, 0, 0) == .error(.enosys))
    }

    /// Shows: HVMOP_set_evtchn_upcall_vector
    @Test func upcallVector() throws {
        let domain = try start()
        var argument = HVMEvtchnUpcallVector()
        argument.vector = 0xf3
        argument.vcpu = 1
        #expect(domain.operate(.hvmOp, HVMOp.setEvtchnUpcallVector.rawValue, &argument) == .success)
        #expect(host.upcallVectors == [VCPUID(1): 0xf3])
        argument.vector = 15
        #expect(domain.operate(.hvmOp, HVMOp.setEvtchnUpcallVector.rawValue, &argument) == .error(.einval))
        argument.vcpu = 8
        #expect(
            domain.operate(.hvmOp, HVMOp.setEvtchnUpcallVector.rawValue, &argument) == .error(.einval), "the vector first")
        argument.vector = 16
        #expect(domain.operate(.hvmOp, HVMOp.setEvtchnUpcallVector.rawValue, &argument) == .error(.enoent))
        host.isX86 = false
        argument.vcpu = 0
        #expect(domain.operate(.hvmOp, HVMOp.setEvtchnUpcallVector.rawValue, &argument) == .error(.enosys))
    }

    /// Shows: PHYSDEVOP_pci_mmcfg_reserved
    @Test func configurationSpace() throws {
        let domain = try start()
        var region = PhysdevPCIMMCFGReserved()
        region.address = 0xb000_0000
        region.flags = 1
        #expect(domain.operate(.physdevOp, PhysdevOp.pciMMCFGReserved.rawValue, &region) == .success)
        region.flags = 2
        #expect(domain.operate(.physdevOp, PhysdevOp.pciMMCFGReserved.rawValue, &region) == .error(.einval))
        region.flags = 1
        region.address = 0xc000_0000
        #expect(domain.operate(.physdevOp, PhysdevOp.pciMMCFGReserved.rawValue, &region) == .error(.eio))
    }

    /// Shows: PHYSDEVOP_pci_device_add, PHYSDEVOP_pci_device_remove, PHYSDEVOP_dbgp_op
    @Test func notesOfDevices() throws {
        let domain = try start()
        var added = PhysdevPCIDeviceAdd()
        (added.segment, added.bus, added.devfn) = (1, 2, 3)
        #expect(domain.operate(.physdevOp, PhysdevOp.pciDeviceAdd.rawValue, &added) == .success)
        #expect(host.devices == [0x1_0203])
        var removed = PhysdevPCIDevice()
        (removed.segment, removed.bus, removed.devfn) = (1, 2, 3)
        #expect(domain.operate(.physdevOp, PhysdevOp.pciDeviceRemove.rawValue, &removed) == .success)
        #expect(domain.operate(.physdevOp, PhysdevOp.pciDeviceRemove.rawValue, &removed) == .error(.enodev))
        var port = PhysdevDebugPort()
        #expect(domain.operate(.physdevOp, PhysdevOp.dbgpOp.rawValue, &port) == .success)
        for operation in [PhysdevOp.pciMMCFGReserved, .pciDeviceAdd, .pciDeviceRemove, .dbgpOp] {
            #expect(domain.call(.physdevOp, UInt64(operation.rawValue), 1 << 40) == .error(.efault))
        }
        #expect(domain.call(.physdevOp, UInt64(PhysdevOp.mapPIRQ.rawValue), domain.scratch.rawValue) == .error(.enosys))
        let other = try FakeDomain(5, host: host)
        #expect(other.call(.physdevOp, UInt64(PhysdevOp.pciDeviceAdd.rawValue), 0) == .error(.enosys))
    }
}
