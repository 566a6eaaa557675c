"""The command line of bubblewrap: which part of this machine a program sees, and where."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

from node.errors import BadRequest, Unavailable
from node.sandbox.asked import MB, Limits, Mount

SHARED_MEMORY = 64 * MB
"""Bytes of `/dev/shm`."""

USER, GROUP = 1000, 1000

MISSING = "Install it: apt-get install bubblewrap (or the package of that name of your system)."

_SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_SETTINGS = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime")
_MASKED = ("/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/kpageflags", "/proc/kpagecount")
_SPARE_PROCESSES = 2000


def bubblewrap(
    command: Sequence[str],
    *,
    mounts: Sequence[Mount],
    prefixes: Sequence[Path],
    limits: Limits,
    environment: Mapping[str, str],
    folder: str,
    private: Path,
    status: int,
    seccomp: int,
) -> list[str]:
    """The whole command.

    private: a folder of this run: its `tmp` becomes the program's `/tmp`, its `etc` has the files it needs.
    status, seccomp: descriptors that bubblewrap writes its status to and reads the filter from.
    Raises Unavailable if bubblewrap or prlimit is not installed, BadRequest if a mount would hide a prefix.
    """
    for mount, prefix in product(mounts, prefixes):
        if prefix.is_relative_to(mount.target):
            raise BadRequest(
                f"The interpreter in {prefix} cannot be used: what is seen at {mount.target} would hide it.",
                "Use an interpreter in another folder.",
            )
    words = [_program("bwrap", MISSING), "--unshare-all", "--unshare-user"]
    words += ["--uid", str(USER), "--gid", str(GROUP), "--hostname", "sandbox", "--cap-drop", "ALL"]
    words += ["--die-with-parent", "--new-session"]
    words += ["--json-status-fd", str(status), "--seccomp", str(seccomp)]
    words += _system(private)
    for prefix in prefixes:
        words += ["--ro-bind", str(prefix), str(prefix)]
    for mount in mounts:
        words += ["--bind" if mount.writable else "--ro-bind", str(mount.source), mount.target]
    words += ["--remount-ro", "/", "--chdir", folder, "--clearenv"]
    for name, value in {**_ENVIRONMENT, **environment}.items():
        words += ["--setenv", name, value]
    # Inside, so that they bind the program and not bubblewrap at its work.
    words += ["--", _program("prlimit", "Install util-linux."), *_own_limits(limits), "--", *command]
    return words


def write_settings(private: Path) -> None:
    """Lay out the folder of a run."""
    (private / "tmp").mkdir(mode=0o700)
    etc = private / "etc"
    etc.mkdir(mode=0o755)
    (etc / "passwd").write_text(f"sandbox:x:{USER}:{GROUP}::/tmp:/bin/sh\n")
    (etc / "group").write_text(f"sandbox:x:{GROUP}:\n")
    (etc / "hosts").write_text("127.0.0.1 localhost sandbox\n")


_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/tmp",  # noqa: S108 - the program's own, private one
    "USER": "sandbox",
    "LOGNAME": "sandbox",
    "LANG": "C.UTF-8",
    "TMPDIR": "/tmp",  # noqa: S108
    "PYTHONUNBUFFERED": "1",  # its last words are not lost when a limit ends it
}


def _system(private: Path) -> list[str]:
    words = ["--ro-bind", "/usr", "/usr"]
    for name in _SYSTEM:
        place = Path("/", name)
        if place.is_symlink():
            words += ["--symlink", str(place.readlink()), str(place)]
        elif place.is_dir():
            words += ["--ro-bind", str(place), str(place)]
    words += ["--ro-bind", str(private / "etc"), "/etc"]
    for name in _SETTINGS:
        place = Path("/etc", name)
        if place.exists():
            target = private / "etc" / name
            target.mkdir(exist_ok=True) if place.is_dir() else target.touch()
            words += ["--ro-bind", str(place.resolve()), str(place)]
    words += ["--proc", "/proc"]
    for name in _MASKED:
        if Path(name).exists():
            words += ["--ro-bind", "/dev/null", name]
    # A node run by root is root to the kernel in there too, and so the owner of the kernel's settings.
    words += ["--remount-ro", "/proc"]
    words += ["--dev", "/dev", "--size", str(SHARED_MEMORY), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]  # noqa: S108
    return [*words, "--bind", str(private / "tmp"), "/tmp"]  # noqa: S108


def _own_limits(limits: Limits) -> list[str]:
    """Limits that the kernel keeps for each process: behind those that the watch keeps, for what is too quick
    for it. A file may be as large as all may be together."""
    return [
        "--core=0",
        f"--nofile={limits.open_files}",
        f"--fsize={limits.disk}",
        f"--data={2 * limits.memory}",
        f"--nproc={limits.processes + _SPARE_PROCESSES}",  # older kernels count all of the user's
    ]


def _program(name: str, remedy: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Unavailable(f"Programs of others are run in a sandbox, and {name} is not installed.", remedy)
    return found
