"""Stores small demo masters in a new data directory: `python -m tests.docs.prepare`.

The first start draws the real ones, which takes most of the time these tests have.
"""

from __future__ import annotations

import django


def main() -> None:
    django.setup()
    from django.core.management import call_command

    from assets import children, masters
    from assets.uploads import upload_from_bytes
    from imgopt.demo import DEMO_MASTERS
    from tests.images import encoded, scene

    call_command("migrate", verbosity=0, interactive=False)
    for seed, demo in enumerate(DEMO_MASTERS):
        with upload_from_bytes(encoded(scene(1200, 800, seed=seed), "jpeg"), demo.original_name) as upload:
            masters.create_masters([masters.inspect_upload(upload)], keys=[demo.key])
    children.stop()


if __name__ == "__main__":
    main()
