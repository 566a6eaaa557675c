"""Which system calls a program in the sandbox does without: a filter for the kernel's seccomp.

Denied, as if this kernel had none of them (ENOSYS), is what could go around the watch over memory and disk
(file systems of its own, memory that no process maps), and what programs have no need of and kernels had
most of their holes in (user namespaces within, BPF, io_uring, keyrings). Numbers are those of the kernel's
tables (arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h); calls from 424 on have the
same everywhere.
"""

from __future__ import annotations

import errno
import struct

from node.errors import Unavailable

_EVERYWHERE = {
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "clone3": 435,  # its flags are behind a pointer, where a filter cannot look; libraries fall back to clone
    "mount_setattr": 442,
    "memfd_secret": 447,
}

_X86_64 = {
    "shmget": 29,
    "msgget": 68,
    "pivot_root": 155,
    "mount": 165,
    "umount2": 166,
    "add_key": 248,
    "request_key": 249,
    "keyctl": 250,
    "unshare": 272,
    "perf_event_open": 298,
    "setns": 308,
    "memfd_create": 319,
    "bpf": 321,
    "userfaultfd": 323,
}

_AARCH64 = {
    "umount2": 39,
    "mount": 40,
    "pivot_root": 41,
    "unshare": 97,
    "msgget": 186,
    "shmget": 194,
    "add_key": 217,
    "request_key": 218,
    "keyctl": 219,
    "perf_event_open": 241,
    "setns": 268,
    "memfd_create": 279,
    "bpf": 280,
    "userfaultfd": 282,
}

# AUDIT_ARCH_* of linux/audit.h, the number of `clone`, and the calls denied
_MACHINES = {"x86_64": (0xC000003E, 56, _X86_64), "aarch64": (0xC00000B7, 220, _AARCH64)}

_LOAD, _JUMP_EQUAL, _JUMP_FROM, _JUMP_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data, little-endian
_ALLOW, _DENY, _KILL = 0x7FFF0000, 0x00050000 | errno.ENOSYS, 0x80000000
_OTHER_CALLING_CONVENTION = 0x40000000  # x32: the same calls under other numbers
_CLONE_NEWUSER = 0x10000000


def seccomp_filter(machine: str) -> bytes:
    """The filter as a program of classic BPF (linux/filter.h), for a machine as `platform.machine` says it.

    Raises Unavailable for a machine whose calls are not known here.
    """
    try:
        architecture, clone, own = _MACHINES[machine]
    except KeyError:
        raise Unavailable(
            f"Programs of others cannot be run safely on a {machine} machine: its calls are not known.",
            f"Run them on one of: {', '.join(_MACHINES)}.",
        ) from None
    denied = sorted({*_EVERYWHERE.values(), *own.values()})
    # Each test jumps over the rest of the tests and the lines between it and its verdict.
    lines = [
        _line(_LOAD, _ARCHITECTURE),
        _line(_JUMP_EQUAL, architecture, yes=1),
        _line(_RETURN, _KILL),
        _line(_LOAD, _NUMBER),
        _line(_JUMP_FROM, _OTHER_CALLING_CONVENTION, yes=len(denied) + 4),
    ]
    lines += [_line(_JUMP_EQUAL, number, yes=len(denied) - i + 3) for i, number in enumerate(denied)]
    lines += [
        _line(_JUMP_EQUAL, clone, no=2),
        _line(_LOAD, _FIRST_ARGUMENT),
        _line(_JUMP_BITS, _CLONE_NEWUSER, yes=1),
        _line(_RETURN, _ALLOW),
        _line(_RETURN, _DENY),
    ]
    return b"".join(lines)


def _line(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("<HBBI", code, yes, no, value)
