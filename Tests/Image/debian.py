# SPDX-License-Identifier: Apache-2.0
"""Debian's own binaries for every ISA, fetched once and unpacked under build/debian/<isa>/root.

The guests, the initramfs and the reference hypervisor all come from here. Nothing is installed:
each ISA has apt lists and an empty status file of its own, so foreign packages never meet the
host's package database. Kernels of other releases lie in build/debian/<release>/<isa>/root.
"""
import fcntl
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
CACHE = BUILD / "debian"


@dataclass(frozen=True)
class Distribution:
    """What is taken from Debian for one ISA. A kernel is named by its meta package."""
    architecture: str
    kernel: str
    hypervisor: str
    hypervisor_image: str


DISTRIBUTIONS = {
    "arm64": Distribution("arm64", "linux-image-arm64", "xen-hypervisor-4.17-arm64", "xen-4.17-arm64"),
    "x86_64": Distribution("amd64", "linux-image-amd64", "xen-hypervisor-4.17-amd64", "xen-4.17-amd64.gz"),
    "arm32": Distribution("armhf", "linux-image-armmp-lpae", "xen-hypervisor-4.17-armhf", "xen-4.17-armhf"),
}

# What dom0 needs to run xl. Its closure is for the rows that will create guests; none does yet.
TOOLSTACK = ("xen-utils-4.17", "xenstore-utils", "kmod")

# Suites besides the host's own that kernels are taken from, by the name that a row calls a release.
OLDER_RELEASES = ("bullseye",)
RELEASES = (*OLDER_RELEASES, "bookworm-backports", "trixie", "sid")
HOST = ""       # the release that the host has, with its updates

# Of a kernel package (400 MB unpacked) only these members are kept.
KERNEL_MEMBERS = ("./boot/*", "./usr/lib/linux-image-*", "./lib/modules/*/modules.*",
                  "./lib/modules/*/kernel/drivers/xen/*", "./lib/modules/*/kernel/drivers/net/xen*",
                  # disks, a network card, a file system, and what those need
                  *(f"./lib/modules/*/kernel/{path}" for path in (
                      "block/*", "crypto/*", "lib/*", "drivers/ata/*ahci.ko", "drivers/ata/libata.ko", "drivers/block/virtio_blk.ko",
                      "drivers/net/ethernet/intel/e1000/*", "drivers/scsi/s*_*.ko", "drivers/virtio/*", "fs/ext4/*", "fs/jbd2/*",
                      "fs/mbcache.ko")))
# Since Debian 13 /lib is a link in packages, too, and modules are packed; since then some of them lie beside the kernel itself.
RELEASE_MEMBERS = ("./boot/*", "./usr/lib/modules/*/vmlinuz",
                   *(f"./usr{member[1:]}{'.xz' * member.endswith('.ko')}" for member in KERNEL_MEMBERS if member.startswith("./lib/")),
                   *KERNEL_MEMBERS)


KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def progress(message):
    print(f"  {message}", file=sys.stderr, flush=True)


class Archive:
    """One foreign architecture as apt sees it, of one release."""

    def __init__(self, isa, release=HOST):
        self.distribution = DISTRIBUTIONS[isa]
        self.release = release
        self.home = CACHE / release / isa
        self.root = self.home / "root"
        self.packages = self.home / "packages"
        for directory in (self.home / "lists/partial", self.root, self.packages):
            directory.mkdir(parents=True, exist_ok=True)
        (self.home / "status").touch()

    def apt(self, tool, *arguments, cwd=None):
        options = {
            "APT::Architecture": self.distribution.architecture,
            "APT::Architectures": self.distribution.architecture,
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Dir::State::Lists": self.home / "lists",
            "Dir::State::status": self.home / "status",
            "Dir::Cache": self.home / "cache",
        }
        if self.release:
            options |= {"Dir::Etc::SourceList": self.home / "sources.list", "Dir::Etc::SourceParts": "/dev/null"}
        command = [tool, "-q", *(f"-o{key}={value}" for key, value in options.items()), *arguments]
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True,
                              env={**os.environ, "LC_ALL": "C"})
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
        return done.stdout

    def update(self):
        progress(f"package lists for {self.distribution.architecture}")
        try:
            self.apt("apt-get", "update", "-oAcquire::Retries=3")
        except RuntimeError as error:   # one archive of several may be in the middle of its own update
            progress("warning: " + "; ".join(re.findall("^E: .*", str(error), re.M)))

    def choose_sources(self):
        """Another release comes from where the host's own comes from."""
        if not self.release:
            return
        shown = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"],
                               check=True, capture_output=True, text=True).stdout
        host = re.search("^VERSION_CODENAME=(.*)", Path("/etc/os-release").read_text(), re.M).group(1)
        found = re.search(rf"^(\S+) {host} main$", shown, re.M)
        if not found:
            raise RuntimeError(f"apt's sources do not say where {host} comes from")
        signed = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
        (self.home / "sources.list").write_text(f"deb {signed}{found.group(1)} {self.release} main\n")

    def resolve(self, meta):
        """The versioned package that a meta package of the kernel stands for."""
        shown = self.apt("apt-cache", "show", "--no-all-versions", meta)
        found = re.search(r"^Depends:.*?\b(linux-image-[\w.+-]+)", shown, re.M)
        return found.group(1) if found else meta

    def download(self, package):
        progress(f"download {package}:{self.distribution.architecture}")
        self.apt("apt-get", "download", package, cwd=self.packages)
        return max(self.packages.glob(f"{package}_*.deb"), key=lambda path: path.stat().st_mtime)

    def unpack(self, deb, members=()):
        stream = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE)
        select = ["--wildcards", *members] if members else []
        subprocess.run(["tar", "-x", "--keep-directory-symlink", "-C", self.root, *select],
                       stdin=stream.stdout, check=not members, stderr=subprocess.DEVNULL)
        if stream.wait() != 0:
            raise RuntimeError(f"{deb} is not a complete package")
        deb.unlink()

    def find(self, pattern):
        """The one file a pattern names below the unpacked root."""
        found = sorted(self.root.glob(pattern))
        if not found:
            raise FileNotFoundError(f"no {pattern} in {self.root}")
        return found[-1]


