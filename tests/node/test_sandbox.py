"""Programs that mean harm, run in the sandbox: what they reach, and what ends them."""

from __future__ import annotations

import http.server
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node.errors import BadRequest, Unavailable
from node.sandbox import (
    Ended,
    Limits,
    Mount,
    check_sandbox,
    interpreter_prefixes,
    plain_files,
    read_plain,
    run,
)
from node.sandbox.system_calls import seccomp_filter
from node.sandbox.watch import Watch

MB = 1 << 20
PYTHON = Path(sys.executable)
LIMITS = Limits(seconds=30, memory=256 * MB, processes=20, disk=8 * MB, files=500)

Program = Callable[..., Ended]


@pytest.fixture(scope="session")
def program() -> Program:
    """Run a Python program in the sandbox."""
    prefixes = interpreter_prefixes(PYTHON)

    def start(source: str, *mounts: Mount, stop: threading.Event | None = None, **limits: float) -> Ended:
        return run(
            [str(PYTHON), "-c", source],
            mounts=mounts,
            prefixes=prefixes,
            limits=replace(LIMITS, **limits),  # type: ignore[arg-type]
            stop=stop,
        )

    return start


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def alive(mark: str) -> list[str]:
    """The processes of this machine whose command line holds a mark."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark.encode() in (entry / "cmdline").read_bytes():
                    found.append(entry.name)
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


# What it is given, it sees; what it writes, is there


def test_a_program_reads_and_writes_what_is_mounted(program: Program, tmp_path: Path, work: Path) -> None:
    (tmp_path / "given.txt").write_text("forty-two")
    ended = program(
        "text = open('/given/x.txt').read(); open('/here/out.txt', 'w').write(text.upper()); print('done')",
        Mount(tmp_path / "given.txt", "/given/x.txt"),
        Mount(work, "/here", writable=True),
    )
    assert ended.succeeded
    assert (ended.exit_code, ended.ended_by, ended.output, ended.errors) == (0, None, "done\n", "")
    assert (work / "out.txt").read_text() == "FORTY-TWO"


def test_what_is_mounted_to_be_read_cannot_be_written(program: Program, tmp_path: Path) -> None:
    (tmp_path / "given.txt").write_text("as it was")
    ended = program("open('/given/given.txt', 'w')", Mount(tmp_path, "/given"))
    assert ended.exit_code == 1
    assert "Read-only file system" in ended.errors
    assert (tmp_path / "given.txt").read_text() == "as it was"


def test_a_programs_exit_code_is_told(program: Program) -> None:
    ended = program("import sys; sys.exit(7)")
    assert (ended.exit_code, ended.reason) == (7, "it ended with exit code 7")


def test_a_program_that_crashes_is_told_by_its_signal(program: Program) -> None:
    assert program("import os; os.abort()").reason == "it was ended by SIGABRT"


def test_a_program_that_does_not_exist_has_failed() -> None:
    ended = run(["/no/such/program"])
    assert ended.exit_code == 127
    assert "/no/such/program" in ended.errors


def test_environment_and_folder_are_those_given() -> None:
    ended = run(["/bin/sh", "-c", "echo $PWD $THREADS $SECRET"], environment={"THREADS": "2"}, folder="/usr")
    assert ended.output == "/usr 2\n"


def test_nothing_of_our_environment_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUFFICE_SECRET_KEY", "hunter2")
    ended = run(["/bin/sh", "-c", "env; cat /proc/1/environ"])
    assert ended.succeeded
    assert "hunter2" not in ended.output


# What it does not reach


def test_home_folders_and_the_rest_of_the_machine_are_not_there(
    program: Program, tmp_path: Path, work: Path
) -> None:
    secret = tmp_path / "home" / "credentials.json"
    secret.parent.mkdir()
    secret.write_text("the node's")
    ended = program(
        f"""
import os
for place in ({str(secret)!r}, {str(Path.home() / ".ssh")!r}, {str(Path.home() / ".suffice")!r}, '/home',
              '/etc/shadow', '/run', '/var', '/sys', '/boot', {str(Path(__file__))!r}):
    assert not os.path.exists(place), place
