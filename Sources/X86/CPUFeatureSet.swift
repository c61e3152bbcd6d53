// SPDX-License-Identifier: Apache-2.0

/// What CPUID says that a processor has, in the words of Xen's feature set (arch-x86/cpufeatureset.h).
public struct CPUFeatureSet: Equatable, Sendable, BitwiseCopyable {
    /// Words that a guest can be offered something of.
    public static var count: Int { 19 }

    /// EDX and ECX of leaf 1.
    public var basicEDX: UInt32 = 0
    public var basicECX: UInt32 = 0
    /// EDX and ECX of leaf 0x80000001.
    public var extendedEDX: UInt32 = 0
    public var extendedECX: UInt32 = 0
    /// EAX of leaf 0xd, subleaf 1.
    public var saveEAX: UInt32 = 0
    /// EBX, ECX and EDX of leaf 7.
    public var structuredEBX: UInt32 = 0
    public var structuredECX: UInt32 = 0
    public var structuredEDX: UInt32 = 0
    /// EDX of leaf 0x80000007.
    public var powerEDX: UInt32 = 0
    /// EBX of leaf 0x80000008.
    public var sizesEBX: UInt32 = 0
    /// EAX and ECX of leaf 0x80000021.
    public var hintsEAX: UInt32 = 0
    public var hintsECX: UInt32 = 0

    public init() {}

    /// Everything.
    public static var all: Self {
        var set = Self()
        for word in 0..<count { set[word] = .max }
        return set
    }

    /// What the processor says of itself.
    public init(_ cpu: some ProcessorIdentification) {
        let basic = cpu.leaf(0, 0).eax
        let extended = cpu.leaf(0x8000_0000, 0).eax
        let one = cpu.leaf(1, 0)
        (basicEDX, basicECX) = (one.edx, one.ecx)
        if basic >= 7 {
            let seven = cpu.leaf(7, 0)
            (structuredEBX, structuredECX, structuredEDX) = (seven.ebx, seven.ecx, seven.edx)
        }
        if basic >= 0xd { saveEAX = cpu.leaf(0xd, 1).eax }
        if extended >= 0x8000_0001 {
            let more = cpu.leaf(0x8000_0001, 0)
            (extendedEDX, extendedECX) = (more.edx, more.ecx)
        }
        if extended >= 0x8000_0007 { powerEDX = cpu.leaf(0x8000_0007, 0).edx }
        if extended >= 0x8000_0008 { sizesEBX = cpu.leaf(0x8000_0008, 0).ebx }
        if extended >= 0x8000_0021 {
            let hints = cpu.leaf(0x8000_0021, 0)
            (hintsEAX, hintsECX) = (hints.eax, hints.ecx)
        }
    }

    public subscript(word: Int) -> UInt32 {
        get {
            switch word {
            case 0: basicEDX
            case 1: basicECX
            case 2: extendedEDX
            case 3: extendedECX
            case 4: saveEAX
            case 5: structuredEBX
            case 6: structuredECX
            case 7: powerEDX
            case 8: sizesEBX
            case 9: structuredEDX
            case 11: hintsEAX
            case 18: hintsECX
            default: 0
            }
        }
        set {
            switch word {
            case 0: basicEDX = newValue
            case 1: basicECX = newValue
            case 2: extendedEDX = newValue
            case 3: extendedECX = newValue
            case 4: saveEAX = newValue
            case 5: structuredEBX = newValue
            case 6: structuredECX = newValue
            case 7: powerEDX = newValue
            case 8: sizesEBX = newValue
            case 9: structuredEDX = newValue
            case 11: hintsEAX = newValue
            case 18: hintsECX = newValue
            default: break
            }
        }
    }

    public func has(_ feature: CPUFeature) -> Bool { self[feature.word] & feature.mask != 0 }

    public mutating func remove(_ feature: CPUFeature) { self[feature.word] &= ~feature.mask }

    public func intersection(_ other: Self) -> Self {
        var result = self
        for word in 0..<Self.count { result[word] &= other[word] }
        return result
    }

    /// Takes away what needs a feature that is not there, and what needs that, and so on.
    public mutating func close() {
        let pairs = CPUDependencies.pairs
        var isClosed: Bool
        repeat {
            isClosed = true
            for index in pairs.indices where has(pairs[index].by) && !has(pairs[index].needed) {
                remove(pairs[index].by)
                isClosed = false
            }
        } while !isClosed
    }
}
