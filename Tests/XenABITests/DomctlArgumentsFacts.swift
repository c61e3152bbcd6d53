// SPDX-License-Identifier: Apache-2.0

import XenABI

extension Facts {
    mutating func addDomctlArguments() {
        structure("struct xen_domctl_getpageframeinfo3", DomctlGetpageframeinfo3.self, ["num": \.num, "array": \.array])
        structure(
            "struct xen_domctl_shadow_op_stats", DomctlShadowOpStats.self,
            ["fault_count": \.faultCount, "dirty_count": \.dirtyCount])
        structure("struct xen_domctl_nodeaffinity", DomctlNodeaffinity.self, ["nodemap": \.nodemap])
        structure("struct xen_domctl_sched_credit", DomctlSchedCredit.self, ["weight": \.weight, "cap": \.cap])
        structure("struct xen_domctl_sched_credit2", DomctlSchedCredit2.self, ["weight": \.weight, "cap": \.cap])
        structure(
            "struct xen_domctl_sched_rtds", DomctlSchedRtds.self, ["period": \.period, "budget": \.budget, "flags": \.flags])
        structure("struct xen_domctl_setdebugging", DomctlSetdebugging.self, ["enable": \.enable])
        structure(
            "struct xen_domctl_irq_permission", DomctlIrqPermission.self,
            ["pirq": \.pirq, "allow_access": \.allowAccess, "pad": \.pad])
        structure(
            "struct xen_domctl_iomem_permission", DomctlIomemPermission.self,
            ["first_mfn": \.firstMfn, "nr_mfns": \.nrMfns, "allow_access": \.allowAccess])
        structure(
            "struct xen_domctl_ioport_permission", DomctlIoportPermission.self,
            ["first_port": \.firstPort, "nr_ports": \.nrPorts, "allow_access": \.allowAccess])
        structure("struct xen_domctl_hypercall_init", DomctlHypercallInit.self, ["gmfn": \.gmfn])
        structure("struct xen_domctl_settimeoffset", DomctlSettimeoffset.self, ["time_offset_seconds": \.timeOffsetSeconds])
        structure("struct xen_domctl_hvmcontext", DomctlHvmcontext.self, ["size": \.size, "buffer": \.buffer])
        structure("struct xen_domctl_sendtrigger", DomctlSendtrigger.self, ["trigger": \.trigger, "vcpu": \.vcpu])
        structure(
            "struct xen_domctl_get_device_group", DomctlGetDeviceGroup.self,
            ["machine_sbdf": \.machineSbdf, "max_sdevs": \.maxSdevs, "num_sdevs": \.numSdevs, "sdev_array": \.sdevArray])
        structure(
            "struct xen_domctl_memory_mapping", DomctlMemoryMapping.self,
            [
                "first_gfn": \.firstGfn, "first_mfn": \.firstMfn, "nr_mfns": \.nrMfns, "add_mapping": \.addMapping,
                "padding": \.padding,
            ])
        structure(
            "struct xen_domctl_ioport_mapping", DomctlIoportMapping.self,
            ["first_gport": \.firstGport, "first_mport": \.firstMport, "nr_ports": \.nrPorts, "add_mapping": \.addMapping])
        structure("struct xen_domctl_set_target", DomctlSetTarget.self, ["target": \.target])
        structure("struct xen_domctl_subscribe", DomctlSubscribe.self, ["port": \.port])
        structure("struct xen_domctl_debug_op", DomctlDebugOp.self, ["op": \.op, "vcpu": \.vcpu])
        structure(
            "struct xen_domctl_hvmcontext_partial", DomctlHvmcontextPartial.self,
            ["type": \.type, "instance": \.instance, "bufsz": \.bufsz, "buffer": \.buffer])
        structure(
            "struct xen_domctl_tsc_info", DomctlTscInfo.self,
            [
                "tsc_mode": \.tscMode, "gtsc_khz": \.gtscKhz, "incarnation": \.incarnation, "pad": \.pad,
                "elapsed_nsec": \.elapsedNsec,
            ])
        structure(
            "struct xen_domctl_gdbsx_memio", DomctlGdbsxMemio.self,
            ["pgd3val": \.pgd3val, "gva": \.gva, "uva": \.uva, "len": \.len, "gwr": \.gwr, "remain": \.remain])
        structure("struct xen_domctl_gdbsx_pauseunp_vcpu", DomctlGdbsxPauseunpVcpu.self, ["vcpu": \.vcpu])
        structure(
            "struct xen_domctl_gdbsx_domstatus", DomctlGdbsxDomstatus.self,
            ["paused": \.paused, "vcpu_id": \.vcpuId, "vcpu_ev": \.vcpuEv])
        structure(
            "struct xen_domctl_audit_p2m", DomctlAuditP2m.self,
            ["orphans": \.orphans, "m2p_bad": \.m2pBad, "p2m_bad": \.p2mBad])
        structure("struct xen_domctl_set_virq_handler", DomctlSetVirqHandler.self, ["virq": \.virq])
        structure(
            "struct xen_domctl_set_access_required", DomctlSetAccessRequired.self, ["access_required": \.accessRequired])
        structure("struct xen_domctl_set_broken_page_p2m", DomctlSetBrokenPageP2m.self, ["pfn": \.pfn])
        structure(
            "struct xen_domctl_vnuma", DomctlVnuma.self,
            [
                "nr_vnodes": \.nrVnodes, "nr_vmemranges": \.nrVmemranges, "nr_vcpus": \.nrVcpus, "pad": \.pad,
                "vdistance": \.vdistance, "vcpu_to_vnode": \.vcpuToVnode, "vnode_to_pnode": \.vnodeToPnode,
                "vmemrange": \.vmemrange,
            ])
        structure("struct xen_domctl_psr_cmt_op", DomctlPsrCmtOp.self, ["cmd": \.cmd, "data": \.data])
        structure("struct xen_domctl_psr_alloc", DomctlPsrAlloc.self, ["cmd": \.cmd, "target": \.target, "data": \.data])
        structure(
            "struct xen_domctl_vuart_op", DomctlVuartOp.self,
            ["cmd": \.cmd, "type": \.type, "gfn": \.gfn, "console_domid": \.consoleDomid, "pad": \.pad, "evtchn": \.evtchn])
        structure(
            "struct xen_domctl_vmtrace_op", DomctlVmtraceOp.self,
            ["cmd": \.cmd, "vcpu": \.vcpu, "key": \.key, "value": \.value])
    }
}
