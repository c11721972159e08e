"""A Slurm of one node on this machine, for the length of a `with`: its keys, spools and logs lie in one folder.

Usage: python -m tests.slurm.cluster COMMAND ..., which runs a command beside one, for trying things out
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

CPUS = 4  # as many as the tests ask for at once, whatever the machine has
SLURM_CONF = """\
ClusterName=mnnfem
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
KillWait=10
MinJobAge=86400
ReturnToService=2
NodeName=node NodeHostname=localhost NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory}
DefMemPerCPU=1500
PartitionName=long Nodes=node Default=YES MaxTime=1440 State=UP OverTimeLimit=0
"""
START_SECONDS = 30.0


@contextmanager
def slurm(folder: Path) -> Iterator[dict[str, str]]:
    """Start munged, slurmctld and slurmd, give the variables under which Slurm's commands find them, and stop them."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    daemons = {name: shutil.which(name, path=path) for name in ("munged", "slurmctld", "slurmd")}
    missing = [name for name, place in daemons.items() if place is None]
    if missing:
        raise FileNotFoundError(f"{' and '.join(missing)} are not here: MNNFEM_WITH=slurm ./run pytest -m slurm")
    _configure(folder)
    environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
    munge = [f"--{name}-file={folder}/munge.{name}" for name in ("key", "pid", "seed", "log")]
    with ExitStack() as running:
        for command in (
            [daemons["munged"], "--foreground", "--force", f"--socket={folder}/munge.socket", *munge],
            [daemons["slurmctld"], "-D", "-i", "-c"],
            [daemons["slurmd"], "-D", "-N", "node"],
        ):
            running.enter_context(_daemon([str(word) for word in command], folder, environment))
        _wait_until_idle(folder, environment)
        try:
            yield environment
        finally:
            subprocess.run(["scancel", f"--user={_user()}"], env=environment)
            _wait_until_idle(folder, environment)


def _user() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def _configure(folder: Path) -> None:
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    (folder / "munge.key").touch(0o600)
    (folder / "munge.key").write_bytes(secrets.token_bytes(128))
    with socket.socket() as one, socket.socket() as other:  # two ports that nobody uses
        for port in (one, other):
            port.bind(("127.0.0.1", 0))
        controller, node = (port.getsockname()[1] for port in (one, other))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    settings = SLURM_CONF.format(folder=folder, controller=controller, node=node, user=_user(), cpus=CPUS, memory=memory)
    (folder / "slurm.conf").write_text(settings)
    (folder / "cgroup.conf").write_text("CgroupPlugin=disabled\n")


@contextmanager
def _daemon(command: Sequence[str], folder: Path, environment: dict[str, str]) -> Iterator[None]:
    name = Path(command[0]).name
    with open(folder / f"{name}.log", "wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
        try:
            if name == "munged":
                _wait(lambda: (folder / "munge.socket").exists(), name, folder)
            yield
        finally:
            process.terminate()
            process.wait(20)


def _wait_until_idle(folder: Path, environment: dict[str, str]) -> None:
    def idle() -> bool:
        asked = subprocess.run(["sinfo", "--noheader", "--format=%T"], env=environment, capture_output=True, text=True)
        return asked.stdout.strip() == "idle"

    _wait(idle, "the node", folder)


def _wait(ready, what: str, folder: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while not ready():
        if time.monotonic() > until:
            logs = "\n".join(f"{log.name}: {log.read_text()[-2000:]}" for log in sorted(folder.glob("*.log")))
            raise TimeoutError(f"{what} is not there after {START_SECONDS:g} s.\n{logs}")
        time.sleep(0.1)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="slurm") as place, slurm(Path(place)) as variables:
        sys.exit(subprocess.run(sys.argv[1:], env=variables).returncode)
