"""What README.md shows works as it stands there."""

import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    names: dict = {}
    exec(code, names)
    assert names["radii"].grad.abs().max() > 0.1
    assert names["controls"].grad.shape == (1, 2)
    assert "certified=True" in capsys.readouterr().out


def test_every_file_it_names_is_there() -> None:
    root = Path(__file__).parents[1]
    for name in re.findall(r"\]\(([\w/.]+)\)|(?:python |`)((?:workflows|benchmarks|environment)/[\w.]+)", README):
        assert (root / "".join(name)).is_file(), name
