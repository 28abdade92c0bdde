"""How the words of a line are sorted."""

from __future__ import annotations

import pytest

from imgopt.cli.errors import UsageError
from imgopt.cli.main import COMMANDS, OWN
from imgopt.cli.words import flags_of, read_line

FLAGS = {**flags_of(command.parser() for command in COMMANDS), **OWN}

SPELLINGS = {
    "-input x": ("--input=x",),
    "-input=x": ("--input=x",),
    "--input x": ("--input=x",),
    "--input=x": ("--input=x",),
    "-i x": ("--input=x",),
    "-i=x": ("--input=x",),
    "-i -x": ("--input=-x",),
    "-o a=b": ("--output=a=b",),
    "-output= ": ("--output=",),
    "-f webp -q 80 -d 100": ("--format=webp", "--quality=80", "--max-dimension=100"),
    "-m": ("--keep-metadata",),
    "-keep-metadata": ("--keep-metadata",),
    "-m=true": ("--keep-metadata",),
    "-m=T": ("--keep-metadata",),
    "--keep-metadata=0": (),
    "-keep-metadata=false": (),
    "-dry-run -json": ("--dry-run", "--json"),
    "-h": ("--help",),
}


@pytest.mark.parametrize(("text", "options"), SPELLINGS.items(), ids=SPELLINGS)
def test_go_s_spellings_and_gnu_s_mean_the_same(text: str, options: tuple[str, ...]) -> None:
    assert read_line(text.split(), FLAGS).options == options


def test_options_may_stand_anywhere_among_the_paths() -> None:
    line = read_line(["a.jpg", "-q", "80", "b.jpg", "-m", "c.jpg"], FLAGS)
    assert line.words == ("a.jpg", "b.jpg", "c.jpg")
    assert line.options == ("--quality=80", "--keep-metadata")


def test_behind_two_dashes_everything_is_a_path() -> None:
    line = read_line(["a.jpg", "--", "-q", "--", "optimise"], FLAGS)
    assert (line.options, line.words, line.commandless) == ((), ("a.jpg", "-q", "--", "optimise"), 3)


def test_a_single_dash_is_a_path() -> None:
    assert read_line(["-"], FLAGS).words == ("-",)


REFUSED = {
    "-ouput x": "Expected a known option, received '-ouput'; did you mean --output?",
    "--widht=3": "Expected a known option, received '--widht'; did you mean --widths?",
    "-q80": "Expected a known option, received '-q80'; --help lists those there are.",
    "-5": "Expected a known option, received '-5'; --help lists those there are.",
    "a.jpg -i": "Expected a value after -i.",
    "-m=maybe": "Expected true or false for -m, received 'maybe'.",
}


@pytest.mark.parametrize(("text", "sentence"), REFUSED.items(), ids=REFUSED)
def test_what_nobody_can_mean_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_line(text.split(), FLAGS)
    assert raised.value.message == sentence


def test_no_spelling_means_two_things_in_two_commands() -> None:
    """Options are sorted before the command is known."""
    known: dict[str, tuple[str, bool]] = {}
    for command in COMMANDS:
        for name, flag in flags_of([command.parser()]).items():
            assert known.setdefault(name, (flag.name, flag.takes_value)) == (flag.name, flag.takes_value)
