"""The queries that are asked often or of large tables, with how PostgreSQL would answer them.

`python -m tests.deploy.hot` fills an empty, migrated database (DATABASE_URL), runs the code that asks, and writes as
JSON, for each piece of it, the statements with the nodes of their plans.
"""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import django

ROWS = 20_000
ID = uuid.UUID(int=77)
DIGEST = f"{77:064x}"
NOW = datetime.now(UTC)

FILL = """
INSERT INTO assets_blob (id, digest, byte_size, format, width, height, orientation, pages, has_alpha, bit_depth,
    colour_space, profile, is_srgb, interlaced, placeholder, blurhash, dominant_colour, palette, is_copied, created_at)
  SELECT lpad(to_hex(n), 32, '0')::uuid, lpad(to_hex(n), 64, '0'), 1000 + n, 'jpeg', 1000, 800, 1, 1, false, 8, 'rgb',
    '', true, false, '', '', '', '[]', true, now() - n * interval '1 second' FROM generate_series(1, {rows}) n;
INSERT INTO assets_master (id, key, blob_id, revision, original_name, origin, origin_path, origin_said, created_at,
    updated_at, recheck_at)
  SELECT lpad(to_hex(n), 32, '0')::uuid,
    CASE WHEN n % 2 = 0 THEN 'folder' || n % 500 || '/shoe' || n END, lpad(to_hex(n), 32, '0')::uuid, 1, 'shoe' || n,
    CASE WHEN n % 2 = 0 THEN '' ELSE 'shop' END, CASE WHEN n % 2 = 0 THEN '' ELSE 'dir' || n % 500 || '/' || n END,
    '{{}}', now() - n * interval '1 second', now(), CASE WHEN n % 2 = 0 THEN NULL ELSE now() END
  FROM generate_series(1, {rows}) n;
INSERT INTO assets_tag (name) SELECT 'tag' || n FROM generate_series(1, 200) n;
INSERT INTO assets_master_tags (master_id, tag_id)
  SELECT lpad(to_hex(n), 32, '0')::uuid, 1 + n % 200 FROM generate_series(1, {rows}) n;
INSERT INTO assets_retiredreference (reference, revision) SELECT 'old' || n, 1 FROM generate_series(1, {rows}) n;
INSERT INTO delivery_variant (key, digest, params, format, width, height, byte_size, etag, render_ms, passthrough,
    source_formats, is_pending, created_at)
  SELECT lpad(to_hex(n), 64, '0'), lpad(to_hex(n % 5000), 64, '0'), 'w=320', 'webp', 320, 200, 9000, 'e', 10, false, '',
    n % 1000 = 0, now() - n * interval '1 second' FROM generate_series(1, {rows}) n;
INSERT INTO delivery_purge (master_ids, digests, created_at)
  SELECT '[]', '[]', now() - n * interval '1 second' FROM generate_series({rows}, 1, -1) n;
INSERT INTO metrics_variantquality (key, digest, format, width, height, byte_size, tries, provisional, receipt,
    created_at)
  SELECT lpad(to_hex(n), 64, '0'), lpad(to_hex(n % 5000), 64, '0'), 'webp', 320, 200, 9000, 1, false, '{{}}',
    now() - n * interval '1 second' FROM generate_series(1, {rows}) n;
INSERT INTO metrics_curve (digest, format, effort, points, width, seen, updated_at)
  SELECT lpad(to_hex(n), 64, '0'), 'webp', 'quick', '[]', 320, 1, now() FROM generate_series(1, {rows}) n;
INSERT INTO metrics_formatsizes (digest, target, size, encoder, byte_sizes, width, created_at)
  SELECT lpad(to_hex(n), 64, '0'), 'auto', 'picture', 'e', '{{}}', 320, now() FROM generate_series(1, {rows}) n;
INSERT INTO jobs_job (id, kind, queue, priority, state, payload, result, progress, error, detail, attempts,
    max_attempts, run_at, worker, created_at, finished_at, idempotency_key, announced_at)
  SELECT lpad(to_hex(n), 32, '0')::uuid, 'copy', 'renders', 0, CASE WHEN n % 20 = 0 THEN 'waiting' ELSE 'done' END,
    '{{}}', '{{}}', 0, '', '', 0, 3, now() - n * interval '1 second', '', now() - n * interval '1 second',
    CASE WHEN n % 20 = 0 THEN NULL ELSE now() END, 'key' || n, CASE WHEN n % 40 = 0 THEN now() END
  FROM generate_series(1, {rows}) n;
INSERT INTO apikeys_apikey (id, prefix, digest, name, scope_bits, created_at, rate_per_second, burst)
  SELECT lpad(to_hex(n), 32, '0')::uuid, 'p' || n, lpad(to_hex(n), 64, '0'), 'n', 1, now(), 1, 1
  FROM generate_series(1, {rows}) n;
"""


