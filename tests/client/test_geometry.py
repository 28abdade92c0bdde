"""The client's arithmetic is the service's: what a `srcset` says is what is delivered."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from imgopt_client import ladder as client_ladder
from imgopt_client import shape as client_shape
from imgopt_client.errors import BadArgument
from imgopt_client.geometry import Bounds, Delivered, delivered
from imgopt_client.parameters import plain
from imgopt_client.shape import shape_of
from pipeline import ladder, values
from pipeline.errors import BadParameter, OutputTooLarge
from pipeline.geometry import plan
from pipeline.limits import Limits
from pipeline.params import parse

SMALL_LADDER = (50, 320, 333, 640)
side = st.one_of(st.integers(1, 40), st.integers(1, 6000), st.sampled_from([320, 333, 640, 1000, 8192]))
params = st.fixed_dictionaries(
    {},
    optional={
        "w": side.map(str),
        "height": side.map(str),
        "ar": st.sampled_from(["16:9", "1:1", "1.91:1", "1.5", "3:100", "100:1", ".5", "997:991"]),
        "fit": st.sampled_from(list(values.FITS)),
        "enlarge": st.sampled_from(["0", "1"]),
        "snap": st.sampled_from(["0", "1"]),
        "rot": st.sampled_from(["0", "90", "180", "270"]),
        "rect": st.tuples(*[st.integers(0, 900)] * 2, *[st.integers(1, 3000)] * 2).map(
            lambda numbers: ",".join(map(str, numbers))
        ),
        "pad": st.integers(0, 1000).map(str),
        "dpr": st.sampled_from(["1", "2", "3", "0.75"]),
        "crop": st.sampled_from(["top", "attention"]),
        "bg": st.just("red"),
    },
)


def of_the_service(size: tuple[int, int], said: dict[str, str], rungs: tuple[int, ...]) -> tuple[int, int] | None:
    limits = Limits(max_output_side=5000, max_output_megapixels=12)
    try:
        resolved = ladder.resolve(parse(said.items()), rungs)
        work = plan(resolved, width=size[0], height=size[1], orientation=1, limits=limits)
    except (BadParameter, OutputTooLarge):
        return None
    return work.output_width, work.output_height


def of_the_client(size: tuple[int, int], said: dict[str, str], rungs: tuple[int, ...]) -> Delivered | None:
    shape = shape_of(tuple(sorted(plain(said).items())))
    try:
        return delivered(size, shape, Bounds(rungs, 5000, 12))
    except BadArgument:
        return None


@settings(max_examples=200, deadline=None)
@given(st.tuples(side, side), params, st.sampled_from([SMALL_LADDER, (), client_ladder.DEFAULT_LADDER]))
@example((1000, 999), {"w": "1080", "ar": "1:1", "fit": "crop"}, client_ladder.DEFAULT_LADDER)
@example((4000, 12000), {"w": "3840"}, client_ladder.DEFAULT_LADDER)
@example((8192, 1), {"ar": "1:1", "fit": "outside"}, ())
def test_the_client_knows_the_size_that_comes(
    size: tuple[int, int], said: dict[str, str], rungs: tuple[int, ...]
) -> None:
    found = of_the_client(size, said, rungs)
    assert (found and (found.width, found.height)) == of_the_service(size, said, rungs)


def test_the_tables_are_those_of_the_service() -> None:
    assert client_ladder.DEFAULT_LADDER == ladder.DEFAULT_LADDER
    assert client_shape.FITS == values.FITS
    assert (client_shape.MAX_SIDE, client_shape.MAX_PAD) == (values.MAX_SIDE, values.MAX_PAD)
    limits = Limits()
    bounds = Bounds(())
    assert (bounds.max_side, bounds.max_megapixels) == (limits.max_output_side, limits.max_output_megapixels)
