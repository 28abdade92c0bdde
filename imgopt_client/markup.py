"""`<picture>`: a source for each format, other crops by media query, and an `<img>` that every browser understands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from imgopt_client.errors import BadArgument
from imgopt_client.image import Image
from imgopt_client.look import background, keeps_alpha, moves
from imgopt_client.offer import Offer
from imgopt_client.parameters import plain
from imgopt_client.service import Params, Service, meaning
from imgopt_client.sizes import check_media, check_sizes
from imgopt_client.sources import TYPES, Widths, checked, offered, read_formats, urls_of, written

Attributes = Mapping[str, str]

FORMATS = ("avif", "webp")
WORDS = {
    "loading": ("lazy", "eager"),
    "fetchpriority": ("high", "low", "auto"),
    "decoding": ("async", "sync", "auto"),
}
WHOLE_WINDOW = "100vw"
URLS = ("src", "srcset")


@dataclass(frozen=True, slots=True)
class Art:
    """Another look of the picture where a media query matches; `params` come on top of the picture's own."""

    media: str
    params: Params = field(default_factory=dict)
    widths: Widths = None
    sizes: str | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """The attributes of each element, not yet escaped."""

    sources: tuple[Attributes, ...]
    img: Attributes

    @property
    def html(self) -> str:
        img = _tag("img", self.img)
        if not self.sources:
            return img
        return f"<picture>{''.join(_tag('source', each) for each in self.sources)}{img}</picture>"


def picture(
    service: Service,
    image: Image,
    *,
    alt: str,
    widths: Widths = None,
    sizes: str | None = None,
    params: Params | None = None,
    preset: str = "",
    art: str | Iterable[Art] = (),
    formats: str | Sequence[str] = FORMATS,
    hero: bool = False,
    loading: str | None = None,
    fetchpriority: str | None = None,
    decoding: str | None = "async",
    class_: str = "",
    lqip: bool = True,
    expires_at: int | None = None,
) -> Picture:
    """This will describe the markup of a picture; `.html` is its text.

    A picture with `w` or `h` among its parameters has that size in CSS pixels; without, it follows the layout: then
    `sizes` says how wide it is there. A `hero` is loaded at once and first, anything else when it comes near.
    """
    said = checked({**(params or {}), **({"preset": preset} if preset else {})})
    load = _choice("loading", loading or ("eager" if hero else "lazy"))
    if hero and load == "lazy":
        raise BadArgument("Expected loading=eager for a hero, received lazy.")
    make = _Maker(service, image, is_lazy=load == "lazy", formats=read_formats(formats), until=expires_at)
    sources = [
        source
        for each in (read_art(art) if isinstance(art, str) else art)
        for source in make.art(each, said, widths, sizes)
    ]
    wanted = meaning(service, said)
    offer, signed = offered(service, image, said, widths, sizes), service.versioned(said)
    sources += [make.source(kind, signed, offer, sizes) for kind in make.kinds(wanted)]
    fallback = make.urls(make.fallback(wanted), signed, offer)
    img = {
        "src": fallback[offer.default],
        **make.srcset(fallback, offer, sizes),
        **_size(offer),
        "alt": _text("alt", alt),
        "class": class_,
        "loading": load,
        "fetchpriority": _choice("fetchpriority", fetchpriority or ("high" if hero else "")),
        "decoding": _choice("decoding", decoding or ""),
        "style": background(image, wanted) if lqip else "",
    }
    return Picture(tuple(sources), {name: value for name, value in img.items() if value or name == "alt"})


def read_art(text: str) -> tuple[Art, ...]:
    """This will read `(max-width: 600px): ar=1:1 fit=crop; (max-width: 900px): ar=4:3`; `widths=` may be among them.

    >>> read_art("(max-width: 600px): ar=1:1 fit=crop")
    (Art(media='(max-width: 600px)', params={'ar': '1:1', 'fit': 'crop'}, widths=None, sizes=None),)
    """
    return tuple(_read_art(entry.strip()) for entry in text.split(";") if entry.strip())


