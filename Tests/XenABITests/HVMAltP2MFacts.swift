// SPDX-License-Identifier: Apache-2.0

import XenABI

// hvm/hvm_op.h: HVMOP_altp2m.

extension Facts {
    mutating func addAltP2M<C: CallerABI>(_ type: C.Type) {
        addAltP2MNumbers()
        addAltP2MStructures()
        addAltP2MCallerStructures(C.self)
    }

    private mutating func addAltP2MNumbers() {
        cases(
            "HVMOP_altp2m_",
            [
                "get_domain_state": .getDomainState, "set_domain_state": .setDomainState,
                "vcpu_enable_notify": .vcpuEnableNotify, "create_p2m": .createP2m, "destroy_p2m": .destroyP2m,
                "switch_p2m": .switchP2m, "set_mem_access": .setMemAccess, "change_gfn": .changeGfn,
                "set_mem_access_multi": .setMemAccessMulti, "set_suppress_ve": .setSuppressVe,
                "get_suppress_ve": .getSuppressVe, "get_mem_access": .getMemAccess,
                "vcpu_disable_notify": .vcpuDisableNotify, "get_p2m_idx": .getP2mIdx,
                "set_suppress_ve_multi": .setSuppressVeMulti, "set_visibility": .setVisibility,
            ] as KeyValuePairs<String, AltP2MOp>)
        cases(
            "XEN_ALTP2M_",
            ["disabled": .disabled, "mixed": .mixed, "external": .external, "limited": .limited]
                as KeyValuePairs<String, AltP2MMode>)
        add("HVMOP_ALTP2M_INTERFACE_VERSION", AltP2MArgument.interfaceVersion, "AltP2MArgument.interfaceVersion")
    }

    private mutating func addAltP2MStructures() {
        structure(
            "struct xen_hvm_altp2m_op", AltP2MArgument.self,
            ["version": \.version, "cmd": \.cmd, "domain": \.domain, "pad1": \.pad1, "pad2": \.pad2, "u": \.payload])
        structure("struct xen_hvm_altp2m_domain_state", AltP2MDomainState.self, ["state": \.state])
        structure(
            "struct xen_hvm_altp2m_vcpu_enable_notify", AltP2MVcpuEnableNotify.self,
            ["vcpu_id": \.vcpuId, "pad": \.pad, "gfn": \.gfn])
        structure("struct xen_hvm_altp2m_vcpu_disable_notify", AltP2MVcpuDisableNotify.self, ["vcpu_id": \.vcpuId])
        structure(
            "struct xen_hvm_altp2m_view", AltP2MView.self, ["view": \.view, "hvmmem_default_access": \.hvmmemDefaultAccess])
        structure(
            "struct xen_hvm_altp2m_mem_access", AltP2MMemAccess.self,
            ["view": \.view, "access": \.access, "pad": \.pad, "gfn": \.gfn])
        structure(
            "struct xen_hvm_altp2m_change_gfn", AltP2MChangeGfn.self,
            ["view": \.view, "pad1": \.pad1, "pad2": \.pad2, "old_gfn": \.oldGfn, "new_gfn": \.newGfn])
        structure(
            "struct xen_hvm_altp2m_get_vcpu_p2m_idx", AltP2MGetVcpuP2mIdx.self,
            ["vcpu_id": \.vcpuId, "altp2m_idx": \.altp2mIdx])
        structure(
            "struct xen_hvm_altp2m_set_visibility", AltP2MSetVisibility.self,
            ["altp2m_idx": \.altp2mIdx, "visible": \.visible, "pad": \.pad])
        structure(
            "struct xen_hvm_altp2m_suppress_ve", AltP2MSuppressVe.self,
            ["view": \.view, "suppress_ve": \.suppressVe, "pad1": \.pad1, "pad2": \.pad2, "gfn": \.gfn])
        structure(
            "struct xen_hvm_altp2m_suppress_ve_multi", AltP2MSuppressVeMulti.self,
            [
                "view": \.view, "suppress_ve": \.suppressVe, "pad1": \.pad1, "first_error": \.firstError,
                "first_gfn": \.firstGfn, "last_gfn": \.lastGfn, "first_error_gfn": \.firstErrorGfn,
            ])
    }

    private mutating func addAltP2MCallerStructures<C: CallerABI>(_ type: C.Type) {
        structure(
            "struct xen_hvm_altp2m_set_mem_access_multi", AltP2MSetMemAccessMulti<C>.self,
            [
                "view": \.view, "pad": \.pad, "nr": \.nr, "opaque": \.opaque, "pfn_list": \.pfnList,
                "access_list": \.accessList,
            ])
    }
}
