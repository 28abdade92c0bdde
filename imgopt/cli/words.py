"""The words of a line sorted into options and others, as Go's flag package and GNU's getopt both spell them.

icecube's scripts say `-input x`, `-input=x` or `--input x`; others say `-i x` or `--format=webp`. All become `--name`
or `--name=value`, wherever they stand, so that what comes after (argparse) sees one spelling.
"""

from __future__ import annotations

import difflib
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from imgopt.cli.errors import UsageError

TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
"""What Go's flag package reads as a boolean."""


@dataclass(frozen=True, slots=True)
class Flag:
    name: str
    """The long one, without dashes."""
    takes_value: bool


@dataclass(frozen=True, slots=True)
class Line:
    options: tuple[str, ...]
    words: tuple[str, ...]
    """What is no option: a command's name, paths."""
    commandless: int
    """How many of the words, from the last, stood behind `--` and are therefore paths whatever they say."""


def flags_of(parsers: Iterable[ArgumentParser]) -> dict[str, Flag]:
    """This will list every spelling that these parsers know, without dashes."""
    flags: dict[str, Flag] = {}
    for parser in parsers:
        for action in parser._actions:
            names = [text.lstrip("-") for text in action.option_strings]
            if names:
                flag = Flag(max(names, key=len), action.nargs != 0)
                flags |= dict.fromkeys(names, flag)
    return flags


def read_line(words: Sequence[str], flags: Mapping[str, Flag]) -> Line:
    """This will sort the words of a line.

    >>> flags = {"i": Flag("input", True), "input": Flag("input", True), "m": Flag("keep-metadata", False)}
    >>> read_line(["a.jpg", "-m", "-input=b.jpg", "--", "-i"], flags)
    Line(options=('--keep-metadata', '--input=b.jpg'), words=('a.jpg', '-i'), commandless=1)

    Raises `UsageError` for an option that nobody knows and for a value that is missing.
    """
    options: list[str] = []
    others: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            break
        if len(word) > 1 and word.startswith("-"):
            options += _option(word, rest, flags)
        else:
            others.append(word)
    behind = list(rest)
    return Line(tuple(options), (*others, *behind), len(behind))


def _option(word: str, rest: Iterator[str], flags: Mapping[str, Flag]) -> list[str]:
    dashes = 2 if word.startswith("--") else 1
    name, equals, value = word[dashes:].partition("=")
    flag = flags.get(name)
    if flag is None:
        raise UsageError(_unknown(word[:dashes] + name, name, flags))
    if not flag.takes_value:
        return [f"--{flag.name}"] if not equals or _is_true(word[:dashes] + name, value) else []
    if not equals:
        following = next(rest, None)
        if following is None:
            raise UsageError(f"Expected a value after {word}.")
        value = following
    return [f"--{flag.name}={value}"]


def _is_true(name: str, value: str) -> bool:
    if value not in TRUE | FALSE:
        raise UsageError(f"Expected true or false for {name}, received {value!r}.")
    return value in TRUE


def _unknown(said: str, name: str, flags: Mapping[str, Flag]) -> str:
    close = difflib.get_close_matches(name, [known for known in flags if len(known) > 1], n=1)
    advice = f"did you mean --{close[0]}?" if close else "--help lists those there are."
    return f"Expected a known option, received {said!r}; {advice}"
