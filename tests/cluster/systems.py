"""A real Slurm and a real HTCondor on this machine, for tests; as root, on Linux, from Debian packages.

with Slurm() as system:
    subprocess.run(["squeue"], env=system.environment())

The daemons and their jobs live in a namespace of processes of their own: it ends with its first process,
which ends when its standard input does, that is with `stop` or with the test, however that ends. Mounts are
in a private namespace, too. So nothing is left but files below the folder.
"""

import contextlib
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from jetsmith.batch.common import run_name

ROOT = Path(__file__).parent.parent.parent
CONDOR_ROOT = ROOT / ".cluster" / "htcondor"
HOW = "`make test-cluster` installs it, as root or with sudo"
READY_S = 60.0
COMMAND_S = 60
ACTIVE = ("PENDING", "RUNNING")
SUPERVISOR = 'mount -t proc proc /proc; . "$0/start.sh"; read -r _ || true; rm -rf --one-file-system "$0"'
"""First process of the namespace: starts the daemons, waits for the end of its input, and clears up."""


@dataclass(frozen=True)
class BatchJob:
    """A job as the batch system has it on record.

    Attributes:
        id: Its number.
        rule: Rule of Snakemake, as submitted.
        run: Name of the run.
        state: In capitals, as Slurm writes states: PENDING, RUNNING, COMPLETED, FAILED, CANCELLED, …
        exit_code: None where it has none.
        asked: Resources: cpus, mem_mb, runtime [min], gpu, disk_mb, partition, account, node.
    """

    id: str
    rule: str
    run: str
    state: str
    exit_code: int | None
    asked: dict[str, object]


def missing() -> str | None:
    """What this machine lacks, in one line; None where all is there."""
    if os.geteuid() != 0:
        return f"the cluster tests start daemons, which needs root: {HOW}"
    for system in ("slurm", "htcondor"):
        if importlib.util.find_spec(f"snakemake_executor_plugin_{system}") is None:
            return f"no plugin of Snakemake for {system}: {HOW}"
    programs = ("slurmctld", "slurmd", "munged", "squeue", "unshare", "nsenter", "setpriv")
    for program in programs:
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
            return f"no `{program}`: {HOW}"
    if not (CONDOR_ROOT / "usr/sbin/condor_master").exists():
        return f"no HTCondor in {CONDOR_ROOT}: {HOW}"
    if Path(sys.base_prefix) == Path("/usr"):
        return (
            "jobs of the HTCondor of the tests do not see Python in /usr: make .venv from another (uv, pyenv)"
        )
    return None


def free_port_block(size: int) -> int:
    """The first of some neighbouring ports of the loopback on which nobody listens."""
    for first in range(16_800, 30_000, 100):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + size):
                    probe = stack.enter_context(socket.socket())
                    probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise RuntimeError("no free ports")


class System(ABC):
    """A batch system in a namespace of its own.

    Attributes:
        folder: Its files; removed at the end.
    """

    name = ""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="jetsmith-", dir="/tmp"))  # short: it holds sockets
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the daemons; return when they take jobs."""
        self.folder.chmod(0o755)
        (self.folder / "start.sh").write_text(self.configure())
        with (self.folder / "start.log").open("wb") as log:
            self._process = subprocess.Popen(
                ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--propagation", "private"]
                + ["bash", "-ec", SUPERVISOR, str(self.folder)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_S
        while not self.is_ready():
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.1)

    def stop(self) -> None:
        """Kill the daemons and their jobs, all of them, and remove their files."""
        if self._process is not None:
            everything = self.processes()
            self._process.kill()
            self._process.wait()
            assert self._process.stdin is not None
            self._process.stdin.close()
            _, alive = psutil.wait_procs(everything, timeout=10)
            assert not alive, alive
            self._process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def processes(self, *words: str) -> list[psutil.Process]:
        """Living processes of the system and of its jobs whose command lines hold all words."""
        assert self._process is not None
        found = []
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self._process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    if all(word in " ".join(process.cmdline()) for word in words):
                        found.append(process)
        return found

    def log(self) -> str:
        """The ends of all log files, for messages."""
        paths = [self.folder / "start.log", *sorted(self.folder.glob("log/*"))]
        return "\n".join(
            f"{path}:\n{path.read_text(errors='replace')[-1500:]}" for path in paths if path.is_file()
        )

    def call(self, *command: str) -> str:
        """Run a command of the batch system; its output."""
        done = subprocess.run(
            command, env=self.environment(), capture_output=True, text=True, timeout=COMMAND_S, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stderr}\n{self.log()}"
        return done.stdout

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """Environment in which the commands of the system work."""

    @abstractmethod
    def configure(self) -> str:
        """Write the configuration; the shell script that starts the daemons."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether jobs are taken."""

    @abstractmethod
    def jobs(self) -> list[BatchJob]:
        """All jobs that the system has on record, in the order of their numbers."""

    def jobs_of(self, folder: Path) -> list[BatchJob]:
        """Those of a working folder."""
        return [job for job in self.jobs() if job.run == run_name(folder)]

    @abstractmethod
    def cancel(self, number: str) -> None:
        """As an operator does."""

    @abstractmethod
    def away(self) -> contextlib.AbstractContextManager[None]:
        """Without the daemon that takes jobs; at the end of the block it comes back."""


