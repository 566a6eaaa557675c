"""Runs other people's programs so that they reach nothing but what they are given.

`run` starts a command under bubblewrap (Linux namespaces, without a daemon): no network, a read-only system,
the named folders and nothing else of this machine, and limits on time, memory, processes and disk that one
result names. It blocks: call it from a thread or a worker process. What a program leaves behind is read with
`plain_files` and `read_plain`, which follow no link that it may have laid.

What it does not keep from a program: how much processor it takes within its time, and what the system's
read-only files (`/usr`) say.
"""

from node.sandbox.asked import Ended, Limits, Mount
from node.sandbox.interpreter import interpreter_prefixes
from node.sandbox.leftovers import drop_links, plain_files, read_plain, remove_folder
from node.sandbox.running import check_sandbox, run

__all__ = [
    "Ended",
    "Limits",
    "Mount",
    "check_sandbox",
    "drop_links",
    "interpreter_prefixes",
    "plain_files",
    "read_plain",
    "remove_folder",
    "run",
]
