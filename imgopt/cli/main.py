"""The line that was typed, and the command that it means."""

from __future__ import annotations

import logging
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Final

from imgopt.cli import compare, inspect, optimise, placeholder, sign
from imgopt.cli.command import Command
from imgopt.cli.errors import FAILED, INTERRUPTED, OK, USAGE, UsageError
from imgopt.cli.terminal import complain, say, write_anything
from imgopt.cli.words import Flag, Line, flags_of, read_line
from imgopt.release import version
from pipeline.errors import ImgoptError

COMMANDS: Final[tuple[Command, ...]] = (
    optimise.COMMAND,
    compare.COMMAND,
    inspect.COMMAND,
    placeholder.COMMAND,
    sign.COMMAND,
)
BY_NAME: Final = {name: command for command in COMMANDS for name in command.names}
OWN: Final = {"help": Flag("help", False), "h": Flag("help", False), "version": Flag("version", False)}

USAGE_TEXT = """\
usage: imgopt COMMAND …
       imgopt [-input] PATH… [-output PATH] [-format F] [-quality Q] [-max-dimension N] [-keep-metadata]

Smaller pictures with measured quality and faithful colours, without a server.

{commands}

`imgopt COMMAND --help` tells the options of each. Without a command the line means `optimise`, as icecube has it:
results keep the picture's own format, unless -format or the extension of -output says otherwise.

Exit status: 0 all done, 1 a file failed, 2 the line is wrong.
"""


def main(words: Sequence[str] | None = None) -> int:
    """This will carry out a line and give the exit status."""
    write_anything()
    logging.getLogger("imgopt").addHandler(logging.NullHandler())  # what a person must know is told, not logged
    try:
        status = _run(sys.argv[1:] if words is None else words)
        sys.stdout.flush()
    except UsageError as error:
        complain(f"imgopt: {error.message}")
        return USAGE
    except ImgoptError as error:
        complain(f"imgopt: {error.message}")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever reads us has seen enough (`| head`); closing standard output would complain once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return status


def _run(words: Sequence[str]) -> int:
    parsers = {command.name: command.parser() for command in COMMANDS}
    line = read_line(words, {**flags_of(parsers.values()), **OWN})
    command, others = _command(line)
    if "--version" in line.options:
        say(f"imgopt {version()}")
        return OK
    if command is None and (not words or "--help" in line.options):
        say(usage())
        return OK if words else USAGE
    chosen = command or optimise.COMMAND
    given = Namespace(has_command=command is not None)
    return chosen.run(parsers[chosen.name].parse_args([*line.options, "--", *others], given))


def _command(line: Line) -> tuple[Command | None, Sequence[str]]:
    """This will take the command's name from the words; None: the line names none."""
    if len(line.words) > line.commandless and line.words[0] in BY_NAME:
        return BY_NAME[line.words[0]], line.words[1:]
    return None, line.words


def usage() -> str:
    width = max(len(command.name) for command in COMMANDS)
    commands = "\n".join(f"  {command.name:<{width}}  {command.summary}" for command in COMMANDS)
    return USAGE_TEXT.format(commands=commands)