def _read_art(entry: str) -> Art:
    words = entry.split()
    first = next((at for at, word in enumerate(words) if "=" in word.strip("<>=") and word[0].isalpha()), len(words))
    media, pairs = " ".join(words[:first]), [word.partition("=") for word in words[first:]]
    if not media.endswith(":") or not pairs or not all(name and value for name, _, value in pairs):
        raise BadArgument(f"Expected art such as '(max-width: 600px): ar=1:1 fit=crop', received {entry[:80]!r}.")
    params = {name: value for name, _, value in pairs}
    return Art(media[:-1].strip(), params, widths=params.pop("widths", None))


@dataclass(frozen=True, slots=True)
class _Maker:
    service: Service
    image: Image
    is_lazy: bool
    formats: tuple[str, ...]
    until: int | None

    def art(self, art: Art, said: Mapping[str, str], widths: Widths, sizes: str | None) -> list[Attributes]:
        """A browser takes the first source that matches, so those for the fallback's format are needed here too."""
        said = {**plain(said), **plain(checked(art.params))}
        if "w" in said or "h" in said:  # of a fixed size, whatever the picture is elsewhere
            widths = sizes = None
        widths, sizes = art.widths or widths, art.sizes or sizes
        wanted = meaning(self.service, said)
        offer = offered(self.service, self.image, said, widths, sizes)
        kinds = [*self.kinds(wanted), self.fallback(wanted)]
        media, signed = check_media(art.media), self.service.versioned(said)
        return [
            {"media": media, **self.source(kind, signed, offer, sizes), **_size(offer)} for kind in dict.fromkeys(kinds)
        ]

    def kinds(self, wanted: Mapping[str, str]) -> Sequence[str]:
        """Of the formats, those that can show what there is to show."""
        return [kind for kind in self.formats if kind == "webp"] if moves(self.image, wanted) else self.formats

    def fallback(self, wanted: Mapping[str, str]) -> str:
        if moves(self.image, wanted):
            return "gif"
        return "png" if keeps_alpha(self.image, wanted) else "jpg"

    def source(self, kind: str, signed: Mapping[str, str], offer: Offer, sizes: str | None) -> dict[str, str]:
        return {"type": TYPES[kind], **self.srcset(self.urls(kind, signed, offer), offer, sizes, is_source=True)}

    def urls(self, kind: str, signed: Mapping[str, str], offer: Offer) -> list[str]:
        return urls_of(self.service, self.image, signed, offer, kind, self.until)

    def srcset(
        self, urls: Sequence[str], offer: Offer, sizes: str | None, *, is_source: bool = False
    ) -> dict[str, str]:
        if not offer.is_fluid:
            # A single candidate is the `src` itself.
            return {"srcset": written(urls, offer)} if is_source or len(urls) > 1 else {}
        text = check_sizes(WHOLE_WINDOW if sizes is None else sizes, is_lazy=self.is_lazy)
        return {"srcset": written(urls, offer), "sizes": text}


def _size(offer: Offer) -> dict[str, str]:
    return {} if offer.size is None else {"width": str(offer.size[0]), "height": str(offer.size[1])}


def _choice(name: str, word: str) -> str:
    if word and word not in WORDS[name]:
        raise BadArgument(f"Expected one of {', '.join(WORDS[name])} for {name}, received {word[:40]!r}.")
    return word


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise BadArgument(f"Expected a text for {name} (an empty one for decoration), received {value!r}.")
    return value


def _tag(name: str, attributes: Attributes) -> str:
    # Of what HTML escapes, a URL of ours has only the ampersand, and these are nine tenths of the text.
    written = "".join(
        [
            f' {attribute}="{value.replace("&", "&amp;") if attribute in URLS else escape(value)}"'
            for attribute, value in attributes.items()
        ]
    )
    return f"<{name}{written}>"
