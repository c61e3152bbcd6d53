// SPDX-License-Identifier: Apache-2.0

public import Base

/// What the virtual GIC needs of the pCPU that works on it: the list registers of the virtual interface, and somebody
/// who acts on news for other vCPUs. On the metal an empty struct; in tests an object with a trace.
///
/// No call is made with anything locked. `kick` may come for the vCPU that runs here: then there is nothing to do, as
/// `enter` comes before the guest runs again.
public protocol VirtualGICHost {
    associatedtype Format: ListRegisterFormat

    /// List registers that the hardware has: 1 to 16 (ICH_VTR_EL2.ListRegs + 1, GICH_VTR).
    var listRegisterCount: Int { get }
    /// A bit for each list register that holds no interrupt (ICH_ELRSR_EL2, GICH_ELRSR). Other bits are ignored.
    ///
    /// Must show what `setListRegister` wrote before: on a GICv3 that takes an ISB between the write of ICH_LRn_EL2 and
    /// the read of ICH_ELRSR_EL2, unless the guest ran in between (ARM DDI 0487, D19.1.2). Where `enter` may come twice
    /// without the guest running in between, the conformer puts the ISB here.
    var emptyListRegisters: UInt32 { get }
    /// ICH_LR`index`_EL2 or GICH_LR`index`.
    func listRegister(_ index: Int) -> UInt64
    func setListRegister(_ index: Int, _ value: UInt64)
    /// The underflow interrupt (UIE of ICH_HCR_EL2 or GICH_HCR): a maintenance interrupt when at most one list register
    /// is in use.
    func setUnderflowInterrupt(_ isOn: Bool)

    /// There is news for a vCPU: have its pCPU leave the guest, or wake the vCPU.
    func kick(_ vcpu: VCPUID)
    /// The guest enabled, disabled, configured or retargeted an interrupt that is mapped to a physical one: look at
    /// `mapping(of:vcpu:)` and make the physical one follow, under the physical controller's lock. What to do is not in
    /// the call, because two vCPUs may change one interrupt at the same time: the last look counts.
    func mappingChanged(_ interrupt: UInt32, vcpu: VCPUID)
    /// A physical interrupt, active on behalf of the guest, that the guest gave up without an end-of-interrupt
    /// (ICC_DIR_EL1, GICC_DIR).
    func deactivate(physical: UInt32)
    /// The guest sets or clears the pending state of a mapped interrupt that is not in flight.
    func setPending(physical: UInt32, _ isPending: Bool)
}
