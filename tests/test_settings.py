from dataclasses import dataclass

import pytest

from mnnfem.errors import InputError
from mnnfem.settings import parse, setting


@dataclass(frozen=True)
class Knobs:
    scale: str = setting("small", "size", choices=("small", "paper"))
    bound: float = setting(40.0, "largest push", unit="mm", low=0.1, high=80)
    steps: int = setting(10, "steps", low=1)
    weight: float = setting(1.0, "pull", unit="N", low=0)
    frozen: bool = setting(False, "freeze")


PRESETS = {"paper": {"steps": 1000, "bound": 30.0}}


def read(*argv: str) -> Knobs:
    return parse(Knobs, argv, "a program", "examples: none", PRESETS)


def test_what_is_typed_wins_over_the_scale_which_wins_over_the_default() -> None:
    assert read() == Knobs()
    assert read("--scale", "paper", "--bound", "20", "--frozen") == Knobs("paper", 20.0, 1000, 1.0, True)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--bond", "20"], "Unknown option '--bond'. Did you mean '--bound'?"),
        (["--scale", "papre"], "Unknown value for --scale 'papre'. Did you mean 'paper'?"),
        (["--bound", "81"], "--bound is 81 mm, allowed 0.1 to 80 mm."),
        (["--bound", "nan"], "--bound takes a finite number, got nan."),
        (["--weight", "inf"], "--weight takes a finite number, got inf."),
        (["--weight", "-1"], "--weight is -1 N, allowed at least 0 N."),
        (["--steps", "0"], "--steps is 0, allowed at least 1."),
        (["--steps", "ten"], "--steps takes a whole number, got 'ten'."),
        (["--steps"], "Argument --steps: expected one argument; see --help."),
        (["20"], "Unexpected argument '20'"),
    ],
)
def test_mistakes_are_answered_in_one_sentence(argv: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(*argv)
    assert str(caught.value).startswith(message)


def test_help_gives_units_defaults_and_ranges(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        read("--help")
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "largest push (default 40.0 mm, 0.1 to 80)" in text
    assert "size (default small, one of small, paper)" in text
    assert "steps (default 10, at least 1)" in text