assert '.bashrc' not in os.listdir(os.path.expanduser('~'))
print(sorted(os.listdir('/tmp')), sorted(os.listdir('/here')))
""",
        Mount(work, "/here", writable=True),
    )
    assert ended.succeeded, ended.errors
    # Of what is there outside, at most the way to the interpreter, if that lies there.
    prefixes = [Path(prefix).parts for prefix in (sys.prefix, sys.base_prefix)]
    ways = {parts[2] for parts in prefixes if parts[1] == "tmp"}
    assert ended.output == f"{sorted(ways)} []\n"


@pytest.fixture
def server() -> Iterator[int]:
    """The port of something that listens on this machine."""
    listening = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield listening.server_port
    listening.shutdown()
    thread.join()
    listening.server_close()


def test_there_is_no_network(program: Program, server: int) -> None:
    ended = program(
        f"""
import socket
for family, address in ((socket.AF_INET, ('127.0.0.1', {server})), (socket.AF_INET, ('1.1.1.1', 53))):
    try:
        socket.create_connection(address, timeout=5)
        print('reached', address)
    except OSError as error:
        print(type(error).__name__)
print(socket.if_nameindex())
"""
    )
    assert ended.output.splitlines()[:2] == ["ConnectionRefusedError", "OSError"]
    assert ended.output.splitlines()[2] == "[(1, 'lo')]"


def test_other_processes_are_not_seen_and_not_reached(program: Program) -> None:
    ended = program(
        f"""
import os
print(sorted(int(name) for name in os.listdir('/proc') if name.isdigit()) == [1, os.getpid()])
try:
    os.kill({os.getpid()}, 9)
except ProcessLookupError:
    print('nobody')
"""
    )
    assert ended.output == "True\nnobody\n"


def test_the_kernels_settings_cannot_be_changed_even_by_root(program: Program) -> None:
    before = Path("/proc/sys/kernel/core_pattern").read_text()
    ended = program("open('/proc/sys/kernel/core_pattern', 'w').write('|/tmp/mine')")
    assert "Read-only file system" in ended.errors
    assert Path("/proc/sys/kernel/core_pattern").read_text() == before


def test_the_system_cannot_be_written(program: Program) -> None:
    ended = program(
        """
for place in ('/new', '/usr/bin/new', '/etc/new', '/dev/new', '/root/new', '/proc/self/oom_score_adj'):
    try:
        open(place, 'w')
        print('wrote', place)
    except OSError as error:
        print(error.strerror)
"""
    )
    assert set(ended.output.splitlines()) <= {"Read-only file system", "No such file or directory"}


@pytest.mark.parametrize("call", ["unshare(0x10000000)", "memfd_create(b'x', 0)", "shmget(0, 4096, 0o1600)"])
def test_calls_around_the_watch_do_not_exist(program: Program, call: str) -> None:
    ended = program(f"import ctypes, os; c = ctypes.CDLL(None, use_errno=True); r = c.{call}; "
                    "print(r, os.strerror(ctypes.get_errno()))")  # fmt: skip
    assert ended.output == "-1 Function not implemented\n"


def test_threads_and_processes_of_its_own_work(program: Program) -> None:
    ended = program(
        """
import multiprocessing, threading
thread = threading.Thread(target=print, args=('thread',))
thread.start()
thread.join()
with multiprocessing.get_context('fork').Pool(2) as pool:
    print(pool.map(abs, [-1, -2, -3]))
"""
    )
    assert ended.output == "thread\n[1, 2, 3]\n", ended.errors


def test_a_machine_whose_calls_are_not_known_is_refused() -> None:
    with pytest.raises(Unavailable, match="riscv64"):
        seccomp_filter("riscv64")


# What ends it


def test_a_program_that_sleeps_is_ended(program: Program) -> None:
    ended = program("print('begun'); import time; time.sleep(1000)", seconds=1)
    assert (ended.exit_code, ended.ended_by, ended.reason) == (None, "time", "it ran longer than 1 s")
    assert ended.output == "begun\n"
    assert ended.seconds < 10


def test_a_program_that_ignores_signals_is_ended_with_its_grandchildren(program: Program) -> None:
    ended = program(
        """
import os, signal, subprocess, sys, time
for number in range(1, 32):
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_IGN)
child = "import os, time; os.setsid(); os.close(1); os.close(2); time.sleep(1000) # mark-of-grandchildren"
for _ in range(3):
    subprocess.Popen([sys.executable, "-c", child])
