# SPDX-License-Identifier: Apache-2.0
"""Bochs: the emulator with Intel's VMX and EPT, which QEMU's TCG does not have.

Debian's build contains the debugger, so it waits for a `c`. Its text displays cannot show the mode
that GRUB sets, so it draws with SDL on SDL's dummy screen.
"""

CONFIGURATION = """\
display_library: sdl2
memory: guest={memory}, host={memory}
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
cpu: model=corei7_skylake_x, count={cpus}, ips=200000000, reset_on_triple_fault=0
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path={iso}, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=/dev/stdout
clock: sync=none
log: {work}/bochs.log
"""


def command(machine, iso, work):
    """A command whose output is the machine's first serial port."""
    configuration, script = work / "bochsrc", work / "script"
    configuration.write_text(CONFIGURATION.format(
        memory=machine.memory, cpus=machine.cpus, iso=iso, work=work))
    script.write_text("c\n")
    return ["env", "SDL_VIDEODRIVER=dummy", "SDL_AUDIODRIVER=dummy", "bochs", "-q", "-f", configuration, "-rc", script]