class Slurm(System):
    """Slurm without accounting: nodes n1 to n3, partitions main (n1, n2), gpu (n2), fragile (n3), short."""

    name = "slurm"

    def configure(self) -> str:
        here = self.folder
        for name in ("munge/sock", "log", "state", "run", "bin", "etc", *(f"spool/n{i}" for i in (1, 2, 3))):
            (here / name).mkdir(parents=True, mode=0o755)
        (here / "munge").chmod(0o755)
        key = here / "munge/key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        port, host = free_port_block(5), socket.gethostname().partition(".")[0]
        nodes = "".join(
            f"NodeName=n{i} NodeHostname={host} NodeAddr=127.0.0.1 Port={port + i} CPUs=8 Boards=1 "
            f"SocketsPerBoard=1 CoresPerSocket=8 ThreadsPerCore=1 RealMemory=64000 TmpDisk=20000"
            f"{' Gres=gpu:2' if i == 2 else ''}\n"
            for i in (1, 2, 3)
        )
        (here / "etc/slurm.conf").write_text(
            f"""ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={here}/munge/sock/m
CredType=cred/munge
StateSaveLocation={here}/state
SlurmdSpoolDir={here}/spool/%n
SlurmctldPidFile={here}/run/slurmctld.pid
SlurmdPidFile={here}/run/slurmd-%n.pid
SlurmctldLogFile={here}/log/slurmctld.log
SlurmdLogFile={here}/log/slurmd-%n.log
# No cgroups, no systemd; memory is watched once a second.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SwitchType=switch/none
MpiDefault=none
# More cores and memory than this machine has.
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=0,batch_sched_delay=0,default_queue_depth=1000
# squeue shows finished jobs for so long; at most sites it is 300.
MinJobAge=3600
KillWait=2
SlurmdTimeout=10
ReturnToService=2
DefMemPerCPU=256
AccountingStorageType=accounting_storage/none
GresTypes=gpu
{nodes}PartitionName=main Nodes=n1,n2 Default=YES MaxTime=UNLIMITED State=UP
PartitionName=gpu Nodes=n2 MaxTime=UNLIMITED State=UP
PartitionName=fragile Nodes=n3 MaxTime=60 State=UP
PartitionName=short Nodes=n1 MaxTime=60 State=UP
"""
        )
        for i in (0, 1):
            os.mknod(here / f"run/gpu{i}", 0o20666, os.makedev(1, 3))
        (here / "etc/gres.conf").write_text(f"NodeName=n2 Name=gpu File={here}/run/gpu[0-1]\n")
        # Snakemake's job step takes all SLURM_* away; sites have /etc/slurm/slurm.conf.
        srun = here / "bin/srun"
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={here}/etc/slurm.conf exec {shutil.which("srun")} "$@"\n')
        srun.chmod(0o755)
        return f"""export SLURM_CONF={here}/etc/slurm.conf PATH={here}/bin:$PATH:/usr/sbin:/sbin
munged --key-file={here}/munge/key --socket={here}/munge/sock/m --pid-file={here}/run/munged.pid \
    --log-file={here}/log/munged.log --seed-file={here}/munge/seed --num-threads=2
slurmctld -f $SLURM_CONF
for n in n1 n2 n3; do slurmd -f $SLURM_CONF -N $n; done
"""

    def environment(self) -> dict[str, str]:
        here = self.folder
        return os.environ | {
            "SLURM_CONF": f"{here}/etc/slurm.conf",
            "PATH": f"{here}/bin:{os.environ['PATH']}",
        }

    def is_ready(self) -> bool:
        done = subprocess.run(
            ["sinfo", "-h", "-N", "-o", "%t"],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=10,
        )
        return done.returncode == 0 and set(done.stdout.split()) == {"idle"}

    def jobs(self) -> list[BatchJob]:
        text = self.call("scontrol", "show", "job", "--oneliner", "--all")
        found = []
        for line in text.splitlines():
            fields = dict(part.partition("=")[::2] for part in line.split() if "=" in part)
            if "JobId" not in fields:
                continue
            number = fields["JobId"]
            if "ArrayJobId" in fields:
                number = f"{fields['ArrayJobId']}_{fields['ArrayTaskId']}"
            tres = dict(part.partition("=")[::2] for part in fields.get("TRES", "").split(","))
            code, _, by_signal = fields["ExitCode"].partition(":")
            asked: dict[str, object] = {
                "cpus": int(fields["NumCPUs"]),
                "mem_mb": _megabytes(tres.get("mem", fields.get("MinMemoryNode", "0"))),
                "runtime": _minutes(fields["TimeLimit"]),
                "gpu": int((re.findall(r"TresPer\w+=\S*gpu:(\d+)", line) or [0])[0]),
                "disk_mb": _megabytes(fields["MinTmpDiskNode"]),
                "partition": fields["Partition"],
                "account": fields.get("Account", ""),
                "node": fields.get("NodeList", ""),
            }
            rule = fields.get("Comment", "").removeprefix("rule_").partition("_wildcards_")[0]
            found.append(
                BatchJob(
                    number, rule, fields["JobName"], fields["JobState"], int(code) or int(by_signal), asked
                )
            )
        return found

    def cancel(self, number: str) -> None:
        self.call("scancel", number)

    def revive(self, *daemon: str) -> None:
        """Start a daemon again that was killed: `slurmctld`, or `slurmd -N <node>`."""
        pid = self.processes("munged")[0].pid  # it is in their namespaces
        here = self.folder
        command = ["nsenter", "--target", str(pid), "--pid", "--mount", "env"]
        command += [
            f"SLURM_CONF={here}/etc/slurm.conf",
            f"PATH={os.environ['PATH']}:/usr/sbin:/sbin",
            *daemon,
        ]
        subprocess.run(command, check=True, timeout=COMMAND_S, stdin=subprocess.DEVNULL)

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        for process in self.processes("slurmctld -f"):
            process.kill()
        try:
            yield
        finally:
            self.revive("slurmctld", "-f", f"{self.folder}/etc/slurm.conf")

    def crash(self, node: str) -> None:
        """Kill the daemon of a node and all that runs there."""
        for process in self.processes("slurmd", f"-N {node}") + self.processes("slurmstepd"):
            with contextlib.suppress(psutil.NoSuchProcess):
                children = process.children(recursive=True)
                if "slurmstepd" not in process.name() or any(
                    child.environ().get("SLURMD_NODENAME") == node for child in children
                ):
                    for victim in [process, *children]:
                        victim.kill()


