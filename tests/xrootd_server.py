"""A real XRootD server on the loopback, for tests: it serves a folder, can be killed, and comes back.

with XrootdServer(tmp_path) as server:
    uproot.open(server.url("a.root"))
    server.stop()  # SIGKILL: connections break as in a crash
    server.start()  # the same port
    with server.away(2.0):  # killed now, back in two seconds, whatever the test does meanwhile
        ...
"""

import fcntl
import importlib.util
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"
NOBODY = "nobody"  # xrootd refuses to run as root
ATTEMPTS = 3  # to start: another process may take the port for a moment
ANSWER_S = 30.0  # a start takes 0.1 s; CI may be busy
# Kills the server when its stdin ends, that is when the test's process is gone, however it went.
WATCHED = 'exec 3<&0; (read -r _ <&3; kill -9 $$) & exec "$@" </dev/null 3<&-'
HANDSHAKE = struct.pack(">5i", 0, 0, 0, 4, 2012)  # of the XRootD protocol; the server answers 16 bytes


def missing() -> str | None:
    """What this machine lacks to run the server and its client, in one line; None where all is there."""
    if shutil.which("xrootd") is None:
        return "no `xrootd`; on Debian and Ubuntu: apt install xrootd-server"
    if any(importlib.util.find_spec(name) is None for name in ("XRootD", "fsspec_xrootd")):
        return "no XRootD client; install the extra `xrootd`: pip install fsspec-xrootd xrootd"
    return None


def free_port() -> int:
    """A port of the loopback on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class XrootdServer:
    """Serves a folder read-only at root://127.0.0.1:port//.

    The folder may lie below closed ones, such as pytest's tmp_path (mode 0700): the server gets it
    as an open file descriptor. As root, where the server runs as `nobody`, the folder and its files
    are made readable for others; their parents stay closed.

    Args:
        folder: What to serve.
        bytes_per_s: Limit of the rate at which data are sent, so that a test can interrupt a read.

    Attributes:
        port: The port; it stays the same over restarts.
    """

    def __init__(self, folder: str | Path, bytes_per_s: int | None = None) -> None:
        self.port = free_port()
        self._folder, self._rate = Path(folder), bytes_per_s
        self._process: subprocess.Popen[bytes] | None = None
        self._admin = Path(tempfile.mkdtemp(prefix="xrootd-", dir="/tmp"))  # short: it holds sockets
        self._lock = threading.RLock()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def prefix(self) -> str:
        """Address of the server, as a redirector is given: root://host:port/."""
        return f"root://{HOST}:{self.port}/"

    def url(self, name: str | Path) -> str:
        """The root:// address of a file of the folder, given by its path there or its absolute one."""
        self._open_up()
        name = Path(name)
        return f"{self.prefix}/{name.relative_to(self._folder) if name.is_absolute() else name}"

    def start(self) -> None:
        """Start, or start again on the same port; return when it answers.

        Raises:
            RuntimeError: It ended, or did not answer in 30 s, three times; the message ends with its log.
        """
        with self._lock:
            self._open_up()
            problem = None
            for _ in range(ATTEMPTS):
                if self.running:
                    return
                opened = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    folder = fcntl.fcntl(opened, fcntl.F_DUPFD_CLOEXEC, 10)  # below 10 the shell has its own
                finally:
                    os.close(opened)
                try:
                    self._process = self._spawn(folder)
                finally:
                    os.close(folder)
                problem = self._wait()
            if problem:
                raise RuntimeError(f"{problem}\n{self.log()[-3000:]}")

    def stop(self, how: int = signal.SIGKILL) -> None:
        """End the process, by default as a crash does."""
        with self._lock:
            process, self._process = self._process, None
            if process is None:
                return
            try:
                process.send_signal(how)
                process.send_signal(signal.SIGCONT)
                process.wait(timeout=ANSWER_S)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                assert process.stdin is not None
                process.stdin.close()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Within, the server holds its connections but answers nothing, as an overloaded one."""
        process = self._process
        assert process is not None
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    @contextmanager
    def away(self, seconds: float, after: float = 0.0) -> Iterator[threading.Thread]:
        """Kill the server `after` seconds, and start it again `seconds` later; both in a thread.

        With `after` 0 it is dead when the body begins. The end of the body waits until it is back.

        Yields:
            The thread; it ends when the server answers again.
        """
        if not after:
            self.stop()
        thread = threading.Thread(target=self._leave, args=(after, seconds))
        thread.start()
        try:
            yield thread
        finally:
            thread.join()

    def close(self) -> None:
        """Kill the server and remove its files; the folder stays."""
        self.stop()
        shutil.rmtree(self._admin, ignore_errors=True)

    def log(self) -> str:
        """What the server wrote since its first start."""
        path = self._admin / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def requests(self) -> dict[str, int]:
        """Requests that the server has seen since its first start, by kind: open, read, readv, stat, …"""
        counts: dict[str, int] = {}
        for kind in re.findall(r" req=(\w+)", self.log()):
            counts[kind] = counts.get(kind, 0) + 1
        return counts

    def _leave(self, after: float, seconds: float) -> None:
        time.sleep(after)
        self.stop()
        time.sleep(seconds)
        self.start()

    def _open_up(self) -> None:
        """As root: let `nobody` read the folder."""
        if os.geteuid() != 0:
            return
        for path in (self._folder, *self._folder.rglob("*")):
            with suppress(FileNotFoundError):
                path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))

    def _spawn(self, folder: int) -> subprocess.Popen[bytes]:
        lines = [
            f"xrd.port {self.port}",
            f"xrd.allow host {HOST}",
            f"all.adminpath {self._admin}",
            f"all.pidpath {self._admin}",
            "all.export / r/o",
            f"oss.localroot /proc/self/fd/{folder}",
            "xrootd.trace request",
        ]
        if self._rate is not None:
            lines += ["xrootd.fslib throttle default", f"throttle.throttle data {self._rate}"]
        config = self._admin / "config"
        config.write_text("\n".join(lines) + "\n")
        command = ["xrootd", "-I", "v4", "-c", str(config), "-l", str(self._admin / "log")]
        if os.geteuid() == 0:
            # Not Popen(user=…): that forks, and a process that has used the client may hang in a fork.
            command += ["-R", NOBODY]
            shutil.chown(self._admin, NOBODY)
        with (self._admin / "stderr").open("ab") as errors:
            return subprocess.Popen(
                ["sh", "-c", WATCHED, "sh", *command],
                cwd=self._admin,
                stdin=subprocess.PIPE,
                stdout=errors,
                stderr=errors,
                pass_fds=(folder,),
                start_new_session=True,
            )

    def _wait(self) -> str | None:
        """Wait until the server answers; what went wrong where it does not."""
        deadline = time.monotonic() + ANSWER_S
        while self.running and time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection((HOST, self.port), timeout=1) as connection:
                connection.sendall(HANDSHAKE)
                if connection.recv(16):
                    return None
            time.sleep(0.02)
        how = f"did not answer in {ANSWER_S:.0f} s" if self.running else "ended"
        self.stop()
        return f"xrootd {how} on port {self.port}:\n{(self._admin / 'stderr').read_text(errors='replace')}"
