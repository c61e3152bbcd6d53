// SPDX-License-Identifier: Apache-2.0

import Base

/// What is wrong with a word of the command line.
public enum OptionProblem: Equatable, Sendable {
    /// Xen knows no option of that name either.
    case unknown
    /// Its value cannot be read; the option stays what it was.
    case invalid
}

/// What stands before each line of the log (Xen: console_timestamps).
public enum LogTimestamps: UInt8, Sendable {
    case none, date, dateMilliseconds, boot, raw
}

/// What the command line asked for (docs/command-line.md). Words are taken in their order, as Xen takes them: of one that stands
/// twice the later counts, but for those that gather (`dom0_mem`).
public struct HypervisorOptions: Sendable {
    public private(set) var noReboot = false
    public private(set) var isConsoleSynchronous = false
    /// What guests print goes to the ring of `xl dmesg` too.
    public private(set) var keepsGuestOutput = false
    /// x86: the screen stays ours when dom0 starts.
    public private(set) var keepsScreen = false
    public private(set) var timestamps = LogTimestamps.none
    public private(set) var maximumCPUs: UInt32 = 256
    public private(set) var dom0Memory: Dom0Memory?
    public private(set) var dom0MaximumVCPUs: ClosedRange<UInt64>?
    /// Lines of that many levels are printed, the most urgent first: 0 none, 4 all.
    public private(set) var logLevels: UInt8 = 2
    /// The same for lines that guests cause, of which so many a second are printed at most.
    public private(set) var guestLogLevels: UInt8 = 2
    /// x86: whether devices' DMA is remapped where there is an IOMMU.
    public private(set) var usesIOMMU = true
    /// x86: whether interrupts are to be remapped there.
    public private(set) var remapsInterrupts = true
    public private(set) var usesX2APIC = true
    /// x86: what is done about speculation.
    public private(set) var speculation = SpeculationWords()
    /// ARM: the same of loads that overtake stores.
    public private(set) var storeBypass = StoreBypassWord.runtime

    public init() {}

    /// Reads the line's words. `report` is told of each that cannot be read, or that Xen on this ISA has not.
    public init(_ line: CommandLine, isX86: Bool, report: (OptionProblem, CommandLine.Word) -> Void) {
        var words = line.words()
        while let word = words.next() {
            do throws(OptionError) {
                if try !read(word, isX86: isX86), !KnownOptions.contains(word.key, isX86: isX86) { report(.unknown, word) }
            } catch {
                report(.invalid, word)
            }
        }
    }

    /// True where the word is one of those that are acted upon.
    private mutating func read(_ word: CommandLine.Word, isX86: Bool) throws(OptionError) -> Bool {
        if try readFlag(word) { return true }
        if word.key.equals("dom0_mem") {
            var memory = dom0Memory ?? Dom0Memory()
            // What stands before the part that cannot be read counts.
            defer { dom0Memory = memory }
            try memory.read(Self.value(word))
        } else if word.key.equals("dom0_max_vcpus") {
            dom0MaximumVCPUs = try Self.vcpus(Self.value(word))
        } else if word.key.equals("maxcpus") {
            var rest = OptionText(try Self.value(word))
            let count = try rest.number()
            guard rest.isAtEnd else { throw .invalid }
            maximumCPUs = UInt32(clamping: max(1, count))
        } else if word.key.equals("loglvl") {
            logLevels = try Self.levels(Self.value(word))
        } else if word.key.equals("guest_loglvl") {
            guestLogLevels = try Self.levels(Self.value(word))
        } else if word.key.equals("console_timestamps") {
            timestamps = try Self.timestamps(word)
        } else if word.key.equals("vga") {
            keepsScreen = Self.list(try Self.value(word), has: "keep")
        } else if word.key.equals("iommu") {
            try readIOMMU(word)
        } else if word.key.equals("spec-ctrl") {
            try readSpeculation(word, isX86: isX86)
        } else {
            return false
        }
        return true
    }

    /// `no-spec-ctrl` is `spec-ctrl=no`.
    private mutating func readSpeculation(_ word: CommandLine.Word, isX86: Bool) throws(OptionError) {
        guard !word.isNegated || word.value.isEmpty else { throw .invalid }
        let no: Span<UInt8> = .literal("no")
        let value = word.isNegated ? no : word.value
        if isX86 { try speculation.read(value) } else { try storeBypass.read(value) }
    }

