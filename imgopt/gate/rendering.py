"""The corpus through the render pool: finals, as delivery makes them, each with its scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from assets.children import limits
from imgopt.cli.crew import Crew
from imgopt.gate.baseline import Entry
from imgopt.gate.corpus import Picture
from imgopt.gate.figures import Figures, figures_of, row_of
from pipeline import child
from pipeline.admission import Weight
from pipeline.errors import ImgoptError
from pipeline.pool import RenderPool
from pipeline.request import RenderRequest
from pipeline.spec import Format, TransformSpec
from pipeline.targets import Target

TIMEOUT_SECONDS: Final = 600.0
"""Of one picture in all formats and widths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is made of every picture."""

    formats: tuple[Format, ...]
    widths: tuple[int, ...]
    quality: int | Target | None
    """None: each format's own."""

    def requests(self) -> list[RenderRequest]:
        return [
            RenderRequest(
                spec=TransformSpec(width=width, format=kind, quality=self.quality),
                format=kind,
                limits=limits(),
                effort="full",
            )
            for kind in self.formats
            for width in self.widths
        ]


def rendered(pictures: Sequence[Picture], asked: Asked, pool: RenderPool) -> Iterator[tuple[Picture, Entry]]:
    """This will render every picture and give each as soon as it is done; what goes wrong is in its figures."""
    crew = Crew(pool.config.processes)
    try:
        yield from crew.each(pictures, lambda picture: (picture, _entry(picture, asked, pool)))
    finally:
        crew.stop()


def _entry(picture: Picture, asked: Asked, pool: RenderPool) -> Entry:
    requests = asked.requests()
    try:
        source = picture.bytes_or_path()
        info = pool.run(child.header_task, source, pool.config.limits)
        made = pool.render_many(
            source,
            requests,
            weight=Weight.of(info),
            timeout_seconds=TIMEOUT_SECONDS,
            measure=True,
            label=picture.digest,
        )
        figures = [Figures(error=each.code) if isinstance(each, ImgoptError) else figures_of(each) for each in made]
    except ImgoptError as error:
        figures = [Figures(error=error.code)] * len(requests)
    rows = [row_of(request) for request in requests]
    return Entry(name=picture.name, renders=dict(zip(rows, figures, strict=True)))
