// SPDX-License-Identifier: Apache-2.0

import XenABI

// hypfs.h.

extension Facts {
    mutating func addHypfs() {
        addHypfsNumbers()
        addHypfsStructures()
    }

    private mutating func addHypfsNumbers() {
        cases(
            "XEN_HYPFS_OP_",
            ["get_version": .getVersion, "read": .read, "write_contents": .writeContents] as KeyValuePairs<String, HypfsOp>)
        cases(
            "XEN_HYPFS_TYPE_",
            ["DIR": .directory, "BLOB": .blob, "STRING": .string, "UINT": .unsigned, "INT": .signed, "BOOL": .boolean]
                as KeyValuePairs<String, HypfsType>)
        cases("XEN_HYPFS_ENC_", ["PLAIN": .plain, "GZIP": .gzip] as KeyValuePairs<String, HypfsEncoding>)
        values(
            "XEN_HYPFS_",
            ["VERSION": HypfsLimit.version, "MAX_PATHLEN": HypfsLimit.pathLength] as KeyValuePairs<String, UInt32>)
    }

    private mutating func addHypfsStructures() {
        structure(
            "struct xen_hypfs_direntry", HypfsDirectoryEntry.self,
            [
                "type": \.type, "encoding": \.encoding, "pad": \.pad, "content_len": \.contentLen,
                "max_write_len": \.maxWriteLen,
            ])
        structure("struct xen_hypfs_dirlistentry", HypfsListedEntry.self, ["e": \.entry, "off_next": \.next])
        add("offsetof(struct xen_hypfs_dirlistentry, name)", MemoryLayout<HypfsListedEntry>.size, "HypfsListedEntry")
    }
}
