"""Makes docs/client-vectors.json of the Python client: `python -m tests.client.vectors`.

The names in it are those of the JavaScript module, which reads them as they are.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from imgopt_client import Art, Image, Service, picture, srcset, variant_url
from imgopt_client.geometry import Bounds

FILE = Path(__file__).parents[2] / "docs" / "client-vectors.json"
SECRET = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
PLACEHOLDER = "data:image/webp;base64,UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="

SERVICES: dict[str, dict[str, Any]] = {
    "usual": {"url": "https://img.example.org", "keyId": "k1", "secret": SECRET},
    "relative": {"url": "", "keyId": "k1", "secret": SECRET},
    "own ladder, presets": {
        "url": "https://img.example.org/photos",
        "keyId": "2026autumn",
        "secret": SECRET,
        "ladder": [100, 333, 500, 1000, 2000],
        "presets": {
            "hero": "ar=16:9&fit=crop",
            "card": "w=300&h=200&fit=crop&q=70",
            "auto": "w=auto&ar=2:1",
            "noir": "monochrome=223344",
            "branded": "ar=1:1&fit=crop&mark=brand%2Flogo",
        },
        "marks": {"brand/logo": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
    },
    "small": {"url": "https://img.example.org", "keyId": "k1", "secret": SECRET, "maxSide": 2000, "maxMegapixels": 2},
}
SHOE = {
    "reference": "products/shoe",
    "width": 4032,
    "height": 3024,
    "revision": 3,
    "placeholder": PLACEHOLDER,
    "dominantColour": "#8a4b3c",
}
IMAGES: dict[str, dict[str, Any]] = {
    "shoe": SHOE,
    "plain": {"reference": "01a20374-0000-7000-8000-000000000000", "width": 1000, "height": 667},
    "small": {"reference": "tiny/icon", "width": 200, "height": 150, "revision": 1},
    "logo": {**SHOE, "reference": "logo", "width": 900, "height": 300, "hasAlpha": True},
    "moving": {**SHOE, "reference": "wave", "width": 640, "height": 480, "animated": True},
    "tall": {"reference": "@shop/pins/tall.jpg", "width": 1600, "height": 9000, "revision": 2},
}

URLS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("usual", "shoe", {"w": 800, "fm": "webp"}, {}),
    ("usual", "plain", {}, {}),
    ("usual", "shoe", {"w": 600, "ar": "16:9", "fit": "crop", "crop": "top,left"}, {"fileName": "red-shoe.webp"}),
    ("usual", "shoe", {"w": 300, "enlarge": True, "dpr": 1.5}, {"expiresAt": 1800000000}),
    ("usual", "shoe", {"txt": "100 % Größe & more!'()*~", "txt-size": 40}, {}),
    ("relative", "tall", {"w": 320, "fit": "max"}, {}),
    ("own ladder, presets", "shoe", {"preset": "hero", "w": 500}, {}),
    ("own ladder, presets", "shoe", {"mark": "brand/logo", "w": 500}, {}),
    ("own ladder, presets", "shoe", {"preset": "hero", "mark": "brand/logo"}, {}),
    ("own ladder, presets", "shoe", {"preset": "branded"}, {}),
    ("own ladder, presets", "shoe", {"preset": "branded", "mark-alpha": 0}, {}),
    ("own ladder, presets", "shoe", {"preset": "hero", "mark": "unknown"}, {}),
    ("own ladder, presets", "shoe", {"preset": "unknown", "mark": "brand/logo"}, {}),
]
SRCSETS: list[tuple[str, str, dict[str, Any]]] = [
    ("usual", "shoe", {}),
    ("usual", "shoe", {"widths": [5000, 320, 330, 640], "fm": "avif"}),
    ("usual", "plain", {"fm": "jpg"}),
    ("usual", "plain", {"params": {"ar": "1:1", "fit": "crop"}}),
    ("usual", "plain", {"params": {"ar": "2.39:1", "fit": "cover", "rot": 90}}),
    ("usual", "small", {}),
    ("usual", "small", {"params": {"enlarge": 1, "w": 400}}),
    ("usual", "small", {"params": {"w": 150}}),
    ("usual", "small", {"params": {"width": 90, "h": 60, "fit": "crop"}}),
    ("usual", "plain", {"params": {"w": 400}}),
    ("usual", "plain", {"params": {"h": 300, "fit": "scale", "w": 300}}),
    ("usual", "plain", {"params": {"snap": 0, "pad": 10}, "widths": [333, 999, 2000]}),
    ("usual", "plain", {"params": {"ar": "1:1", "fit": "fill", "bg": "fff"}, "widths": [320, 640, 1280, 1920]}),
    ("usual", "plain", {"params": {"rect": "100,100,500,300"}}),
    ("usual", "tall", {"widths": [640, 1600, 3840]}),
    ("small", "shoe", {}),
    ("own ladder, presets", "shoe", {}),
    ("own ladder, presets", "shoe", {"params": {"preset": "card"}, "expiresAt": 1800000000}),
    ("own ladder, presets", "shoe", {"params": {"preset": "auto"}}),
]
PICTURES: list[tuple[str, str, dict[str, Any]]] = [
    ("usual", "shoe", {"alt": 'A "red" shoe & <more>'}),
    ("usual", "shoe", {"alt": "", "sizes": "(max-width: 600px) 100vw, 50vw", "widths": [320, 640, 1280]}),
    ("usual", "shoe", {"alt": "Hero", "hero": True, "sizes": "100vw", "className": "hero", "lqip": False}),
    ("usual", "shoe", {"alt": "Lazy", "sizes": "auto, 100vw", "decoding": "sync", "fetchpriority": "low"}),
    ("usual", "shoe", {"alt": "Fixed", "params": {"w": 300, "h": 200, "fit": "crop"}}),
    ("usual", "small", {"alt": "Smaller than asked", "params": {"w": 300}}),
    (
        "usual",
        "shoe",
        {
            "alt": "Art",
            "params": {"ar": "16:9", "fit": "crop"},
            "sizes": "50vw",
            "art": [
                {"media": "(max-width: 600px)", "params": {"ar": "1:1"}, "sizes": "100vw", "widths": [320, 640]},
                {"media": "(max-width: 900px)", "params": {"w": 400, "ar": "4:3"}},
            ],
        },
    ),
    ("usual", "logo", {"alt": "Logo"}),
    ("usual", "logo", {"alt": "Logo on white", "params": {"bg": "fff"}}),
    ("usual", "moving", {"alt": "A wave"}),
    ("usual", "moving", {"alt": "A frame", "params": {"page": 2}}),
    ("usual", "plain", {"alt": "One format", "formats": []}),
    ("usual", "plain", {"alt": "Round", "params": {"w": 100, "h": 100, "fit": "crop", "mask": "circle"}}),
    ("usual", "plain", {"alt": "Trimmed", "params": {"trim": "auto"}}),
    ("usual", "plain", {"alt": "Trimmed in a box", "params": {"trim": "auto", "fit": "fill", "w": 300, "h": 300}}),
    ("own ladder, presets", "shoe", {"alt": "Preset", "preset": "hero"}),
    ("own ladder, presets", "shoe", {"alt": "Watermark", "params": {"mark": "brand/logo", "mark-scale": 20}}),
    ("own ladder, presets", "shoe", {"alt": "Other colours", "preset": "noir"}),
    ("relative", "tall", {"alt": "Tall", "expiresAt": 1800000000}),
]


def service_of(said: dict[str, Any]) -> Service:
    bounds = {"ladder": "ladder", "maxSide": "max_side", "maxMegapixels": "max_megapixels"}
    given = {python: said[name] for name, python in bounds.items() if name in said}
    if "ladder" in given:
        given["ladder"] = tuple(given["ladder"])
    return Service.of(
        said["url"],
        said["keyId"],
        said["secret"],
        presets=said.get("presets", {}),
        marks=said.get("marks", {}),
        bounds=Bounds(**given),
    )


def image_of(said: dict[str, Any]) -> Image:
    names = {"hasAlpha": "has_alpha", "dominantColour": "dominant_colour"}
    return Image(**{names.get(name, name): value for name, value in said.items()})


def in_python(said: dict[str, Any]) -> dict[str, Any]:
    names = {"fileName": "file_name", "expiresAt": "expires_at", "className": "class_"}
    named = {names.get(name, name): value for name, value in said.items()}
    if "art" in named:
        named["art"] = [Art(**each) for each in named["art"]]
    return named


def made() -> dict[str, Any]:
    services = {name: service_of(said) for name, said in SERVICES.items()}
    images = {name: image_of(said) for name, said in IMAGES.items()}
    return {
        "about": (
            "What the Python client makes, for other clients to be held to. Each case names a service and an image; "
            "urls: variantUrl(service, image, params, options), srcsets: srcset(service, image, options), "
            "pictures: picture(service, image, options).html"
        ),
        "services": SERVICES,
        "images": IMAGES,
        "urls": [
            {
                "service": service,
                "image": image,
                "params": params,
                "options": options,
                "url": variant_url(services[service], images[image], params, **in_python(options)),
            }
            for service, image, params, options in URLS
        ],
        "srcsets": [
            {
                "service": service,
                "image": image,
                "options": options,
                "srcset": srcset(services[service], images[image], **in_python(options)),
            }
            for service, image, options in SRCSETS
        ],
        "pictures": [
            {
                "service": service,
                "image": image,
                "options": options,
                "html": picture(services[service], images[image], **in_python(options)).html,
            }
            for service, image, options in PICTURES
        ],
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(made(), indent=1, ensure_ascii=False) + "\n", "utf-8")