    private mutating func readFlag(_ word: CommandLine.Word) throws(OptionError) -> Bool {
        if word.key.equals("noreboot") {
            noReboot = try Self.boolean(word)
        } else if word.key.equals("sync_console") {
            isConsoleSynchronous = try Self.boolean(word)
        } else if word.key.equals("console_to_ring") {
            keepsGuestOutput = try Self.boolean(word)
        } else if word.key.equals("x2apic") {
            usesX2APIC = try Self.boolean(word)
        } else if word.key.equals("nosmp") {
            if try Self.boolean(word) { maximumCPUs = 1 }
        } else {
            return false
        }
        return true
    }

    /// A list; what it says besides these two concerns what we do not have (docs/command-line.md).
    private mutating func readIOMMU(_ word: CommandLine.Word) throws(OptionError) {
        if word.isNegated {
            guard word.value.isEmpty else { throw .invalid }
            usesIOMMU = false
            return
        }
        var rest = OptionText(word.value)
        repeat {
            let piece = rest.piece(",")
            if let isOn = OptionText.boolean(piece) {
                usesIOMMU = isOn
            } else if piece.equals("force") || piece.equals("required") {
                usesIOMMU = true
            } else if let isOn = OptionText.boolean(piece, named: "intremap") {
                remapsInterrupts = isOn
            }
        } while rest.skip(",")
    }

    // MARK: Values

    private static func list(_ text: Span<UInt8>, has name: StaticString) -> Bool {
        var rest = OptionText(text)
        repeat {
            if rest.piece(",").equals(name) { return true }
        } while rest.skip(",")
        return false
    }

    /// `x`, `no-x`, `x=<boolean>`; with both, one turns the other around (Xen: OPT_BOOL).
    static func boolean(_ word: CommandLine.Word) throws(OptionError) -> Bool {
        guard !word.value.isEmpty else { return !word.isNegated }
        guard let value = OptionText.boolean(word.value) else { throw .invalid }
        return value != word.isNegated
    }

    @_lifetime(copy word)
    private static func value(_ word: CommandLine.Word) throws(OptionError) -> Span<UInt8> {
        guard word.hasValue, !word.isNegated else { throw .invalid }
        return word.value
    }

    /// `N`, `N-`, `N-M` or `-M`: the least and the most.
    private static func vcpus(_ text: Span<UInt8>) throws(OptionError) -> ClosedRange<UInt64> {
        var rest = OptionText(text)
        let low = rest.next == UInt8(ascii: "-") ? 1 : max(try rest.number(), 1)
        var high = low
        if rest.skip("-") { high = rest.isAtEnd ? .max : try rest.number() }
        guard rest.isAtEnd, low <= high else { throw .invalid }
        return low...high
    }

    /// `<level>[/<level>]`, of which the more talkative one counts: what is between the two is printed more seldom by Xen.
    private static func levels(_ text: Span<UInt8>) throws(OptionError) -> UInt8 {
        var rest = OptionText(text)
        var most: UInt8 = 0
        repeat {
            guard let levels = levelCount(rest.piece("/")) else { throw .invalid }
            most = max(most, levels)
        } while rest.skip("/")
        return most
    }

    private static func levelCount(_ text: Span<UInt8>) -> UInt8? {
        let names: InlineArray<6, (StaticString, UInt8)> = [
            ("none", 0), ("error", 1), ("warning", 2), ("info", 3), ("debug", 4), ("all", 4),
        ]
        for index in names.indices where text.equals(names[index].0) { return names[index].1 }
        return nil
    }

    private static func timestamps(_ word: CommandLine.Word) throws(OptionError) -> LogTimestamps {
        if word.isNegated {
            guard word.value.isEmpty else { throw .invalid }
            return .none
        }
        if word.value.isEmpty { return .date }
        if let isOn = OptionText.boolean(word.value) { return isOn ? .date : .none }
        let names: InlineArray<5, (StaticString, LogTimestamps)> = [
            ("none", .none), ("date", .date), ("datems", .dateMilliseconds), ("boot", .boot), ("raw", .raw),
        ]
        for index in names.indices where word.value.equals(names[index].0) { return names[index].1 }
        throw .invalid
    }
}
