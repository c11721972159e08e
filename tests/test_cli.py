import os
import subprocess
import sys
from pathlib import Path

import pytest

from mnnfem import doctor
from mnnfem.cli import command
from mnnfem.errors import InputError


def test_usage_version_and_misspelling(capsys: pytest.CaptureFixture[str]) -> None:
    assert command([]) == command(["--help"]) == command(["--version"]) == 0
    assert "mnnfem doctor" in capsys.readouterr().out
    with pytest.raises(InputError, match="Did you mean 'doctor'"):
        command(["docter"])
    with pytest.raises(InputError, match="takes no arguments, got '--fix'"):
        command(["doctor", "--fix"])


def test_doctor_finds_no_fault_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.report() == 0
    out = capsys.readouterr().out
    for what in ("dolfinx", "environment", "threads", "BLAS", "MPI", "rendering"):
        assert what in out


def test_doctor_has_a_fix_line_for_a_fault(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    broken = doctor._try("rendering", [sys.executable, "-c", "raise OSError('no EGL')"], "install libegl1")
    monkeypatch.setattr(doctor, "examine", lambda: [doctor.Finding("torch", "2.6"), broken])
    assert doctor.report() == 1
    out = capsys.readouterr().out
    assert "FAULT rendering  fails: OSError: no EGL" in out
    assert "fix rendering: install libegl1." in out


def test_doctor_names_a_missing_package_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "trimesh", None)
    monkeypatch.setattr(doctor, "_try", lambda what, command, fix: doctor.Finding(what, "works"))
    findings = {finding.what: finding for finding in doctor.examine()}
    assert findings["torch"].value == findings["trimesh"].value == "missing"
    assert not findings["threads"].good
    assert {name for name, finding in findings.items() if not finding.good} == {"torch", "trimesh", "threads"}
    assert "install trimesh" in findings["trimesh"].fix


def test_a_python_without_dolfinx_gets_one_sentence() -> None:
    code = "import sys; sys.modules['dolfinx'] = None; import mnnfem.mesh"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: mnnfem needs dolfinx >= 0.9, which this Python does not have")
    assert "./run" in last


def test_the_command_without_dolfinx_says_so_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['dolfinx'] = None")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "mnnfem", "doctor"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 1
    assert done.stderr.startswith("mnnfem needs dolfinx >= 0.9")
    assert len(done.stderr.strip().splitlines()) == 1