class HTCondor(System):
    """A personal pool with one slot that is cut up; daemons of Debian 13 in a root folder of their own."""

    name = "htcondor"

    def configure(self) -> str:
        here = self.folder
        for name in ("log", "run", "lock", "spool", "execute", "tokens", "passwords", "bin", "s"):
            (here / name).mkdir(mode=0o755)
        (here / "execute").chmod(0o1777)
        (here / "passwords").chmod(0o700)
        port = free_port_block(1)
        (here / "condor_config").write_text(
            f"""RELEASE_DIR = /usr
LOCAL_DIR = {here}
RUN = {here}/run
LOG = {here}/log
LOCK = {here}/lock
SPOOL = {here}/spool
EXECUTE = {here}/execute
BIN = /usr/bin
SBIN = /usr/sbin
LIB = /usr/lib/condor
LIBEXEC = /usr/libexec/condor
SHARE = /usr/share/condor
SEC_PASSWORD_DIRECTORY = {here}/passwords
SEC_TOKEN_SYSTEM_DIRECTORY = {here}/tokens
LOCAL_CONFIG_DIR =
REQUIRE_LOCAL_CONFIG_FILE = false
CONDOR_HOST = 127.0.0.1
COLLECTOR_HOST = 127.0.0.1:{port}
NETWORK_INTERFACE = 127.0.0.1
BIND_ALL_INTERFACES = False
UID_DOMAIN = test.local
FILESYSTEM_DOMAIN = test.local
TRUST_UID_DOMAIN = True
NO_DNS = True
DEFAULT_DOMAIN_NAME = test.local
DAEMON_LIST = MASTER COLLECTOR NEGOTIATOR SCHEDD STARTD
USE_SHARED_PORT = True
SHARED_PORT_PORT = {port}
DAEMON_SOCKET_DIR = {here}/s
# HTCondor refuses jobs of root: the daemons see themselves as user 1000, and clients claim to be that user.
SEC_CLAIMTOBE_USER = test
SEC_DEFAULT_AUTHENTICATION = REQUIRED
SEC_DEFAULT_AUTHENTICATION_METHODS = FS, CLAIMTOBE
SEC_CLIENT_AUTHENTICATION_METHODS = CLAIMTOBE
SEC_DEFAULT_INTEGRITY = OPTIONAL
SEC_DEFAULT_ENCRYPTION = OPTIONAL
ALLOW_READ = *
ALLOW_WRITE = *
ALLOW_DAEMON = *
ALLOW_NEGOTIATOR = *
ALLOW_ADMINISTRATOR = *
QUEUE_SUPER_USERS = root, condor
# As CERN has it: the whole environment is not handed on.
SUBMIT_ALLOW_GETENV = False
# More than this machine has.
NUM_CPUS = 16
MEMORY = 128000
NUM_SLOTS = 1
NUM_SLOTS_TYPE_1 = 1
SLOT_TYPE_1 = 100%
SLOT_TYPE_1_PARTITIONABLE = True
MACHINE_RESOURCE_GPUs = CUDA0, CUDA1
START = True
PREEMPT = False
WANT_SUSPEND = False
RUNBENCHMARKS = 0
STARTD_NOCLAIM_SHUTDOWN = 0
SCHEDD_INTERVAL = 1
SCHEDD_MIN_INTERVAL = 1
NEGOTIATOR_INTERVAL = 1
NEGOTIATOR_CYCLE_DELAY = 1
NEGOTIATOR_MIN_INTERVAL = 1
UPDATE_INTERVAL = 3
STARTER_UPDATE_INTERVAL = 2
SHADOW_QUEUE_UPDATE_INTERVAL = 2
CLAIM_WORKLIFE = 600
JOB_START_DELAY = 0
BASE_CGROUP =
SYSTEM_PERIODIC_HOLD = (JobStatus == 2) && (MemoryUsage =!= undefined) && (MemoryUsage > RequestMemory)
SYSTEM_PERIODIC_HOLD_REASON = "memory usage exceeded request_memory"
PERIODIC_EXPR_INTERVAL = 2
MAX_PERIODIC_EXPR_INTERVAL = 4
SHADOW_WORKLIFE = 0
MachineMaxVacateTime = 2
KILLING_TIMEOUT = 2
"""
        )
        passwd, group = CONDOR_ROOT / "etc/passwd", CONDOR_ROOT / "etc/group"
        if "test:x:1000" not in passwd.read_text():
            with passwd.open("a") as file:
                file.write("test:x:1000:1000:test:/tmp:/bin/bash\n")
            with group.open("a") as file:
                file.write("test:x:1000:\n")
        for tool in ("submit", "rm", "q", "history", "status", "hold", "release"):
            script = here / f"bin/condor_{tool}"
            script.write_text(
                f"""#!/bin/sh
# In a job there is the real one; outside we step into the namespaces of the daemons.
[ -x /usr/bin/condor_{tool} ] && exec /usr/bin/condor_{tool} "$@"
exec nsenter --target "$(cat {here}/run/pid_outside)" --mount --user --preserve-credentials --root \
    --wdns="$PWD" env CONDOR_CONFIG={here}/condor_config /usr/bin/condor_{tool} "$@"
"""
            )
            script.chmod(0o755)
        # What jobs share with us, at the same places: this checkout, its Python, and /tmp.
        shared = {"/dev", "/sys", "/tmp", str(ROOT), str(Path(sys.prefix).resolve()), sys.base_prefix}
        binds = " ".join(f"'{path}'" for path in sorted(shared))
        return f"""R={CONDOR_ROOT}
for d in {binds}; do mkdir -p "$R$d"; mount --rbind "$d" "$R$d"; done
mount -t proc proc $R/proc
cp /etc/hosts $R/etc/ || true
unshare --user --map-user=1000 --map-group=1000 --root=$R --wd=/ env -i PATH=/usr/sbin:/usr/bin HOME=/tmp \
    USER=test LOGNAME=test CONDOR_CONFIG={here}/condor_config /usr/sbin/condor_master
"""

    def environment(self) -> dict[str, str]:
        return os.environ | {
            "CONDOR_CONFIG": f"{self.folder}/condor_config",
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
        }

    def is_ready(self) -> bool:
        masters = [
            process for process in self.processes("condor_master") if process.name() == "condor_master"
        ]
        if not masters:
            return False
        (self.folder / "run/pid_outside").write_text(str(masters[0].pid))
        for command in (["condor_status", "-af", "Name"], ["condor_q", "-af", "ClusterId"]):
            done = subprocess.run(command, env=self.environment(), capture_output=True, text=True, timeout=10)
            if done.returncode or (command[0] == "condor_status" and not done.stdout.strip()):
                return False
        return True

    def jobs(self) -> list[BatchJob]:
        found = {}
        for tool in ("condor_history", "condor_q"):  # the queue is newer
            text = self.call(tool, "-json")
            for ad in json.loads(text) if text.strip() else []:
                number = str(ad["ClusterId"])
                found[number] = BatchJob(
                    number,
                    str(ad.get("JobBatchName", "")).partition("-")[0],
                    str(ad.get("JetsmithRun", "")),
                    CONDOR_STATES[ad["JobStatus"]],
                    ad.get("ExitCode"),
                    {
                        "cpus": ad.get("RequestCpus"),
                        "mem_mb": ad.get("RequestMemory"),
                        "disk_mb": _number(ad.get("RequestDisk")) / 1024,
                        "gpu": ad.get("RequestGPUs", 0),
                        "runtime": _number(ad.get("MaxRuntime")) / 60,
                        "allowed_s": ad.get("AllowedExecuteDuration"),
                        "account": ad.get("AcctGroup", ""),
                    },
                )
        return [found[number] for number in sorted(found, key=int)]

    def cancel(self, number: str) -> None:
        self.call("condor_rm", number)

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        (master,) = [p for p in self.processes("condor_master") if p.name() == "condor_master"]
        master.suspend()  # it would start another
        for process in self.processes("condor_schedd"):
            process.kill()
        try:
            yield
        finally:
            master.resume()

    def hold(self, number: str) -> None:
        """As an operator does."""
        self.call("condor_hold", number)

    def crash(self, word: str) -> None:
        """Kill whatever runs the job whose command line holds a word, the starter of HTCondor first."""
        for process in self.processes("condor_starter"):
            with contextlib.suppress(psutil.NoSuchProcess):
                children = process.children(recursive=True)
                if any(word in child.cmdline() for child in children):
                    process.kill()
                    for child in children:
                        with contextlib.suppress(psutil.NoSuchProcess):
                            child.kill()


CONDOR_STATES = {
    1: "PENDING", 2: "RUNNING", 3: "CANCELLED", 4: "COMPLETED", 5: "HELD", 6: "RUNNING", 7: "SUSPENDED",
}  # fmt: skip


def _number(value: object) -> float:
    """An attribute; where it is still an expression, 0."""
    return float(value) if isinstance(value, int | float) else 0.0


def _megabytes(text: str) -> int:
    units = {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2}
    return round(float(text.rstrip("KMGTnc")) * units.get(text.rstrip("nc")[-1:], 1))


def _minutes(text: str) -> float:
    """Of Slurm's D-HH:MM:SS."""
    days, _, clock = text.rpartition("-")
    hours, minutes, seconds = map(int, clock.split(":"))
    return (int(days or 0) * 24 + hours) * 60 + minutes + seconds / 60
