// SPDX-License-Identifier: Apache-2.0

/// What a guest gets when an operation is refused: Xen's own error numbers, which are not the guest kernel's.
///
/// Source: errno.h. `eintr` and `erestart` never reach a guest.
@frozen public enum XenError: Int32, Error, Sendable {
    case eperm = 1
    case enoent = 2
    case esrch = 3
    case eintr = 4
    case eio = 5
    case enxio = 6
    case e2big = 7
    case enoexec = 8
    case ebadf = 9
    case echild = 10
    /// Also EWOULDBLOCK.
    case eagain = 11
    case enomem = 12
    case eacces = 13
    case efault = 14
    case ebusy = 16
    case eexist = 17
    case exdev = 18
    case enodev = 19
    case enotdir = 20
    case eisdir = 21
    case einval = 22
    case enfile = 23
    case emfile = 24
    case enospc = 28
    case erofs = 30
    case emlink = 31
    case edom = 33
    case erange = 34
    /// Also EDEADLOCK.
    case edeadlk = 35
    case enametoolong = 36
    case enolck = 37
    case enosys = 38
    case enotempty = 39
    case enodata = 61
    case etime = 62
    case ebadmsg = 74
    case eoverflow = 75
    case eilseq = 84
    case erestart = 85
    case enotsock = 88
    case emsgsize = 90
    case eopnotsupp = 95
    case eaddrinuse = 98
    case eaddrnotavail = 99
    case enobufs = 105
    case eisconn = 106
    case enotconn = 107
    case etimedout = 110
    case econnrefused = 111

    /// What the caller's result register holds: -errno.
    @inlinable public var returnValue: Int { -Int(rawValue) }
    /// `returnValue` sign-extended to 64 bits, as the bits of a register.
    @inlinable public var returnBits: UInt64 { UInt64(bitPattern: -Int64(rawValue)) }
}
