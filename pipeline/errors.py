"""What can go wrong, as a tree. Each error carries a code for programs and a sentence the public may read.

    ImgoptError
    ├── BadParameter          a value that no picture could make right
    ├── UnsupportedFormat     bytes that are not on the allow-list; says what to do instead
    │   └── NotAnImage        bytes that are no picture at all
    ├── DamagedImage          on the allow-list, and it does not decode strictly
    ├── ImageTooLarge         the header says more pixels than its format may have
    ├── OutputTooLarge        the spec asks for more pixels than a variant may have
    ├── Unmeasurable          two pictures that cannot be compared
    ├── RenderFailed          the child crashed or ran out of memory
    │   └── ChildDied         it died over the task: by the picture's fault, or because somebody killed it
    ├── RenderTimeout         the child was killed at its time limit
    └── Busy                  the queue is full; come back after `retry_after_seconds`

The other packages hang their own errors on `ImgoptError`; `imgopt.errors` turns each code into a status.
"""

from __future__ import annotations


class ImgoptError(Exception):
    """An error with a stable `code` and a sentence that may be shown to anybody."""

    code = "error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __reduce__(self) -> tuple[type[ImgoptError], tuple[str]]:
        """This will let the error cross from a render child to its parent."""
        return type(self), (self.message,)


class BadParameter(ImgoptError):
    code = "bad_parameter"


class UnsupportedFormat(ImgoptError):
    code = "unsupported_format"


class NotAnImage(UnsupportedFormat):
    code = "not_an_image"


class DamagedImage(ImgoptError):
    code = "damaged_image"


class ImageTooLarge(ImgoptError):
    code = "image_too_large"


class OutputTooLarge(ImgoptError):
    code = "output_too_large"


class Unmeasurable(ImgoptError):
    code = "unmeasurable"


class RenderFailed(ImgoptError):
    code = "render_failed"


class ChildDied(RenderFailed):
    """Told as any failed render; whoever asked may try once more."""


class RenderTimeout(ImgoptError):
    code = "render_timeout"


class Busy(ImgoptError):
    code = "busy"
    retry_after_seconds = 1