def pieces() -> dict[str, Callable[[], object]]:
    from django.http import QueryDict

    from apikeys.models import ApiKey
    from assets.listing import listed
    from assets.masters import find_master
    from delivery.models import Purge, Variant
    from delivery.purge import PurgeReader, masters_tagged, masters_under, was_purged_since
    from jobs import announcements, ledger
    from jobs.models import Job
    from metrics import learning, receipts
    from metrics.models import FormatSizes

    def first_page(query: str) -> Callable[[], object]:
        return lambda: list(listed(QueryDict(query))[:50])

    return {
        "a master by its id": lambda: find_master(str(ID)),
        "a master by its key": lambda: find_master("folder78/shoe78"),
        "a master by its path at an origin": lambda: find_master("@shop/dir77/77"),
        "the newest masters": first_page(""),
        "the oldest masters": first_page("ordering=createdAt"),
        "masters by key": first_page("ordering=key"),
        "masters whose name has a word": first_page("search=shoe1977"),
        "masters under a key": first_page("prefix=folder78/"),
        "masters with a tag": first_page("tag=tag7"),
        "masters since": first_page(f"createdAfter={NOW - timedelta(seconds=30):%Y-%m-%dT%H:%M:%SZ}"),
        "masters to purge by key": lambda: list(masters_under("folder78/").order_by().values_list("id")),
        "masters to purge by origin": lambda: list(masters_under("@shop/dir77/").order_by().values_list("id")),
        "masters to purge by tag": lambda: list(masters_tagged("tag7").order_by().values_list("id")),
        "a variant by its key": lambda: Variant.objects.filter(key=DIGEST).first(),
        "the variants of a master": lambda: list(Variant.objects.filter(digest=DIGEST).order_by("-created_at")[:50]),
        "variants to measure": lambda: list(Variant.objects.filter(is_pending=True).order_by("-created_at", "-id")[:9]),
        "variants to forget": lambda: Variant.objects.filter(digest__in=[DIGEST], created_at__lt=NOW).delete(),
        "the receipt of a variant": lambda: receipts.find(DIGEST),
        "receipts to forget": lambda: receipts.forget([DIGEST], before=NOW),
        "what was learnt of a master": lambda: learning._read(DIGEST, "webp", "quick"),
        "which format is smallest": lambda: FormatSizes.objects.filter(digest=DIGEST).first(),
        "a job to claim": lambda: ledger.claim(["renders"], worker="w", lease_seconds=30),
        "one job to claim": lambda: ledger.claim_one(uuid.UUID(int=40), worker="w", lease_seconds=30),
        "jobs of lost workers": lambda: ledger.release_lost(NOW),
        "the newest job of a key": lambda: ledger.find_newest("key777"),
        "a job by its idempotency key": lambda: Job.objects.filter(idempotency_key="key777").first(),
        "jobs that nobody has announced": lambda: announcements.find_unmarked(100),
        "the newest jobs": lambda: list(Job.objects.order_by("-created_at", "-id")[:50]),
        "an API key by its prefix": lambda: ApiKey.objects.select_related("owner").filter(prefix="p77").first(),
        "purges to hear of": lambda: PurgeReader().apply(),
        "purges of the last minute": lambda: was_purged_since(DIGEST, NOW - timedelta(minutes=1)),
        "purges to forget": lambda: Purge.objects.filter(created_at__lt=NOW - timedelta(hours=5)).delete(),
    }


def nodes(plan: dict[str, Any]) -> list[str]:
    """This will write each node of a plan with what it reads: `Index Scan assets_master_key`."""
    own = f"{plan['Node Type']} {plan.get('Index Name') or plan.get('Relation Name') or ''}".strip()
    return [own, *(node for child in plan.get("Plans", ()) for node in nodes(child))]


def explained(statement: str) -> list[str]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}")
        [[found]] = cursor.fetchall()
    return nodes((json.loads(found) if isinstance(found, str) else found)[0]["Plan"])


def main() -> None:
    django.setup()
    from django.db import connection, transaction
    from django.test.utils import CaptureQueriesContext

    with connection.cursor() as cursor:
        cursor.execute(FILL.format(rows=ROWS))
        cursor.execute("VACUUM ANALYZE")  # as its own daemon does
    told: dict[str, list[tuple[str, list[str]]]] = {}
    for name, ask in pieces().items():
        with transaction.atomic(), CaptureQueriesContext(connection) as seen:
            ask()
            transaction.set_rollback(True)
        asked = [each["sql"] for each in seen.captured_queries]
        told[name] = [(text, explained(text)) for text in asked if text.startswith(("SELECT", "UPDATE", "DELETE"))]
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