def fetch(isa, release=HOST):
    """Bring the kernel, the reference hypervisor and busybox of one ISA; cheap when they are there. Of another release only the kernel."""
    archive = Archive(isa, release)
    with open(archive.home / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)    # boots run side by side
        complete = archive.home / "complete"
        # What was unpacked by another list of members is not complete.
        if not complete.exists() or complete.read_text() != contents(release):
            fill(archive)
            complete.write_text(contents(release))
    return archive


def contents(release):
    return "\n".join(RELEASE_MEMBERS if release else KERNEL_MEMBERS)


def fill(archive):
    for marker in archive.home.glob("complete*"):
        marker.unlink()
    shutil.rmtree(archive.root)
    archive.root.mkdir()
    archive.choose_sources()
    archive.update()
    distribution = archive.distribution
    kernel = archive.resolve(distribution.kernel)
    if archive.release:
        fill_release(archive, kernel)
    else:
        archive.unpack(archive.download(kernel), KERNEL_MEMBERS)
        for package in (distribution.hypervisor, "busybox-static"):
            archive.unpack(archive.download(package))
    subprocess.run(["/sbin/depmod", "-b", archive.root, kernel.removeprefix("linux-image-")], check=True)


def fill_release(archive, kernel):
    """A kernel, in the newest releases in packages of their own for the file and its modules."""
    parts = archive.apt("apt-cache", "depends", "--important", kernel)
    (archive.root / "usr/lib/modules").mkdir(parents=True)
    (archive.root / "lib").symlink_to("usr/lib")
    for package in (kernel, *re.findall(r"^  Depends: (linux-(?:binary|modules)-\S+)", parts, re.M)):
        archive.unpack(archive.download(package), RELEASE_MEMBERS)


def modules(isa, names, release=HOST):
    """Files of kernel modules and of all that they need, relative to the unpacked root."""
    archive = fetch(isa, release)
    version = archive.find("lib/modules/*").name
    shown = subprocess.run(["/sbin/modprobe", "-d", archive.root, "-S", version, "--show-depends", "-a", *names],
                           check=True, capture_output=True, text=True).stdout
    paths = dict.fromkeys(re.findall(r"^insmod (\S+)", shown, re.M))
    return archive.root, [Path(path).relative_to(archive.root) for path in paths] + [Path(f"lib/modules/{version}/modules.dep")]


def package(isa, name):
    """The unpacked root of one ISA, with one more package in it."""
    archive = fetch(isa)
    with open(archive.home / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        marker = archive.home / f"complete-{name}"
        if not marker.exists():
            archive.unpack(archive.download(name))
            marker.touch()
    return archive.root


def kernel(isa, release=HOST):
    archive = fetch(isa, release)
    try:
        return archive.find("boot/vmlinuz-*")
    except FileNotFoundError:
        return archive.find("usr/lib/modules/*/vmlinuz")


def reference(isa):
    """Debian's Xen of one ISA, unpacked where it comes compressed."""
    archive = fetch(isa)
    image = archive.find("boot/" + archive.distribution.hypervisor_image)
    if image.suffix != ".gz":
        return image
    plain = archive.home / "xen"
    if not plain.exists():
        plain.write_bytes(subprocess.run(["gzip", "-dc", image], check=True, capture_output=True).stdout)
    return plain


if __name__ == "__main__":
    for name in sys.argv[1:] or DISTRIBUTIONS:
        isa, _, release = name.partition("@")
        fetch(isa, release)
        print(f"{name}: {kernel(isa, release).name} {reference(isa)}")
