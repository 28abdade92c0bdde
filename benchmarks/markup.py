"""Markup: a page with 100 `{% picture %}`, beside the same page with 100 plain `<img>` by `format_html`.

Both read their masters from the database. What costs is the signing: 21 URLs a picture. The reference shows what the
machine is worth at this moment; the goals are 20 ms and two queries.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

from benchmarks.report import heading, line, save

PICTURES = 100
TURNS = 15
GOAL_MS = 20.0
GOAL_QUERIES = 2
PAGE = """{% load imgopt %}{% for master in masters %}
{% picture master alt="A red shoe" sizes="(max-width: 600px) 100vw, 50vw" ar="4:3" fit="crop" class="card" %}
{% endfor %}"""


def main() -> None:
    heading("markup", f"{PICTURES} pictures on a page, {TURNS} turns")
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "IMGOPT_ENV_FILE": os.devnull,
            "IMGOPT_DATA_DIR": folder,
            "IMGOPT_SIGNING_KEYS": f"bench:{'5a' * 32}",
            "DJANGO_SETTINGS_MODULE": "imgopt.settings",
        }
        import django

        django.setup()
        prepare()
        samples = measure()
    tell(samples)
    save("markup", {"pictures": PICTURES, **samples})


def prepare() -> None:
    """This will store masters as uploads leave them, without their bytes."""
    from django.core.management import call_command

    from assets.models import Blob, Master

    call_command("migrate", verbosity=0)
    placeholder = "data:image/webp;base64," + "A" * 160
    blobs = [
        Blob(
            digest=f"{number:064x}", byte_size=2_000_000, format="jpeg", width=4032, height=3024,
            placeholder=placeholder, dominant_colour="#8090a0",
        )
        for number in range(PICTURES)
    ]  # fmt: skip
    Blob.objects.bulk_create(blobs)
    Master.objects.bulk_create(
        Master(blob=blob, key=f"products/shoe-{number}", original_name="shoe") for number, blob in enumerate(blobs)
    )


def measure() -> dict[str, Any]:
    from django.db import connection
    from django.template import Context, Engine
    from django.test.utils import CaptureQueriesContext
    from django.utils.html import format_html

    from assets.models import Master
    from delivery import markup

    page = Engine(libraries={"imgopt": "delivery.templatetags.imgopt"}).from_string(PAGE)
    found = Master.objects.select_related("blob")
    markup.service()  # keys and presets are read once in a process's life

    def ours() -> str:
        return page.render(Context({"masters": found.all()}))

    def reference() -> str:
        return "".join(
            format_html(
                '<img src="/i/{}" alt="{}" width="{}" height="{}">',
                master.reference, "A red shoe", master.blob.width, master.blob.height,
            )
            for master in found.all()
        )  # fmt: skip

    with CaptureQueriesContext(connection) as queries:
        html = ours()
    samples: dict[str, list[float]] = {"ours_ms": [], "reference_ms": []}
    for _ in range(TURNS):
        samples["ours_ms"].append(milliseconds(ours))
        samples["reference_ms"].append(milliseconds(reference))
    return {**samples, "queries": len(queries), "html_bytes": len(html.encode())}


def milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3


def tell(samples: dict[str, Any]) -> None:
    ours, reference = (statistics.median(samples[name]) for name in ("ours_ms", "reference_ms"))
    line("ours", f"{ours:.1f} ms (best {min(samples['ours_ms']):.1f})   goal {GOAL_MS:g} ms: {met(ours <= GOAL_MS)}")
    line("reference", f"{reference:.1f} ms (best {min(samples['reference_ms']):.1f})")
    line("queries", f"{samples['queries']}   goal {GOAL_QUERIES}: {met(samples['queries'] <= GOAL_QUERIES)}")
    line("markup", f"{samples['html_bytes'] / PICTURES:,.0f} bytes a picture")


def met(is_met: bool) -> str:
    return "met" if is_met else "MISSED"


if __name__ == "__main__":
    main()
