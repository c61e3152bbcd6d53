// SPDX-License-Identifier: Apache-2.0

import Base
import Firmware
import Machine

/// What the command line asked for, in the words of Xen's command line (docs/command-line.md).
struct Options {
    var noReboot = false
    var maximumCPUs: UInt32 = 256
    var dom0Memory: Dom0Memory?
    var dom0MaximumVCPUs: ClosedRange<UInt64>?
    /// The line itself, for XENVER_commandline.
    var commandLine = InlineArray<1024, UInt8>(repeating: 0)
    var logLevel = LogLevel.warning
    var guestLogLevel = LogLevel.error
    /// x86: whether devices' DMA is remapped where there is an IOMMU.
    var usesIOMMU = true

    /// Words that this hypervisor knows, and words of Xen's that do not apply here.
    static var known: InlineArray<14, StaticString> {
        [
            "console", "com1", "dtuart", "loglvl", "guest_loglvl", "dom0_mem", "dom0_max_vcpus", "maxcpus", "noreboot",
            "dom0", "cpuidle", "sync_console", "conswitch", "iommu",
        ]
    }

    init() {}

    init(_ line: CommandLine) {
        for index in 0..<min(line.bytes.count, 1023) { commandLine[index] = line.bytes[index] }
        if let word = line.word("noreboot") { noReboot = !word.isNegated }
        if let count = (try? line.integer("maxcpus")) ?? nil { maximumCPUs = UInt32(clamping: max(1, count)) }
        if let word = line.word("iommu") { usesIOMMU = word.isNegated ? false : OptionText.boolean(word.value) ?? true }
        dom0Memory = parse("dom0_mem") { () throws(OptionError) in try line.dom0Memory() }
        dom0MaximumVCPUs = parse("dom0_max_vcpus") { () throws(OptionError) in try line.dom0MaximumVCPUs() }
        logLevel = level(line.text("loglvl", default: .literal(""))) ?? logLevel
        guestLogLevel = level(line.text("guest_loglvl", default: .literal(""))) ?? guestLogLevel
        var words = line.words()
        let known = Self.known
        while let word = words.next(notIn: known.span) {
            log.warning("parameter \"\(word.key)\" unknown")
        }
    }

    /// A value that cannot be read is named on the console, and the option keeps its default.
    private func parse<Value>(_ name: StaticString, _ read: () throws(OptionError) -> Value?) -> Value? {
        do throws(OptionError) {
            return try read()
        } catch {
            log.warning("parameter \"\(name)\" has invalid value")
            return nil
        }
    }

    /// The lower threshold of `lower/upper`, or the one there is.
    private func level(_ text: borrowing Span<UInt8>) -> LogLevel? {
        let names: InlineArray<5, (StaticString, LogLevel)> = [
            ("none", .error), ("error", .error), ("warning", .warning), ("info", .info), ("all", .debug),
        ]
        for index in names.indices where text.hasPrefix(names[index].0) { return names[index].1 }
        return nil
    }
}
