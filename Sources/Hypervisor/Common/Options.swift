// SPDX-License-Identifier: Apache-2.0

import Base
import Firmware
import Machine

/// The command line: what it asked for (docs/command-line.md), and its text.
struct Options {
    var words = HypervisorOptions()
    /// The line itself, for XENVER_commandline.
    var commandLine = InlineArray<1024, UInt8>(repeating: 0)

    init() {}

    init(_ line: CommandLine, isX86: Bool) {
        for index in 0..<min(line.bytes.count, 1023) { commandLine[index] = line.bytes[index] }
        words = HypervisorOptions(line, isX86: isX86) { problem, word in
            switch problem {
            case .unknown: log.warning("parameter \"\(word.name)\" unknown!")
            case .invalid: log.warning("parameter \"\(word.name)\" has invalid value \"\(word.value)\", rc=-22!")
            }
        }
    }
}