time.sleep(1000)
""",
        seconds=1,
    )
    assert ended.ended_by == "time"
    assert alive("mark-of-grandchildren") == []


def test_what_a_program_leaves_running_ends_with_it(program: Program) -> None:
    child = "import time; time.sleep(1000) # mark-of-leftover"
    ended = program(
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}], start_new_session=True)"
    )
    assert ended.succeeded
    assert alive("mark-of-leftover") == []


def test_a_program_that_forks_for_ever_is_ended(program: Program) -> None:
    ended = program("import os\nwhile True:\n    os.fork() # mark-of-forks")
    assert ended.ended_by == "processes"
    assert ended.reason == "it ran more than 20 processes and threads"
    assert alive("mark-of-forks") == []


def test_threads_count_as_processes(program: Program) -> None:
    ended = program(
        """
import threading, time
for _ in range(50):
    threading.Thread(target=time.sleep, args=(1000,)).start()
"""
    )
    assert ended.ended_by == "processes"


def test_a_program_that_takes_memory_bit_by_bit_is_ended(program: Program) -> None:
    ended = program(
        "import time\nheld = []\nwhile True:\n    held.append(b'x' * (4 << 20)); time.sleep(0.005)"
    )
    assert (ended.ended_by, ended.reason) == ("memory", "it used more than 256 MB of memory")


def test_a_program_that_takes_memory_at_once_is_refused_it(program: Program) -> None:
    ended = program("b'x' * (64 << 30)")
    assert ended.exit_code == 1
    assert "MemoryError" in ended.errors


def test_memory_is_that_of_all_processes_together(program: Program) -> None:
    ended = program(
        """
import os, time
for _ in range(4):
    if os.fork() == 0:
        break
held = os.urandom(100 << 20)
time.sleep(1000)
"""
    )
    assert ended.ended_by == "memory"


def test_memory_that_processes_share_counts_once(program: Program) -> None:
    ended = program(
        """
import os, time
held = os.urandom(100 << 20)
children = []
for _ in range(4):
    child = os.fork()
    if child == 0:
        time.sleep(0.5)
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
"""
    )
    assert ended.succeeded, ended


def test_a_program_that_hides_its_memory_is_ended(program: Program) -> None:
    ended = program(
        """
import ctypes, time
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
held = []
while True:
    held.append(b'x' * (4 << 20))
    time.sleep(0.005)
"""
    )
    assert ended.ended_by == "memory"


def test_a_run_ends_before_the_machine_has_nothing_left(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter([1 << 40])
    monkeypatch.setattr("node.sandbox.watch._available_memory", lambda: next(left, 0))
    ended = program("import time; time.sleep(1000)")
    assert ended.ended_by == "memory"
    assert ended.reason.startswith("the machine had less than")


@pytest.mark.parametrize("what", ["memory", "disk"])
def test_no_program_is_blamed_for_a_machine_that_had_nothing_left_before(
    program: Program, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    full = shutil.disk_usage("/")._replace(free=0)
    if what == "memory":
        monkeypatch.setattr("node.sandbox.watch._available_memory", lambda: 0)
    else:
        monkeypatch.setattr("node.sandbox.watch.shutil.disk_usage", lambda folder: full)
    with pytest.raises(Unavailable, match=f"has less than 256 MB of {what} left"):
        program("pass")


@pytest.mark.parametrize("place", ["/here", "/tmp"])  # noqa: S108 - in the sandbox
def test_a_program_that_writes_one_file_for_ever_is_ended(program: Program, work: Path, place: str) -> None:
    ended = program(
        f"""
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
with open('{place}/large', 'wb') as file:
    while True:
        file.write(bytes(1 << 16))
""",
        Mount(work, "/here", writable=True),
    )
    assert ended.ended_by == "disk"
    assert ended.reason == "it wrote more than 8 MB or 500 files, or out of sight"
    assert sum(path.stat().st_size for path in work.iterdir()) <= 8 * MB


@pytest.mark.parametrize("size", [0, 1 << 20], ids=["empty", "filled"])
def test_a_program_that_writes_many_files_is_ended(program: Program, work: Path, size: int) -> None:
    ended = program(
        "import itertools, time\nfor i in itertools.count():\n"
        f"    open(f'/here/{{i}}', 'wb').write(bytes({size})); time.sleep(0.001)",
        Mount(work, "/here", writable=True),
    )
    assert ended.ended_by == "disk"


def test_files_that_are_deleted_but_held_open_count(program: Program, work: Path) -> None:
    ended = program(
        """
