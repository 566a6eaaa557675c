"""Runs before `nats-server`, in its process: asks the kernel to end it when its parent dies.

Started as a script by a fresh interpreter, which then becomes the server (exec), so nothing of this remains.
A `preexec_fn` would do the same, but runs Python between fork and exec of a process with threads, which can
deadlock. Linux only; elsewhere the next start of the node ends a server that was left over.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(parent: int, command: list[str]) -> None:
    """Become `command`, unless process `parent` is already gone."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:  # it died before the line above
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 (the point of this file)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
