"""What README.md shows works as it stands there."""

import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_examples_run(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict = {}
    exec("\n".join(re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)), names)
    assert names["radii"].grad.abs().max() > 0.1
    assert names["controls"].grad.shape == (1, 2)
    assert "certified=True" in capsys.readouterr().out
    assert names["solution"].record.certified


def test_every_file_it_names_is_there() -> None:
    root = Path(__file__).parents[1]
    for name in re.findall(r"\]\(([\w/.]+)\)|(?:python |`)((?:workflows|benchmarks|environment)/[\w.]+)", README):
        assert (root / "".join(name)).is_file(), name