import itertools, os, time
held = []
for i in itertools.count():
    held.append(open(f'/here/{i}', 'wb'))
    held[-1].write(bytes(1 << 20))
    held[-1].flush()
    os.unlink(f'/here/{i}')
    time.sleep(0.01)
""",
        Mount(work, "/here", writable=True),
    )
    assert ended.ended_by == "disk"


def test_folders_deeper_than_any_path_are_ended_and_can_be_removed(program: Program) -> None:
    ended = program("import os\nwhile True:\n    os.mkdir('d'); os.chdir('d')", files=10_000)
    assert ended.ended_by == "disk"


def test_what_a_program_wrote_quickly_is_counted_at_its_end(program: Program, work: Path) -> None:
    ended = program(
        "for i in range(20): open(f'/here/{i}', 'wb').write(bytes(1 << 20))",
        Mount(work, "/here", writable=True),
    )
    assert ended.ended_by == "disk"


def test_what_lies_in_a_mount_before_does_not_count(program: Program, work: Path) -> None:
    (work / "given").write_bytes(bytes(16 * MB))
    ended = program("open('/here/more', 'w').write('x')", Mount(work, "/here", writable=True))
    assert ended.succeeded


def test_of_a_flood_of_output_the_end_is_kept(program: Program) -> None:
    ended = program("for i in range(300_000): print(i)\nraise SystemExit('last words')", output=4096)
    assert len(ended.output) == 4096
    assert ended.output.endswith("299999\n")
    assert ended.errors == "last words\n"


def test_an_output_without_end_is_ended_by_its_time(program: Program) -> None:
    ended = program("import os\nwhile True: os.write(2, b'x' * 65536)", seconds=1)
    assert ended.ended_by == "time"
    assert len(ended.errors) == LIMITS.output


def test_a_run_is_stopped_from_outside(program: Program, work: Path) -> None:
    stop = threading.Event()

    def stop_when_begun() -> None:
        deadline = time.monotonic() + 30
        while not (work / "begun").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        stop.set()

    thread = threading.Thread(target=stop_when_begun)
    thread.start()
    ended = program(
        "open('/here/begun', 'w'); import time; time.sleep(1000)",
        Mount(work, "/here", writable=True),
        stop=stop,
    )
    thread.join()
    assert (ended.ended_by, ended.reason) == ("stop", "it was stopped")


def test_a_sandbox_that_somebody_else_ends_is_told_by_the_signal(program: Program, work: Path) -> None:
    def end_when_begun() -> None:
        deadline = time.monotonic() + 30
        while not (work / "begun").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        for number in alive("mark-of-ended"):
            status = Path("/proc", number, "status").read_text()
            if f"\nPPid:\t{os.getpid()}\n" in status:
                os.kill(int(number), signal.SIGTERM)

    thread = threading.Thread(target=end_when_begun)
    thread.start()
    ended = program(
        "open('/here/begun', 'w'); import time; time.sleep(1000) # mark-of-ended",
        Mount(work, "/here", writable=True),
    )
    thread.join()
    assert (ended.exit_code, ended.reason) == (143, "it was ended by SIGTERM")


def test_a_run_is_stopped_before_it_has_begun(program: Program) -> None:
    stop = threading.Event()
    stop.set()
    assert program("print('begun')", stop=stop).ended_by == "stop"


def test_a_run_ends_with_the_process_that_asked_for_it(tmp_path: Path, work: Path) -> None:
    source = f"""
from pathlib import Path
from node.sandbox import Mount, run
run(['/bin/sh', '-c', 'echo begun > /here/begun; sleep 1000 # mark-of-orphan'],
    mounts=[Mount(Path({str(work)!r}), '/here', writable=True)], scratch=Path({str(tmp_path)!r}))
"""
    with subprocess.Popen([sys.executable, "-c", source]) as process:
        while not (work / "begun").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    deadline = time.monotonic() + 30
    while alive("mark-of-orphan"):  # the kernel ends them when their parent is gone
        assert time.monotonic() < deadline
        time.sleep(0.01)


# What it leaves


def test_links_that_it_leaves_are_not_followed(program: Program, tmp_path: Path, work: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("hunter2")
    ended = program(
        f"""
