// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
public import Machine
public import XenABI

/// The running guest's memory, as its own addresses name it. It is copied, never referenced: an address is a claim until
/// `translate` accepts it, and each word is read once.
public protocol GuestMemory: Sendable {
    associatedtype Frames: FrameMemory
    var frames: Frames { get }

    /// The machine address of a byte of guest RAM that the guest itself could read (or write). Nil where it would
    /// fault, or where what is there is not RAM. Takes no lock that is held while translations are invalidated.
    func translate(_ address: GuestVirtualAddress, write: Bool) -> MachineAddress?

    /// From here to `endCopy`, what `translate` says stays: whoever takes a translation away waits before he lets go of the
    /// frame (`CopyWindow`). Another of the guest's vCPUs may do that at any time.
    func beginCopy()
    func endCopy()
}

extension GuestMemory {
    /// Reads a structure of the public interface. Throws `.efault`.
    @inline(__always)
    public func read<Value: BitwiseCopyable>(
        _ type: Value.Type = Value.self, at address: GuestVirtualAddress
    ) throws(XenError) -> Value {
        beginCopy()
        defer { endCopy() }
        guard let place = translate(address, write: false) else { throw .efault }
        if address.offset + UInt64(MemoryLayout<Value>.size) <= pageSize { return frames.load(at: place) }
        return try readAcrossFrames(at: address, first: place)
    }

    @inline(never)
    private func readAcrossFrames<Value: BitwiseCopyable>(
        at address: GuestVirtualAddress, first: MachineAddress
    ) throws(XenError) -> Value {
        // Any bits will do, for every byte is overwritten below.
        var value: Value = frames.load(at: MachineAddress(first.frame))
        try unsafe withUnsafeMutableBytes(of: &value) { (bytes) throws(XenError) in
            // SAFETY: the pointer covers the value for as long as the closure runs.
            try unsafe read(into: bytes.baseAddress.unsafelyUnwrapped, count: bytes.count, at: address)
        }
        return value
    }

    @unsafe private func read(
        into target: UnsafeMutableRawPointer, count: Int, at address: GuestVirtualAddress
    ) throws(XenError) {
        var done = 0
        while done < count {
            let part = min(count - done, Int(pageSize - (address + UInt64(done)).offset))
            guard let place = translate(address + UInt64(done), write: false) else { throw .efault }
            unsafe (target + done).copyMemory(from: frames.pointer(to: place), byteCount: part)
            done += part
        }
    }

    /// Writes a structure of the public interface. Throws `.efault`, with a part written where it crosses into a frame
    /// that is not there, as the guest's own store would.
    @inline(__always)
    public func write<Value: BitwiseCopyable>(_ value: Value, at address: GuestVirtualAddress) throws(XenError) {
        beginCopy()
        defer { endCopy() }
        guard let place = translate(address, write: true) else { throw .efault }
        if address.offset + UInt64(MemoryLayout<Value>.size) <= pageSize { return frames.store(value, at: place) }
        try unsafe withUnsafeBytes(of: value) { (bytes) throws(XenError) in
            // SAFETY: the bytes of `value`, for as long as the closure runs.
            try unsafe copy(RawSpan(_unsafeBytes: bytes), to: address)
        }
    }

    /// Writes bytes of any length. Throws `.efault`.
    public func write(bytes: borrowing RawSpan, at address: GuestVirtualAddress) throws(XenError) {
        beginCopy()
        defer { endCopy() }
        try copy(bytes, to: address)
    }

    private func copy(_ bytes: borrowing RawSpan, to address: GuestVirtualAddress) throws(XenError) {
        var done = 0
        while done < bytes.byteCount {
            let count = min(bytes.byteCount - done, Int(pageSize - (address + UInt64(done)).offset))
            guard let place = translate(address + UInt64(done), write: true) else { throw .efault }
            frames.copyIn(bytes.extracting(done..<done + count), to: place)
            done += count
        }
    }

    /// Reads bytes of any length. Throws `.efault`.
    public func read(bytes: inout MutableSpan<UInt8>, count: Int, at address: GuestVirtualAddress) throws(XenError) {
        precondition(count <= bytes.count)
        beginCopy()
        defer { endCopy() }
        try unsafe bytes.withUnsafeMutableBytes { (buffer) throws(XenError) in
            guard let base = buffer.baseAddress else { return }
            // SAFETY: the buffer has at least `count` bytes.
            try unsafe read(into: base, count: count, at: address)
        }
    }
}
