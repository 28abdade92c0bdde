"""A subcommand: its names, its options, and what it does."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from imgopt.cli.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    names: tuple[str, ...]
    """The first is its own, the others are accepted as well."""
    summary: str
    """One line of the list of commands."""
    description: str
    declare: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]
    """Gives the exit status."""

    @property
    def name(self) -> str:
        return self.names[0]

    def parser(self) -> ArgumentParser:
        parser = Parser(
            prog=f"imgopt {self.name}",
            description=self.description,
            allow_abbrev=False,
            formatter_class=RawDescriptionHelpFormatter,
        )
        self.declare(parser)
        return parser


class Parser(ArgumentParser):
    """Raises instead of ending the process, so that all wrong lines end in one way."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:1].upper()}{message[1:]}.")
