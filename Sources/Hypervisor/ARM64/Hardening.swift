// SPDX-License-Identifier: Apache-2.0

import ARM
import ArchARM64
import Base
import Firmware
import Machine
import Sync
import Synchronization

/// What the calling processor needs against its predictions and its faults, before a guest runs there.
func hardenCPU(_ pcpu: PCPU) {
    let midr = read_midr_el1()
    let errata = ProcessorErrata(midr: midr)
    let known = ProcessorErrata(rawValue: root.state.errata.bitwiseOr(errata.rawValue, ordering: .relaxed).oldValue)
    if errata.contains(.hangsByGuests), !known.contains(.hangsByGuests) {
        log.warning("**** Guests without CPU erratum workarounds can deadlock the system! ****")
        log.warning("**** Only trusted guests should be used.                             ****")
    }
    let features = PredictionFeatures(
        midr: midr, pfr0: read_id_aa64pfr0_el1(), mmfr1: read_id_aa64mmfr1_el1(), isar2: read_id_aa64isar2_el1())
    let hasFirmware = hasWorkarounds()
    func ask(_ function: UInt32) -> WorkaroundAnswer {
        hasFirmware ? WorkaroundAnswer(smc(SMCCC.architectureFeatures, UInt64(function))) : .missing
    }
    let hardening = BranchHardening(features, workaround1: ask(SMCCC.workaround1), workaround3: ask(SMCCC.workaround3))
    let answer = ask(SMCCC.workaround2)
    let bypass = StoreBypass(wantedBypass, answer)
    if let setting = bypass.setting(answer) { _ = smc(SMCCC.workaround2, setting) }
    // Processors start one after the other.
    var told = guestWorkarounds
    told.add(hardening, bypass)
    root.state.workarounds.store(told.rawValue, ordering: .relaxed)
    report(hardening, pcpu)
    write_tpidr_el2(hardening.word)
    let isHardened = hardening.word != 0 || bypass == .runtime
    write_vbar_el2(arm64_vector_table(isHardened ? 1 : 0))
    arm64_isb()
}

/// What guests are told of the firmware's workarounds.
var guestWorkarounds: GuestWorkarounds { GuestWorkarounds(rawValue: root.state.workarounds.load(ordering: .relaxed)) }

/// One of the processors has this fault.
@inline(__always) func has(_ errata: ProcessorErrata) -> Bool {
    root.state.errata.load(ordering: .relaxed) & errata.rawValue != 0
}

/// PAR_EL1, after an AT instruction or as the guest has it.
@inline(__always) func readTranslation() -> UInt64 {
    guard has(.translationResult) else { return read_par_el1() }
    arm64_dmb_sy()
    let value = read_par_el1()
    arm64_dmb_sy()
    return value
}

private var wantedBypass: StoreBypass {
    switch root.options.value.words.storeBypass {
    case .forceDisable: .forceDisabled
    case .runtime: .runtime
    case .forceEnable: .forceEnabled
    }
}

/// SMCCC 1.1 and later, of which PSCI 1.0 and later tells (ARM DEN 0028E, 7.2).
private func hasWorkarounds() -> Bool {
    guard root.state.canPowerOff.load(ordering: .relaxed), PSCI.call(PSCI.version) >= 0x1_0000,
        Int32(truncatingIfNeeded: PSCI.call(PSCI.features, UInt64(SMCCC.version))) >= 0
    else { return false }
    return Int32(truncatingIfNeeded: smc(SMCCC.version)) >= Int32(SMCCC.version11)
}

private func smc(_ function: UInt32, _ argument: UInt64 = 0) -> UInt64 { arm64_smc(UInt64(function), argument, 0, 0).a0 }

private func report(_ hardening: BranchHardening, _ pcpu: PCPU) {
    switch hardening {
    case .none: break
    case .clear: log.info("CPU\(pcpu.rawValue) will use clearBHB instruction on exception entry")
    case .loop(let count): log.info("CPU\(pcpu.rawValue) will use \(UInt64(count)) loops workaround on exception entry")
    case .firmware(SMCCC.workaround3):
        log.info("CPU\(pcpu.rawValue) will call ARM_SMCCC_ARCH_WORKAROUND_3 on exception entry")
    case .firmware: log.info("CPU\(pcpu.rawValue) will call ARM_SMCCC_ARCH_WORKAROUND_1 on exception entry")
    case .missing where pcpu.rawValue == 0:
        log.warning("**** No support for ARM_SMCCC_ARCH_WORKAROUND_1 or 3. ****")
        log.warning("**** Please update your firmware.                     ****")
    case .missing: break
    }
}
