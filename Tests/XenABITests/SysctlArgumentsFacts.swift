// SPDX-License-Identifier: Apache-2.0

import XenABI

extension Facts {
    mutating func addSysctlArguments() {
        structure(
            "struct xen_sysctl_readconsole", SysctlReadconsole.self,
            [
                "clear": \.clear, "incremental": \.incremental, "pad0": \.pad0, "pad1": \.pad1, "index": \.index,
                "buffer": \.buffer, "count": \.count,
            ])
        structure(
            "struct xen_sysctl_tbuf_op", SysctlTbufOp.self,
            ["cmd": \.cmd, "cpu_mask": \.cpuMask, "evt_mask": \.evtMask, "buffer_mfn": \.bufferMfn, "size": \.size])
        structure(
            "struct xen_sysctl_physinfo", SysctlPhysinfo.self,
            [
                "threads_per_core": \.threadsPerCore, "cores_per_socket": \.coresPerSocket, "nr_cpus": \.nrCpus,
                "max_cpu_id": \.maxCpuId, "nr_nodes": \.nrNodes, "max_node_id": \.maxNodeId, "cpu_khz": \.cpuKhz,
                "capabilities": \.capabilities, "arch_capabilities": \.archCapabilities, "pad": \.pad,
                "total_pages": \.totalPages, "free_pages": \.freePages, "scrub_pages": \.scrubPages,
                "outstanding_pages": \.outstandingPages, "max_mfn": \.maxMfn, "hw_cap": \.hwCap,
            ])
        structure("struct xen_sysctl_sched_id", SysctlSchedId.self, ["sched_id": \.schedId])
        structure("struct xen_sysctl_perfc_desc", SysctlPerfcDesc.self, ["name": \.name, "nr_vals": \.nrVals])
        structure(
            "struct xen_sysctl_perfc_op", SysctlPerfcOp.self,
            ["cmd": \.cmd, "nr_counters": \.nrCounters, "nr_vals": \.nrVals, "desc": \.desc, "val": \.val])
        structure(
            "struct xen_sysctl_getdomaininfolist", SysctlGetdomaininfolist.self,
            ["first_domain": \.firstDomain, "max_domains": \.maxDomains, "buffer": \.buffer, "num_domains": \.numDomains])
        structure("struct xen_sysctl_debug_keys", SysctlDebugKeys.self, ["keys": \.keys, "nr_keys": \.nrKeys])
        structure("struct xen_sysctl_cpuinfo", SysctlCpuinfo.self, ["idletime": \.idletime])
        structure(
            "struct xen_sysctl_getcpuinfo", SysctlGetcpuinfo.self,
            ["max_cpus": \.maxCpus, "info": \.info, "nr_cpus": \.nrCpus])
        structure(
            "struct xen_sysctl_availheap", SysctlAvailheap.self,
            ["min_bitwidth": \.minBitwidth, "max_bitwidth": \.maxBitwidth, "node": \.node, "avail_bytes": \.availBytes])
        structure("struct xen_sysctl_cpu_hotplug", SysctlCpuHotplug.self, ["cpu": \.cpu, "op": \.op])
        structure(
            "struct xen_sysctl_lockprof_data", SysctlLockprofData.self,
            [
                "name": \.name, "type": \.type, "idx": \.idx, "lock_cnt": \.lockCnt, "block_cnt": \.blockCnt,
                "lock_time": \.lockTime, "block_time": \.blockTime,
            ])
        structure(
            "struct xen_sysctl_lockprof_op", SysctlLockprofOp.self,
            ["cmd": \.cmd, "max_elem": \.maxElem, "nr_elem": \.nrElem, "time": \.time, "data": \.data])
        structure("struct xen_sysctl_cputopo", SysctlCputopo.self, ["core": \.core, "socket": \.socket, "node": \.node])
        structure("struct xen_sysctl_cputopoinfo", SysctlCputopoinfo.self, ["num_cpus": \.numCpus, "cputopo": \.cputopo])
        structure("struct xen_sysctl_meminfo", SysctlMeminfo.self, ["memsize": \.memsize, "memfree": \.memfree])
        structure(
            "struct xen_sysctl_numainfo", SysctlNumainfo.self,
            ["num_nodes": \.numNodes, "meminfo": \.meminfo, "distance": \.distance])
        structure(
            "struct xen_sysctl_cpupool_op", SysctlCpupoolOp.self,
            [
                "op": \.op, "cpupool_id": \.cpupoolId, "sched_id": \.schedId, "domid": \.domid, "cpu": \.cpu,
                "n_dom": \.nDom, "cpumap": \.cpumap,
            ])
        structure(
            "struct xen_sysctl_credit_schedule", SysctlCreditSchedule.self,
            ["tslice_ms": \.tsliceMs, "ratelimit_us": \.ratelimitUs, "vcpu_migr_delay_us": \.vcpuMigrDelayUs])
        structure("struct xen_sysctl_credit2_schedule", SysctlCredit2Schedule.self, ["ratelimit_us": \.ratelimitUs])
        structure("struct xen_sysctl_sched_arinc653", SysctlSchedArinc653.self, ["schedule": \.schedule])
        structure(
            "struct xen_sysctl_coverage_op", SysctlCoverageOp.self, ["cmd": \.cmd, "size": \.size, "buffer": \.buffer])
        structure(
            "struct xen_sysctl_pcitopoinfo", SysctlPcitopoinfo.self,
            ["num_devs": \.numDevs, "devs": \.devs, "nodes": \.nodes])
        structure("struct xen_sysctl_cpu_levelling_caps", SysctlCpuLevellingCaps.self, ["caps": \.caps])
        structure(
            "struct xen_sysctl_cpu_featureset", SysctlCpuFeatureset.self,
            ["index": \.index, "nr_features": \.nrFeatures, "features": \.features])
        structure(
            "struct xen_sysctl_livepatch_list", SysctlLivepatchList.self,
            [
                "version": \.version, "idx": \.idx, "nr": \.nr, "pad": \.pad, "name_total_size": \.nameTotalSize,
                "metadata_total_size": \.metadataTotalSize, "status": \.status, "name": \.name, "len": \.len,
                "metadata": \.metadata, "metadata_len": \.metadataLen,
            ])
    }
}
