// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Machine
import Memory
import XenABI

extension Call {
    /// Xen: __HYPERVISOR_multicall (multicall_entry_t *list, unsigned int count)
    ///
    /// Between two calls an interrupt may come in; the rest of the list is then made again. A call that is to be made again
    /// itself is first put into the list as it stands, as Xen does, so that it goes on from there.
    func multicall() throws(XenError) -> Outcome {
        let count = word(1)
        for index in 0..<count {
            if index > 0 && platform.shouldPreempt { return rest(from: index, of: count) }
            let address = entryAddress(index)
            var entry = try platform.guest.read(MulticallEntry<Caller>.self, at: address)
            let outcome = perform(entry)
            if outcome.isAgain {
                outcome.update(&entry)
                try platform.guest.write(entry, at: address)
                return rest(from: index, of: count)
            }
            try platform.guest.write(Caller.Word(lowBits: outcome.resultWord), at: address + resultOffset)
            if outcome.ends(isLast: index == count - 1) { return outcome }
        }
        return .success
    }

    private func entryAddress(_ index: UInt32) -> GuestVirtualAddress {
        handle(0) + UInt64(index) * UInt64(MemoryLayout<MulticallEntry<Caller>>.size)
    }
    private var resultOffset: UInt64 { UInt64(MemoryLayout<Caller.Word>.size) }

    private func rest(from index: UInt32, of count: UInt32) -> Outcome {
        .againWithRest(first: entryAddress(index).rawValue, second: UInt64(count - index), third: arguments[2])
    }

    private func perform(_ entry: MulticallEntry<Caller>) -> Outcome {
        // No batch in a batch.
        guard entry.operation.wide != UInt64(Hypercall.multicall.rawValue) else {
            return .value(Int64(XenError.einval.returnValue))
        }
        guard let number = UInt32(exactly: entry.operation.wide) else { return .value(Int64(XenError.enosys.returnValue)) }
        var arguments = InlineArray<5, UInt64>(repeating: 0)
        for index in 0..<5 { arguments[index] = entry.arguments[index].wide }
        return Call(platform: platform, vcpu: vcpu, arguments: arguments).perform(number)
    }
}

extension Outcome {
    var isAgain: Bool {
        switch self {
        case .again, .againWithRest: true
        default: false
        }
    }

    /// What the result register gets when the call is over.
    var resultWord: UInt64 {
        if case .value(let result) = self { UInt64(bitPattern: result) } else { 0 }
    }

    /// Whether the batch ends here, with this outcome. A wait in its midst ends at once instead: a vCPU may always be woken
    /// without a cause.
    func ends(isLast: Bool) -> Bool {
        switch self {
        case .shutdown: true
        case .block, .poll, .yield: isLast
        case .value, .again, .againWithRest: false
        }
    }

    /// Puts in the arguments of a call that is to be made again.
    func update<Caller: CallerABI>(_ entry: inout MulticallEntry<Caller>) {
        switch self {
        case .again(let first): entry.arguments[0] = Caller.Word(lowBits: first)
        case .againWithRest(let first, let second, let third):
            entry.arguments[0] = Caller.Word(lowBits: first)
            entry.arguments[1] = Caller.Word(lowBits: second)
            entry.arguments[2] = Caller.Word(lowBits: third)
        default: break
        }
    }
}
