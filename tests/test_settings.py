import dataclasses
import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from mnnfem.errors import InputError
from mnnfem.settings import parse, setting
from workflows.digit_display import DigitSettings
from workflows.spring_iris import IrisSettings
from workflows.translation import TranslationSettings


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
        (["--steps"], "--steps takes a value, and none was given; see --help."),
        (["--steps", "--frozen"], "--steps takes a value, and none was given; see --help."),
        (["--frozen=yes"], "--frozen takes no value, got 'yes'."),
        (["--steps", "9" * 5000], "--steps takes a whole number, got"),
        (["--steps", "9" * 400], "--steps takes a whole number of at most 1000000000, got"),
        (["--config", "{missing}"], "--config {missing} cannot be read: No such file or directory."),
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
    assert "largest push (default 40.0 mm, 0.1 to 80, --scale paper: 30.0)" in text
    assert "size (default small, one of small, paper)" in text
    assert "steps (default 10, at least 1, --scale paper: 1000)" in text
    assert text.index("examples: none") < text.index("--scale VALUE")


def test_a_file_wins_over_the_scale_and_is_won_over_by_what_is_typed(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('scale = "paper"\nbound = 25\nsteps = 7\nfrozen = true\n')
    assert read("--config", str(file), "--steps", "8") == Knobs("paper", 25.0, 8, 1.0, True)
    assert read(f"--config={file}", "--weight=-0") == Knobs("paper", 25.0, 7, 0.0, True)


def test_all_mistakes_are_told_together(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('bond = 3\nsteps = 1.5\nfrozen = 1\nscale = ["small"]\n')
    with pytest.raises(InputError) as caught:
        read("--config", str(file), "--weight", "-1", "--setps", "3", "stray")
    assert str(caught.value).splitlines() == [
        "7 mistakes:",
        "- Unexpected argument 'stray': options are written --name value, see --help.",
        f"- Unknown setting in {file} 'bond'. Did you mean 'bound'? Valid names: bound, frozen, scale, steps, weight.",
        f"- steps in {file} takes a whole number, got 1.5.",
        f"- frozen in {file} takes true or false, got 1.",
        f"- scale in {file} takes text, got ['small'].",
        "- --weight is -1 N, allowed at least 0 N.",
        "- Unknown option '--setps'. Did you mean '--steps'? "
        "Valid names: --bound, --config, --frozen, --scale, --steps, --weight.",
    ]


BIG = "9" * 400
VALUES = ("1", "-1", "0", "1e400", "nan", "-inf", BIG, '"text"', '""', "true", "[1]", "{a = 1}", "07:32:00", '"\\u0000"')


def written(rng: random.Random, names: list[str]) -> str:
    """The text of a settings file: good and bad names and values, now and then damaged."""
    lines = []
    for _ in range(rng.randint(0, 6)):
        name = rng.choice(names) if rng.random() < 0.8 else "".join(rng.choices('abc-_."é[', k=rng.randint(0, 8)))
        number = str(rng.choice([rng.uniform(-2, 50), rng.randint(-3, 300), f"1e{rng.randint(-340, 320)}"]))
        lines.append(f"{name} = {rng.choice([*VALUES, number, number, number])}")
    text = "\n".join(lines)
    if rng.random() < 0.2 and text:
        place = rng.randrange(len(text))
        text = text[:place] + chr(rng.choice([0, 10, 34, 91, 255, 0x1F600])) + text[place + rng.randint(0, 2) :]
    return text


@pytest.mark.parametrize("kind", [TranslationSettings, DigitSettings, IrisSettings, Knobs])
def test_2500_random_files_give_settings_or_sentences(kind: type, tmp_path: Path) -> None:
    """Four kinds, 10,000 files. Every value that is taken is of its type and in range."""
    rng, file, taken, told = random.Random(kind.__name__), tmp_path / "random.toml", 0, list[str]()
    names = [field.name for field in dataclasses.fields(kind)]
    for _ in range(2500):
        file.write_text(written(rng, names))
        try:
            found = parse(kind, ["--config", str(file)], "", "", PRESETS if kind is Knobs else {})
        except InputError as mistake:
            told.append(str(mistake))
        else:
            taken += 1
            for field in dataclasses.fields(kind):
                value, (low, high) = getattr(found, field.name), (field.metadata["low"], field.metadata["high"])
                assert type(value) is type(field.default)
                assert low is None or value >= low
                assert high is None or value <= high
    assert min(taken, len(told)) > 250
    assert all("Traceback" not in one and len(one) > 20 for one in told)


def test_a_whole_number_may_be_as_large_as_its_own_bound() -> None:
    assert parse(TranslationSettings, ["--seed", str(2**32 - 1)], "", "").seed == 2**32 - 1
    with pytest.raises(InputError, match="of at most 4294967295"):
        parse(TranslationSettings, ["--seed", str(2**32)], "", "")
