"""What came of trying: the thing made, or the error instead of it."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from pipeline.errors import ImgoptError, RenderFailed

T = TypeVar("T")
E = TypeVar("E", bound=Exception)


def attempt(make: Callable[[], T]) -> T | ImgoptError:
    """This will give what is made, or the error; what nobody foresaw becomes `RenderFailed`, its cause attached."""
    try:
        return make()
    except ImgoptError as error:
        return _light(error)
    except Exception as error:
        failure = RenderFailed("Expected a picture that can be rendered, and this one failed.")
        failure.__cause__ = _light(error)
        return failure


def _light(error: E) -> E:
    """This will let go of the pictures that the frames of its trace hold; an error is kept until all is done."""
    traceback.clear_frames(error.__traceback__)
    return error


class Last(Generic[T]):
    """Keeps the last thing made, or the error that it was, and lets go of it before the next is made."""

    def __init__(self) -> None:
        self._key: Hashable = None
        self._outcome: T | ImgoptError | None = None

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        if self._outcome is None or key != self._key:
            self._outcome = None
            self._key, self._outcome = key, attempt(make)
        if isinstance(self._outcome, ImgoptError):
            raise self._outcome
        return self._outcome