import os
os.makedirs('/here/real')
open('/here/real/file', 'w').write('mine')
os.symlink({str(tmp_path / "secret" / "key")!r}, '/here/link')
os.symlink({str(tmp_path / "secret")!r}, '/here/folder')
os.symlink('/etc/passwd', '/here/real/passwd')
os.mkfifo('/here/pipe')
""",
        Mount(work, "/here", writable=True),
    )
    assert ended.succeeded, ended.errors
    assert list(plain_files(work)) == ["real/file"]
    assert read_plain(work, "real/file", 100) == b"mine"
    for name in ("link", "folder/key", "real/passwd", "pipe", "real", "nothing"):
        with pytest.raises(BadRequest, match=name):
            read_plain(work, name, 100)
    with pytest.raises(BadRequest, match="more than 3 bytes"):
        read_plain(work, "real/file", 3)


def test_what_it_closed_to_us_is_open_afterwards(program: Program, work: Path) -> None:
    """Or else whoever reads it stumbles, if he is not root."""
    ended = program(
        """
import os
os.mkdir('/here/folder')
open('/here/folder/file', 'w').close()
os.symlink('/here/nothing', '/here/link')
for place in ('/here/folder/file', '/here/folder', '/here'):
    os.chmod(place, 0)
""",
        Mount(work, "/here", writable=True),
    )
    assert ended.succeeded, ended.errors
    modes = [
        stat.S_IMODE(place.stat().st_mode) for place in (work, work / "folder", work / "folder" / "file")
    ]
    assert modes == [0o700, 0o700, 0o600]


def test_a_folder_that_the_watch_may_not_look_into_counts_as_too_much(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is not root does not see what is written there."""
    (work / "closed").mkdir()
    watch = Watch(LIMITS, [work])

    def scandir(place: str) -> Iterator[os.DirEntry[str]]:
        if place.endswith("closed"):
            raise PermissionError
        return looked(place)

    looked = os.scandir
    monkeypatch.setattr("node.sandbox.watch.os.scandir", scandir)
    passed = watch.passed()
    assert passed is not None and passed.limit == "disk"


def test_its_private_folder_is_removed_whatever_is_in_it(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ended = program("import os; os.makedirs('/tmp/a/b'); open('/tmp/a/b/c', 'w'); os.chmod('/tmp/a', 0)")
    assert ended.succeeded, ended.errors
    assert list(tmp_path.iterdir()) == []


def test_its_private_folder_is_kept_where_its_caller_wants(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    ended = run(
        ["/bin/sh", "-c", "echo mine > /tmp/x; cat /here/*/tmp/x"],
        mounts=[Mount(scratch, "/here")],
        scratch=scratch,
    )
    assert ended.output == "mine\n"
    assert list(scratch.iterdir()) == []


def test_files_are_ours_and_private_to_the_sandbox_folder(program: Program, work: Path) -> None:
    program("open('/here/x', 'w')", Mount(work, "/here", writable=True))
    found = (work / "x").stat()
    assert found.st_uid == os.getuid()
    assert stat.S_ISREG(found.st_mode)


# A machine without


def test_a_machine_without_bubblewrap_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Unavailable, match="bwrap is not installed") as refused:
        check_sandbox()
    assert "apt-get install bubblewrap" in refused.value.remedy


def test_a_machine_that_may_not_make_namespaces_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "bwrap: No permissions to create a new namespace"
    (tmp_path / "bwrap").write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(Unavailable, match="No permissions") as refused:
        check_sandbox()
    assert "unprivileged_userns" in refused.value.remedy


def test_this_machine_makes_sandboxes() -> None:
    check_sandbox()


def test_a_mount_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="nothing-here"):
        run(["true"], mounts=[Mount(tmp_path / "nothing-here", "/x")])


def test_a_mount_that_would_hide_the_interpreter_is_refused(program: Program, work: Path) -> None:
    with pytest.raises(BadRequest, match="would hide"):
        program("", Mount(work, str(Path(sys.prefix).parent)))


# Interpreters


def test_an_interpreters_folders_are_its_own_and_its_bases() -> None:
    prefixes = interpreter_prefixes(PYTHON)
    assert Path(sys.prefix) in prefixes
    assert all(not Path.home().is_relative_to(prefix) for prefix in prefixes)


def test_what_is_not_an_interpreter_is_refused(tmp_path: Path) -> None:
    for place in (tmp_path / "nothing", Path("/bin/true"), Path("python")):
        with pytest.raises(BadRequest, match="interpreter"):
            interpreter_prefixes(place)


def test_an_interpreter_that_would_show_a_home_folder_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(Path(sys.prefix) / "somebody"))
    with pytest.raises(BadRequest, match="holds the home folder"):
        interpreter_prefixes(PYTHON)
