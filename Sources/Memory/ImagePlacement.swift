// SPDX-License-Identifier: Apache-2.0

public import Base
public import Containers

/// Where the hypervisor's own image goes once it runs, so that a dom0 that is mapped one to one has all of low memory.
public enum ImagePlacement {
    /// The highest place of `image`'s size below frame `limit` that starts on a multiple of `alignment` frames, in RAM that nothing
    /// uses. `image` is where it is now, in use or not; nil where that is as good as any other, or the only one.
    public static func place(
        for image: MachineRange, in memory: RangeList<MachineSpace>, reserved: RangeList<MachineSpace>, below limit: MFN,
        alignment: UInt64
    ) -> MachineRange? {
        var free = memory
        for index in 0..<reserved.count { free.remove(reserved[index].range) }
        free.remove(image)
        free.remove(MachineRange(start: limit, count: UInt64.max >> pageShift - limit.rawValue))
        guard let place = free.take(image.count, alignment: alignment), place.start > image.start else { return nil }
        return place
    }
}
