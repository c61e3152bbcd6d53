// SPDX-License-Identifier: Apache-2.0

/// Whose branches a processor has learned from. Before another's code runs there it has to forget them, so that nobody steers what
/// the other's code does ahead of time (IBPB; Xen: ctxt_switch_to, opt_ibpb_ctxt_switch).
public struct PredictionOwner: BitwiseCopyable, Sendable {
    /// Domain and vCPU; nil: it may be anybody's.
    private var owner: UInt64?

    public init() {}

    /// Whether the processor must forget before this vCPU runs, which is the owner from then on. The same one again needs nothing,
    /// whatever the processor did for the hypervisor meanwhile.
    public mutating func mustForget(domain: UInt16, vcpu: UInt32) -> Bool {
        let next = UInt64(domain) << 32 | UInt64(vcpu)
        defer { owner = next }
        return owner != next
    }

    /// The owner may be gone, and its number another's; or it goes to another processor. What its kernel has that one forget is still
    /// known here: should it come back with nobody in between, it has to be forgotten all the same (XSA-479).
    public mutating func isUnknown() { owner = nil }
}
