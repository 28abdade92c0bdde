"""The fenced blocks of the documentation, with the line each begins at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))

PIECE = re.compile(
    r"^ *<!-- test: skip because (?P<reason>.+?) -->[ ]*\n"
    r"|^<!-- test: (?P<hidden>bash|python)\n(?P<hidden_code>.*?)^-->[ ]*$"
    r"|^(?P<indent> *)(?P<fence>```+|~~~+) *(?P<language>[\w+-]*)(?P<more>[^\n]*)\n(?P<code>.*?)^ *(?P=fence) *$",
    re.MULTILINE | re.DOTALL,
)
MALFORMED = re.compile(r"<!--\s*test\b(?!: (?:skip because \S.* -->|(?:bash|python)\n))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    page: Path
    line: int
    language: str
    """Empty where the fence names none."""
    code: str
    skip_reason: str = ""

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line} ({self.language or 'no language'})"


def blocks_of(page: Path) -> Iterator[Block]:
    """This will give a page's blocks in order, hidden ones too."""
    text = page.read_text("utf-8")
    said: re.Match[str] | None = None
    for piece in PIECE.finditer(text):
        line = text.count("\n", 0, piece.start()) + 1
        if piece["reason"]:
            said = piece
        elif piece["hidden"]:
            yield Block(page=page, line=line, language=piece["hidden"], code=piece["hidden_code"])
        else:
            # Only a comment right before the fence speaks of it.
            own = said if said and not text[said.end() : piece.start()].strip() else None
            yield Block(
                page=page,
                line=line,
                language=piece["language"],
                code=_dedented(piece["code"], len(piece["indent"])),
                skip_reason=own["reason"] if own else "",
            )
            said = None


def _dedented(code: str, indent: int) -> str:
    return re.sub(rf"^ {{1,{indent}}}", "", code, flags=re.MULTILINE) if indent else code
