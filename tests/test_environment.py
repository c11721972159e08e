"""`./run` and its list of environments: what it offers, what it refuses, where it goes."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from mnnfem import doctor

ROOT = Path(__file__).parents[1]
HASH = '{ cat environment/{build.sh,debian.txt,pip.txt} environment.yml && echo "$MACHTYPE"; } | sha256sum'


def run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`./run` as from outside of every environment."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MNNFEM_")}
    return subprocess.run([ROOT / "run", *command], capture_output=True, text=True, env=outside | variables)


def kinds() -> list[str]:
    """The environments that `./run --help` offers."""
    offered = re.search(r"^MNNFEM_ENVIRONMENT=(.*)$", run("--help").stdout, flags=re.MULTILINE)
    assert offered
    return offered[1].split("|")


def test_every_kind_on_offer_is_described_and_can_be_made() -> None:
    build, readme = ((ROOT / "environment" / name).read_text() for name in ("build.sh", "README.md"))
    assert set(kinds()) == set(re.findall(r"^\| `(\w+)` \|", readme, flags=re.MULTILINE))
    assert set(kinds()) == set(re.findall(r"^make_(\w+)\(\)", build, flags=re.MULTILINE)) - {"venv", "debian"}


def test_another_kind_is_refused_in_a_sentence() -> None:
    done = run("true", MNNFEM_ENVIRONMENT="testing")
    assert done.returncode == 2
    assert done.stderr.startswith('run: MNNFEM_ENVIRONMENT is "testing", but it can be system, conda')
    assert all(kind in done.stderr for kind in kinds())


@pytest.mark.parametrize("kind", ["rootfs", "unstable"])
def test_each_debian_is_entered_at_its_own_place(kind: str, tmp_path: Path) -> None:
    """With stand-ins for the two programs that enter it, which tell what they were given."""
    name = subprocess.run(["bash", "-c", HASH], cwd=ROOT, capture_output=True, text=True, check=True).stdout[:16]
    place = tmp_path / "mnnfem" / name / kind
    programs = place / "venv" / "bin"
    programs.mkdir(parents=True)
    (place / "ready").touch()
    (programs / "bwrap").write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" >{tmp_path}/mounts\necho 999999999\n")
    (programs / "nsenter").write_text('#!/bin/sh\necho "$MNNFEM_INSIDE" "$@"\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    done = run("pytest", "--version", MNNFEM_ENVIRONMENT=kind, XDG_CACHE_HOME=str(tmp_path))
    assert done.stdout.startswith(f"{place} "), done.stderr
    assert done.stdout.endswith("pytest --version\n")
    assert f"--ro-bind\n{place}/debian/usr\n/usr\n" in (tmp_path / "mounts").read_text()


@pytest.mark.parametrize("place", ["rootfs", "unstable", "system-0123456789abcdef"])
def test_the_doctor_says_which_is_in_use(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNNFEM_INSIDE", f"/cache/mnnfem/hash/{place}")
    assert doctor._environment().value == f"{place.split('-')[0]}, made by ./run in /cache/mnnfem/hash/{place}"


@pytest.mark.parametrize(("given", "left"), [("self,sm", ""), ("self,tcp", "self,tcp")])
def test_a_job_does_not_keep_what_is_for_one_machine(given: str, left: str) -> None:
    """It inherits the variables of the shell that sent it."""
    variables = {"SLURM_JOB_ID": "1", "OMPI_MCA_pml": "ob1", "OMPI_MCA_btl": given, "PATH": os.environ["PATH"]}
    script = '. environment/variables.sh; echo "${OMPI_MCA_btl-}"'
    done = subprocess.run(["sh", "-c", script], cwd=ROOT, env=variables, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == left
