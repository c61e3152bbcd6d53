// SPDX-License-Identifier: Apache-2.0

import Base

/// What `spec-ctrl=` on ARM wants of the protection against loads that overtake stores.
public enum StoreBypassWord: UInt8, Sendable {
    case forceDisable, runtime, forceEnable

    /// Reads a list of `ssbd=<state>`; what can be read counts, whatever stands beside it (Xen: parse_spec_ctrl).
    mutating func read(_ text: Span<UInt8>) throws(OptionError) {
        var rest = OptionText(text)
        var isGood = true
        repeat {
            let piece = rest.piece(",")
            if piece.equals("ssbd=force-disable") {
                self = .forceDisable
            } else if piece.equals("ssbd=runtime") {
                self = .runtime
            } else if piece.equals("ssbd=force-enable") {
                self = .forceEnable
            } else {
                isGood = false
            }
        } while rest.skip(",")
        guard isGood else { throw .invalid }
    }
}

/// What `spec-ctrl=` on x86 says (Xen 4.17: docs/misc/xen-command-line.pandoc). Nil: as the processor needs it.
public struct SpeculationWords: Equatable, Sendable {
    /// `msr-sc`: guests get SPEC_CTRL.
    public internal(set) var offersControl = true
    /// `rsb`: what returns go by is overwritten after each exit.
    public internal(set) var fillsReturns: Bool?
    /// `verw`, `md-clear`
    public internal(set) var clearsBuffers: Bool?
    /// `ibpb-entry`; and for dom0 too, which has to be asked for.
    public internal(set) var barrierOnExit: Bool?
    public internal(set) var barrierOnDom0Exit = false
    /// `ibpb`
    public internal(set) var barrierOnSwitch: Bool?
    public internal(set) var ibrs: Bool?
    public internal(set) var stibp: Bool?
    public internal(set) var ssbd = false
    public internal(set) var psfd: Bool?
    /// `div-scrub`
    public internal(set) var scrubsDivider: Bool?
    /// `bp-spec-reduce`
    public internal(set) var reducesPrediction = true

    public init() {}

    /// Reads the list; what can be read counts, whatever stands beside it (Xen: parse_spec_ctrl).
    mutating func read(_ text: Span<UInt8>) throws(OptionError) {
        var rest = OptionText(text)
        var isGood = true
        repeat {
            if !readOne(rest.piece(",")) { isGood = false }
        } while rest.skip(",")
        guard isGood else { throw .invalid }
    }

    private mutating func readOne(_ text: Span<UInt8>) -> Bool {
        // To ask for everything is not possible.
        if let isOn = OptionText.boolean(text) {
            if !isOn {
                offersControl = false
                disable()
            }
            return !isOn
        }
        if let isOn = OptionText.boolean(text, named: "xen") {
            if !isOn { disable() }
            return !isOn
        }
        return readGuests(text) || readOwn(text) || Self.isKnown(text)
    }

    /// What is done for the hypervisor's own sake; guests keep what they are offered.
    private mutating func disable() {
        let offers = offersControl
        self = Self()
        offersControl = offers
        fillsReturns = false
        (clearsBuffers, barrierOnExit, barrierOnSwitch, ibrs, scrubsDivider) = (false, false, false, false, false)
        reducesPrediction = false
    }

    /// Words with a form for each kind of guest. There are no PV guests.
    private mutating func readGuests(_ text: Span<UInt8>) -> Bool {
        if OptionText.boolean(text, named: "pv") != nil { return true }
        if let isOn = OptionText.boolean(text, named: "hvm") {
            (offersControl, fillsReturns, clearsBuffers, barrierOnExit) = (isOn, isOn, isOn, isOn)
        } else if let word = Self.guests(text, "msr-sc") {
            offersControl = word.hvm ?? offersControl
        } else if let word = Self.guests(text, "rsb") {
            fillsReturns = word.hvm ?? fillsReturns
        } else if let word = Self.guests(text, "verw") {
            clearsBuffers = word.hvm ?? clearsBuffers
        } else if let word = Self.guests(text, "md-clear") {
            clearsBuffers = word.hvm ?? clearsBuffers
        } else if let word = Self.guests(text, "ibpb-entry") {
            barrierOnExit = word.hvm ?? barrierOnExit
            barrierOnDom0Exit = word.all ?? barrierOnDom0Exit
        } else {
            return Self.guests(text, "bhb-entry") != nil
        }
        return true
    }

    /// `<name>` as a boolean, or `<name>=pv` or `hvm` as one: what it says of HVM guests, and of all. Nil for another name, or
    /// another value.
    private static func guests(_ text: Span<UInt8>, _ name: StaticString) -> (hvm: Bool?, all: Bool?)? {
        if let isOn = OptionText.boolean(text, named: name) { return (isOn, isOn) }
        let length = name.utf8CodeUnitCount
        guard text.hasPrefix(name), text.byte(at: length) == UInt8(ascii: "=") else { return nil }
        let part = text.slice(from: length + 1)
        if let isOn = OptionText.boolean(part, named: "hvm") { return (isOn, nil) }
        return OptionText.boolean(part, named: "pv") != nil ? (nil, nil) : nil
    }

    private mutating func readOwn(_ text: Span<UInt8>) -> Bool {
        if let isOn = OptionText.boolean(text, named: "ibrs") {
            ibrs = isOn
        } else if let isOn = OptionText.boolean(text, named: "stibp") {
            stibp = isOn
        } else if let isOn = OptionText.boolean(text, named: "ssbd") {
            ssbd = isOn
        } else if let isOn = OptionText.boolean(text, named: "psfd") {
            psfd = isOn
        } else if let isOn = OptionText.boolean(text, named: "ibpb") {
            barrierOnSwitch = isOn
        } else if let isOn = OptionText.boolean(text, named: "div-scrub") {
            scrubsDivider = isOn
        } else if let isOn = OptionText.boolean(text, named: "bp-spec-reduce") {
            reducesPrediction = isOn
        } else {
            return false
        }
        return true
    }

    /// Of Intel's processors, or of what a compiler puts into Xen: nothing here that could be turned on or off.
    private static func isKnown(_ text: Span<UInt8>) -> Bool {
        let values: InlineArray<7, StaticString> = [
            "bti-thunk=retpoline", "bti-thunk=lfence", "bti-thunk=jmp", "bhb-seq=none", "bhb-seq=tsx", "bhb-seq=short",
            "bhb-seq=long",
        ]
        for index in values.indices where text.equals(values[index]) { return true }
        let names: InlineArray<8, StaticString> = [
            "eager-fpu", "l1d-flush", "branch-harden", "srb-lock", "unpriv-mmio", "gds-mit", "lock-harden", "bhi-dis-s",
        ]
        for index in names.indices where OptionText.boolean(text, named: names[index]) != nil { return true }
        return false
    }
}
