// SPDX-License-Identifier: Apache-2.0

import Base

/// The names of Xen 4.17's command-line options (docs/misc/xen-command-line.pandoc, and those that it forgets). A word with
/// another name is unknown; docs/command-line.md says of each known one what it does here.
public enum KnownOptions {
    /// Whether Xen for x86, or for ARM, has an option of that name. A name that ends in `[` stands for all with an index.
    public static func contains(_ key: Span<UInt8>, isX86: Bool) -> Bool {
        let name = key.slice(from: 0, count: key.firstIndex(of: UInt8(ascii: "[")).map { $0 + 1 } ?? key.count)
        return has(name, common) || has(name, isX86 ? x86 : arm)
    }

    private static func has(_ name: Span<UInt8>, _ list: StaticString) -> Bool {
        var rest = OptionText(list.bytes)
        repeat {
            if rest.piece(" ").equals(name) { return !name.isEmpty }
        } while rest.skip(" ")
        return false
    }

    static var common: StaticString {
        """
        acpi acpi_apic_instance argo ats badpage bootscrub bootscrub_chunk com1 com2 conring_size console console_timestamps \
        console_to_ring conswitch core_parking cpufreq crash-debug-debugkey crash-debug-hwdom crash-debug-kexeccmd \
        crash-debug-panic crash-debug-watchdog crashinfo_maxaddr crashkernel credit2_balance_over credit2_balance_under \
        credit2_cap_period_ms credit2_load_precision_shift credit2_load_window_shift credit2_runqueue debug_stack_lines \
        debugtrace dit dma_bits dom0-iommu dom0_max_vcpus dom0_mem dom0_vcpus_pin efi extra_guest_irqs flask gdb gnttab \
        gnttab_max_frames gnttab_max_maptrack_frames guest_loglvl hardware_dom hest_disable iommu iommu_dev_iotlb_timeout loglvl \
        low_crashinfo low_mem_virq_limit maxcpus memop-max-order noreboot pci pci-phantom rcu-idle-timer-period-ms sched \
        sched-gran sched_credit2_max_cpus_runqueue sched_credit2_migrate_resist sched_credit_tslice_ms sched_ratelimit_us \
        sched_smt_power_savings scrub-domheap serial_tx_buffer spec-ctrl sync_console tbuf_size tevt_mask tickle_one_idle_cpu \
        timer_slop vcpu_migration_delay xsm
        """
    }

    static var arm: StaticString {
        "dtuart ext_regions hmp-unsafe max_lpi_bits pci-passthrough serrors vwfi xenheap_megabytes"
    }

    static var x86: StaticString {
        """
        acpi_pstate_strict acpi_skip_timer_override acpi_sleep allow_unsafe altp2m apic apic_verbosity apicv arat asid \
        async-show-all availmem cet clocksource cmci-threshold cmos-rtc-probe cpu_type cpuid cpuid_mask_cpu cpuid_mask_ecx \
        cpuid_mask_edx cpuid_mask_ext_ecx cpuid_mask_ext_edx cpuid_mask_l7s0_eax cpuid_mask_l7s0_ebx cpuid_mask_thermal_ecx \
        cpuid_mask_xsave_eax cpuidle cpuinfo dbgp dom0 dom0-cpuid dom0_ioports_disable dom0_nodes e820-mtrr-clip e820-verbose \
        edd edid ept font force-ept global-pages hap hap_1gb hap_2mb highmem-start hpet hpetbroadcast hvm_debug hvm_fep \
        hvm_port80 idle_latency_factor invpcid ioapic_ack iommu_inclusive_mapping irq-max-guests irq_ratelimit irq_vector_map \
        ivmd ivrs_hpet[ ivrs_ioapic[ lapic lapic_timer_c2_ok ler max_cstate max_gsi_irqs mce mce_fb mce_verbosity mem mmcfg \
        mmio-relax msi mtrr.show mwait-idle nmi noapic noirqbalance nolapic nosmp nr_irqs numa pcid pku placeholder ple_gap \
        ple_window preferred-cstates psr pv pv-l1tf pv-linear-pt pv-shim real-mode reboot rmrr ro-hpet shim_mem smap smep smt \
        snb_igd_quirk tboot tdt tsc tsx ucode unrestricted_guest vesa-ram vga viridian-spinlock-retry-count viridian-version \
        vm-notify-window vpid vpmu watchdog watchdog_timeout x2apic x2apic-mode x2apic_phys xpti xsave
        """
    }
}
