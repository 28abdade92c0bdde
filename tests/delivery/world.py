"""Masters, variants and requests for tests of delivery: no picture is drawn and no child started."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

from django.conf import settings
from django.db import connections

from assets.flight import SingleFlight
from assets.locks import Lease
from assets.models import Blob, Master
from delivery.entry import Entry, entry_of
from delivery.negotiate import accepted_formats
from delivery.service import Served, VariantService
from delivery.signing import SigningKey, sign_url, signature
from delivery.tiers import Tier
from delivery.tiers.memory import MemoryTier
from delivery.variants import VariantKey, VariantRequest, variant_request
from pipeline.params import parse
from pipeline.quality.scores import Scores
from pipeline.rendition import Rendition
from pipeline.request import RenderRequest
from pipeline.spec import Format

Result = TypeVar("Result")

KEY = SigningKey("test1", bytes(range(32)))
BROWSER = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def bytes_of(data: bytes) -> dict[str, Any]:
    """What a blob says of its bytes."""
    return {"digest": hashlib.sha256(data).hexdigest(), "byte_size": len(data)}


def master(
    name: str = "shoe", *, key: str | None = None, focal: tuple[float, float] | None = None, **facts: Any
) -> Master:
    """This will make a master and its blob, not saved; `facts` are the blob's."""
    blob = Blob(
        **{"digest": digest_of(name), "byte_size": 1000, "format": "jpeg", "width": 1200, "height": 800, **facts}
    )
    x, y = focal or (None, None)
    return Master(blob=blob, key=key, original_name=name, focal_x=x, focal_y=y)


def saved(unsaved: Master) -> Master:
    """This will put a master into the database, without a file behind it."""
    unsaved.blob.save()
    unsaved.save()
    return unsaved


def asked(of: Master | None = None, params: str = "w=320", accept: str = BROWSER) -> VariantRequest:
    pairs = [tuple(pair.split("=")) for pair in params.split("&") if pair]
    return variant_request(of or master(), parse(pairs), accepted_formats(accept))  # type: ignore[arg-type]


def key(digest: str = "shoe", name: str = "320") -> VariantKey:
    return VariantKey(digest_of(digest), digest_of(name))


def entry(text: str = "picture", kind: Format = "webp", *, size: int = 0, **facts: Any) -> Entry:
    """`facts` are the rendition's."""
    return entry_of(rendition(text.encode().ljust(size, b"."), kind, **facts))


SCORES = Scores(
    ssim=0.97891,
    worst_tile=0.96204,
    psnr=38.2,
    identical=False,
    rmse=3.1,
    delta_e_mean=0.614,
    delta_e_p95=1.4,
    delta_e_p99=2.2,
    chroma_delta_e=1.9,
)


def rendition(body: bytes, kind: Format = "webp", **facts: Any) -> Rendition:
    """This will make up a rendition, a measured one; `scores=None` for one that has still to be measured."""
    seconds = {"decode": 0.01, "encode": 0.02}
    return Rendition(
        **{"body": body, "format": kind, "width": 320, "height": 213, "scores": SCORES, "seconds": seconds, **facts}
    )


class Renderer:
    """Renders nothing: its bytes say what was asked. Counts, and fails or waits where told to."""

    def __init__(self) -> None:
        self.calls: list[VariantKey] = []
        self.renders: list[RenderRequest] = []
        self.error: Exception | None = None
        self.facts: dict[str, Any] = {}
        """Of what it gives: see `rendition`."""
        self.before: Callable[[], object] = lambda: None

    def __call__(self, request: VariantRequest) -> Rendition:
        self.calls.append(request.key)
        self.renders.append(request.render)
        self.before()
        if self.error is not None:
            raise self.error
        draft = " at a guess" if request.render.predict else ""
        body = f"{request.key.name} by {request.render.format}{draft}".encode()
        return rendition(body, request.render.format, **self.facts)


def raiser(what: str) -> Callable[..., Any]:
    """This will give a function that must not be called."""

    def touched(*_args: Any, **_options: Any) -> Any:
        raise AssertionError(f"{what} was touched")

    return touched


class Untouchable:
    """Any use of it is a failure."""

    def __init__(self, what: str) -> None:
        self.__dict__["what"] = what

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{self.__dict__['what']}.{name} was touched")

    def __call__(self, *_args: Any, **_options: Any) -> Any:
        raise AssertionError(f"{self.__dict__['what']} was touched")

    __getitem__ = __call__


class DictTier:
    """The simplest tier; `error` is what it raises."""

    def __init__(self, name: str = "storage") -> None:
        self.name = name
        self.entries: dict[VariantKey, Entry] = {}
        self.calls: list[str] = []
        self.error: Exception | None = None

    def get(self, key: VariantKey) -> Entry | None:
        self._note("get")
        return self.entries.get(key)

    def put(self, key: VariantKey, entry: Entry, lease: Lease | None = None) -> None:
        self._note("put")
        self.entries[key] = entry

    def purge(self, *digests: str) -> None:
        self._note("purge")
        self.entries = {key: entry for key, entry in self.entries.items() if key.digest not in digests}

    def _note(self, call: str) -> None:
        self.calls.append(call)
        if self.error is not None:
            raise self.error


def service_of(folder: Path, render: Renderer, *lasting: Tier, wait_seconds: float = 20.0) -> VariantService:
    flight: SingleFlight[Served] = SingleFlight(folder / "locks", wait_seconds=wait_seconds)
    return VariantService(MemoryTier(10_000_000), lasting, flight, render)


def at_once(count: int, work: Callable[[], Result]) -> list[Result | Exception]:
    """This will run `work` in so many threads together, and give what each returned or raised."""
    barrier = threading.Barrier(count)

    def run(_number: int) -> Result | Exception:
        barrier.wait(30)
        try:
            return work()
        except Exception as error:
            return error
        finally:
            connections.close_all()  # each thread has its own

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def signed(path: str, *pairs: str, by: SigningKey = KEY) -> str:
    return sign_url(path, pairs, by)


def forced(path: str, *pairs: str, by: SigningKey = KEY) -> str:
    """This will sign what `sign_url` refuses to sign."""
    return f"{path}?{'&'.join([*pairs, f's={by.kid}.{signature(by.kid, by.secret, path, sorted(pairs))}'])}"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def caching(self) -> str | None:
        return self.headers.get("cache-control")


def call(app: Any, target: str, *, method: str = "GET", checked: bool = True, **headers: str) -> Answer:
    """This will ask a WSGI application as a server does; `checked` holds both to PEP 3333.

    `headers` are named as WSGI names them: `HTTP_ACCEPT`, `REMOTE_ADDR`. The path stands in `target` as a server hands
    it on, that is decoded.
    """
    path, _, query = target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        **headers,
    }
    setup_testing_defaults(environ)
    said: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        said[:] = [status, headers]
        return raiser("write")

    answer = (validator(app) if checked else app)(environ, start_response)
    try:
        body = b"".join(answer)
    finally:
        if hasattr(answer, "close"):
            answer.close()
    status, pairs = said
    names = [name.lower() for name, _ in pairs]
    assert len(set(names)) == len(names), f"a header twice: {names}"
    return Answer(int(status[:3]), {name.lower(): value for name, value in pairs}, body)


def configure(**changes: Any) -> None:
    """This will change the configuration; the `settings` fixture undoes it."""
    settings.CONFIG = replace(settings.CONFIG, **changes)
