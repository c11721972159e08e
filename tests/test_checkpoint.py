"""Files that are not whole, not ours or not of this run are refused; a folder has one user."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from mnnfem import checkpoint, runfolder
from mnnfem.errors import InputError, StorageError
from mnnfem.runfolder import RunFolder

TENSORS = {"model.design": torch.linspace(0, 1, 5, dtype=torch.float64), "random.torch": torch.arange(9, dtype=torch.uint8)}
STATE = {"stage": "learned geometry", "iteration": 3, "ended": [], "lines": 3}
WHOLE = checkpoint.packed(TENSORS, STATE)


def header(size: int, rest: bytes = b"") -> bytes:
    return struct.pack("<Q", size) + rest


def hostile() -> dict[str, bytes]:
    """Files that are no checkpoints, by what is wrong with them."""
    text = json.dumps(STATE)
    notes = {"state": text, "sha256": checkpoint.digest(TENSORS, text)}
    wrong = {"odd.dtype": {"dtype": "F7", "shape": [2], "data_offsets": [0, 16]}}
    far = {"far": {"dtype": "F64", "shape": [2], "data_offsets": [0, 1 << 60]}}
    return {
        "empty": b"",
        "short": WHOLE[:7],
        "cut": WHOLE[:-1],
        "longer": WHOLE + b"\0",
        "huge header": header(1 << 62, WHOLE[8:]),
        "header beyond the file": header(len(WHOLE), WHOLE[8:]),
        "pickle": b"\x80\x04cos\nsystem\n(S'exit 1'\ntR.",
        "odd type": header(len(json.dumps(wrong)), json.dumps(wrong).encode() + bytes(16)),
        "far": header(len(json.dumps(far)), json.dumps(far).encode() + bytes(16)),
        "deep": header(200_000, b"[" * 200_000),
        "no notes": safetensors.torch.save(TENSORS),
        "other tensors": safetensors.torch.save({**TENSORS, "more": torch.zeros(1)}, metadata=notes),
        "other state": safetensors.torch.save(TENSORS, metadata={**notes, "state": text.replace("3", "4")}),
        "not a number": checkpoint.packed({"model.design": torch.tensor([1.0, float("nan")])}, STATE),
        "infinite": checkpoint.packed({"model.design": torch.tensor([float("inf")])}, STATE),
        "no object": safetensors.torch.save(TENSORS, metadata={"state": "[]", "sha256": checkpoint.digest(TENSORS, "[]")}),
    }


@pytest.mark.parametrize("name", hostile())
def test_what_is_no_checkpoint_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    file = tmp_path / "training.safetensors"
    file.write_bytes(hostile()[name])
    with pytest.raises(InputError, match=r"training\.safetensors cannot be used: "):
        checkpoint.unpacked(file)


def test_a_pickle_of_torch_is_refused_and_not_run(tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "weights.safetensors")
    with pytest.raises(InputError, match="no whole file of safetensors"):
        checkpoint.read_tensors(tmp_path / "weights.safetensors")


def test_what_was_written_is_read_and_any_damage_is_seen(tmp_path: Path) -> None:
    file, rng = tmp_path / "training.safetensors", random.Random(1)
    file.write_bytes(WHOLE)
    tensors, state = checkpoint.unpacked(file)
    assert state == STATE
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)
    for _ in range(500):
        damaged = bytearray(WHOLE)
        damaged[rng.randrange(len(WHOLE))] ^= 1 << rng.randrange(8)
        file.write_bytes(bytes(damaged))
        try:
            found = checkpoint.unpacked(file)
        except InputError:
            continue
        assert (checkpoint.digest(found[0]), found[1]) == (checkpoint.digest(TENSORS), STATE)  # white space of the header


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a": torch.zeros(3)}, r"a is \[3\] float32, here \[2\] float32. Was it made with other settings"),
        ({"a": torch.zeros(2, dtype=torch.float64)}, r"a is \[2\] float64, here \[2\] float32"),
        ({"b": torch.zeros(2)}, "has an unknown tensor 'b'"),
        ({"a": None}, "misses tensor 'a'"),
    ],
)
def test_tensors_that_do_not_fit_are_named(change: dict[str, Any], message: str) -> None:
    tensors = {name: tensor for name, tensor in ({"a": torch.zeros(2)} | change).items() if tensor is not None}
    with pytest.raises(InputError, match=message):
        checkpoint.fit(tensors, {"a": torch.zeros(2)}, "file")


HOLD = """
import sys, time
from pathlib import Path
from mnnfem.runfolder import RunFolder
folder = RunFolder(Path(sys.argv[1]), resume=True)
folder.write_json("settings.json", {})
print("held", flush=True)
time.sleep(600)
"""


def test_a_folder_has_one_user_and_is_free_when_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=rf"is in use by process {holder.pid} on .*: wait until that has ended"):
            RunFolder(path, resume=True)
        holder.send_signal(signal.SIGKILL)
    folder = RunFolder(path, resume=True)
    assert not folder.fresh
    with pytest.raises(InputError, match="is in use by process"):
        RunFolder(path, resume=True)
    folder.release()
    RunFolder(path, resume=True).release()


def test_a_file_system_without_locks_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(runfolder.fcntl, "flock", none)
    assert RunFolder(tmp_path / "run", resume=True).fresh
    assert "without locks: see that no other job uses it" in capsys.readouterr().err


def test_a_folder_of_something_else_is_not_resumed_in(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(InputError, match=r"is not the folder of a run, as it has no settings\.json"):
        RunFolder(tmp_path, resume=True)


@pytest.mark.parametrize("when", ["fsync", "replace"])
def test_a_file_that_cannot_be_written_leaves_the_one_before(
    when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.write("file", b"before")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, when, full)
        with pytest.raises(StorageError, match="file cannot be written: No space left on device"):
            folder.write("file", b"after")
    assert [file.name for file in folder.path.iterdir()] == ["file"]
    assert folder.file("file").read_bytes() == b"before"
