// SPDX-License-Identifier: Apache-2.0

/// What the machine's firmware and the boot loader left in memory: device tree, command line, kernel image headers.
/// Spans of bytes in, values out.
///
/// Owns nothing, locks nothing, writes nothing but the span that `DeviceTreeWriter` is given. Every byte is somebody
/// else's claim: readers are total functions (nil, an empty value or a typed error; never a trap, never an endless
/// loop), which a million mutated inputs check in `Tests/FirmwareTests`.
///
/// Refuses to know: where the bytes came from, how they are mapped, and what is done with the answers. A text is the
/// `Span<UInt8>` of its bytes, without a terminator; compare it with `equals("...")`.
///
///     let tree = try DeviceTree(bytes)                               // throws(DeviceTreeError)
///     var regions = tree.memoryRegions()
///     while let region = regions.next() { add(region.start, region.size, region.numaNode) }
///     let line = CommandLine(tree.hypervisorArguments())
///     let options = HypervisorOptions(line, isX86: false) { word, problem in report(word, problem) }
