// SPDX-License-Identifier: Apache-2.0

/// What guests ask of the hypervisor: one file per hypercall, each operation decode, check, commit.
///
/// A handler gets a `Call` and returns an `Outcome` or throws the error number that the guest gets. Handlers copy every
/// structure in once, and write nothing before the last check has passed. Nothing here names an ISA: 32- and 64-bit
/// callers differ in the `CallerABI` that decoders are given.

public import Base
public import Containers
public import Domains
import Machine
public import XenABI

/// One hypercall on its way through: who asks, for what, on which machine. `Caller` is how the guest lays out its
/// structures, which may change between two of its calls.
public struct Call<P: Platform, Caller: CallerABI>: Sendable {
    public let platform: P
    public let vcpu: Ref<VCPU<P>>
    /// Argument registers, up to the five that any hypercall uses.
    public let arguments: InlineArray<5, UInt64>

    public init(platform: P, vcpu: Ref<VCPU<P>>, arguments: InlineArray<5, UInt64>) {
        self.platform = platform
        self.vcpu = vcpu
        self.arguments = arguments
    }

    /// The caller's domain.
    @inlinable @inline(__always) public var domain: Ref<Domain<P>> { vcpu.pointee.domain }

    /// An argument that is an `unsigned int` or `int`: its upper half is not looked at.
    @inlinable @inline(__always) public func word(_ index: Int) -> UInt32 { UInt32(truncatingIfNeeded: arguments[index]) }

    /// An argument that is a guest handle.
    @inlinable @inline(__always) public func handle(_ index: Int) -> GuestVirtualAddress { Address(arguments[index]) }

    /// The domain that an operation names: the caller for DOMID_SELF, another only for who may. Throws `.esrch`, `.eperm`.
    public func target(_ id: UInt16) throws(XenError) -> Ref<Domain<P>> {
        if id == ReservedDomain.caller || DomainID(id) == domain.pointee.id { return domain }
        guard let target = platform.domain(DomainID(id)) else { throw .esrch }
        guard domain.pointee.isPrivileged else { throw .eperm }
        return target
    }
}

/// What a hypercall comes to.
public enum Outcome: Equatable, Sendable {
    /// The result register gets this.
    case value(Int64)
    /// Not done yet: the guest makes the call again with this first argument. Interrupts are looked at in between.
    case again(first: UInt64)
    /// As above, and with these second and third arguments: the rest of a list.
    case againWithRest(first: UInt64, second: UInt64, third: UInt64)
    /// Result 0; the vCPU waits for an event.
    case block
    /// Result 0; the vCPU waits while its poll goes on (`EventChannels.isPolling`), until this time at the latest.
    case poll(until: SystemTime)
    /// Result 0; the other vCPUs go first.
    case yield
    /// The domain has shut down for this reason; its vCPUs do not run again.
    case shutdown(ShutdownReason)

    @inlinable public static var success: Outcome { .value(0) }
}

extension Call {
    /// Runs hypercall `number`. A domain that touched memory in it that there is none for is at its end.
    public func perform(_ number: UInt32) -> Outcome {
        let outcome = result(number)
        // Where there is none of that memory this costs nothing.
        guard platform.memoryFeatures.contains(.populateOnDemand), domain.pointee.isOutOfMemory else { return outcome }
        return .shutdown(.crash)
    }

    @inline(__always) private func result(_ number: UInt32) -> Outcome {
        do throws(XenError) {
            return try dispatch(number)
        } catch {
            return .value(Int64(error.returnValue))
        }
    }

    @inline(__always) private func dispatch(_ number: UInt32) throws(XenError) -> Outcome {
        guard let hypercall = Hypercall(rawValue: number) else { throw .enosys }
        switch hypercall {
        case .xenVersion: return try xenVersion()
        case .eventChannelOp: return try eventChannelOp()
        case .grantTableOp: return try grantTableOp()
        case .schedOp: return try schedOp()
        case .memoryOp: return try memoryOp()
        case .consoleIO: return try consoleIO()
        case .vcpuOp: return try vcpuOp()
        case .hvmOp: return try hvmOp()
        case .physdevOp: return try physdevOp()
        case .platformOp: return try platformOp()
        case .domctl: return try domctl()
        case .vmAssist: return try vmAssist()
        case .multicall: return try multicall()
        default: throw .enosys
        }
    }
}
