"""Named faults, planted one at a time in a copy of the tree: each must turn the tests red (`make mutants`).

A fault is one line changed. `tests` names the files that should notice; a fault that leaves them green means that
something promised is not tested.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = shutil.ignore_patterns(".venv", ".git", "var", "__pycache__", ".*_cache", ".hypothesis", "results")
TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class Mutant:
    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "our CDN is told to keep what expires",
        "delivery/respond.py",
        "    if expires_at is not None or (DRAFT_SECONDS if is_draft else longest) <= most:",
        "    if (DRAFT_SECONDS if is_draft else longest) <= most:",
        ("tests/delivery/test_respond.py",),
    ),
    Mutant(
        "an older revision is shown while the database is away",
        "delivery/recent.py",
        "        if known is not None and known[0].revision < revision:",
        "        if False:",
        ("tests/delivery/test_recent.py",),
    ),
    Mutant(
        "everybody tries a database that is away",
        "imgopt/postgresql/base.py",
        "            self._rests_until = now + REST_SECONDS  # for everybody else: this one tries",
        "            pass",
        ("tests/imgopt/test_database.py",),
    ),
    Mutant(
        "a pool whose connections are all at work counts as a database that is away",
        "imgopt/postgresql/base.py",
        "        except PoolTimeout:",
        "        except ZeroDivisionError:",
        ("tests/imgopt/test_database.py",),
    ),
    Mutant(
        "the first client's hints decide for everybody behind nginx",
        "deploy/nginx.conf",
        '    "~(^|&)((w|width|dpr)=auto|preset=)" ',
        '    "~(^|&)((w|width|dpr)=auto)" ',
        ("tests/deploy/test_nginx_cache.py",),
    ),
    Mutant(
        "any signature will do",
        "delivery/signing.py",
        "if not hmac.compare_digest(signature(kid, secret, path, signed), mac):",
        "if False:",
        ("tests/delivery/test_signing.py",),
    ),
    Mutant(
        "signatures compared in variable time",
        "delivery/signing.py",
        "if not hmac.compare_digest(signature(kid, secret, path, signed), mac):",
        "if signature(kid, secret, path, signed) != mac:",
        ("tests/delivery/test_signing.py",),
    ),
    Mutant(
        "URLs never expire",
        "delivery/signing.py",
        "    if now >= int(text):",
        "    if now < 0:",
        ("tests/delivery/test_signing.py",),
    ),
    Mutant(
        "a line feed in the path passes",
        "delivery/signing.py",
        "return text.isascii() and text.isprintable()",
        "return text.isascii()",
        ("tests/delivery/test_signing.py", "tests/delivery/test_signing_docs.py"),
    ),
    Mutant(
        "hits outlive their key",
        "delivery/hits.py",
        "            keyring.secrets.get(key.kid) == key.secret\n",
        "            True\n",
        ("tests/delivery/test_edge.py",),
    ),
    Mutant(
        "files grow under their final name",
        "assets/disk.py",
        'target.parent / f".{secrets.token_hex(8)}.part"',
        "target",
        ("tests/assets",),
    ),
    Mutant(
        "copies of masters are not hashed",
        "assets/masters_cache.py",
        "            if came != digest:",
        "            if False:",
        ("tests/assets/test_masters_cache.py",),
    ),
    Mutant(
        "a copy is evicted while a child is about to open it",
        "assets/eviction.py",
        "            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "            pass",
        ("tests/assets/test_masters_cache.py",),
    ),
    Mutant(
        "a draft may take a final's place on S3",
        "delivery/tiers/storage.py",
        "    if entry.receipt.provisional:\n        return True",
        "    if entry.receipt.provisional:\n        return False",
        ("tests/delivery/tiers/test_tiers.py",),
    ),
    Mutant(
        "prune goes by any database",
        "assets/pruning.py",
        "    if len(found) > plausible and not even_many:",
        "    if False:",
        ("tests/delivery/test_pruning.py",),
    ),
    Mutant(
        "prune goes by an empty database",
        "assets/pruning.py",
        "    plausible = max(FEW, files * PLAUSIBLE_SHARE) if files > len(found) else 0",
        "    plausible = max(FEW, files * PLAUSIBLE_SHARE)",
        ("tests/delivery/test_pruning.py",),
    ),
    Mutant(
        "a bucket that hangs keeps a process from hearing of revoked keys",
        "delivery/purge.py",
        '    if settings.CONFIG.storage == "s3":',
        "    if False:",
        ("tests/delivery/test_purge.py",),
    ),
    Mutant(
        "what is uploading is pruned",
        "assets/pruning.py",
        "        found += _without_row([each for each in batch if each.changed_at < before])",
        "        found += _without_row(batch)",
        ("tests/delivery/test_pruning.py",),
    ),
    Mutant(
        "profiles are ignored",
        "pipeline/colour.py",
        "    if not info.is_srgb and profile_of(image) is not None:",
        "    if False:",
        ("tests/pipeline/test_colour.py",),
    ),
    Mutant(
        "no lock between processes",
        "assets/locks/machine.py",
        "fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "pass",
        ("tests/assets/test_flight.py",),
    ),
    Mutant(
        "no Vary",
        "delivery/respond.py",
        '    varies = [*(["Accept"] if negotiated else []), *hinted]',
        "    varies = [*hinted]",
        ("tests/delivery",),
    ),
    Mutant(
        "children decode with untrusted loaders",
        "pipeline/child.py",
        "        vips.block_untrusted()\n",
        "",
        ("tests/pipeline/test_pool.py",),
    ),
    Mutant(
        "nobody proves that the loaders are blocked",
        "pipeline/child.py",
        "        vips.prove_untrusted_blocked()\n",
        "",
        ("tests/pipeline/test_pool.py",),
    ),
    Mutant(
        "damaged variants are served",
        "delivery/entry.py",
        "if magic != MAGIC or digest != hashlib.sha256(rest).hexdigest().encode():",
        "if magic != MAGIC:",
        ("tests/delivery",),
    ),
    Mutant(
        "metadata stays in the variants",
        "pipeline/metadata.py",
        "return int(image.get(_MARK)) if has_field(image, _MARK) else 0",
        "return int(image.get(_MARK)) if has_field(image, _MARK) else 31",
        ("tests/pipeline/test_encode.py", "tests/pipeline/test_render.py"),
    ),
    Mutant(
        "pictures stay as the camera was held",
        "pipeline/steps/placing.py",
        "    image = _without_orientation(_upright(image, plan.orientation))\n",
        "    image = _without_orientation(image)\n",
        ("tests/pipeline/test_steps.py", "tests/pipeline/test_render.py"),
    ),
    Mutant(
        "any number of pixels is decoded",
        "pipeline/header.py",
        "    if megapixels > allowed:",
        "    if False:",
        ("tests/pipeline/test_inspect.py", "tests/pipeline/test_decode.py"),
    ),
    Mutant(
        "limits admit everybody",
        "apikeys/gcra.py",
        "    if wait > 0:",
        "    if False:",
        ("tests/apikeys/test_gcra.py", "tests/apikeys/test_limits.py"),
    ),
    Mutant(
        "revoked keys open",
        "apikeys/service.py",
        '    if status != "active":',
        "    if False:",
        ("tests/apikeys/test_service.py",),
    ),
    Mutant(
        "an encoder's upgrade serves old bytes",
        "delivery/variants.py",
        "        fingerprint(),\n",
        "",
        ("tests/delivery",),
    ),
    Mutant(
        "what was deleted while it rendered is kept",
        "delivery/service.py",
        "self._place(request.key, entry, lease) if is_current() else None",
        "self._place(request.key, entry, lease)",
        ("tests/delivery/test_service.py",),
    ),
    Mutant(
        "what was deleted while it was stored is kept",
        "delivery/service.py",
        "if kept is not None and not is_current():",
        "if False:",
        ("tests/delivery/test_service.py",),
    ),
    Mutant(
        "whoever slept past the lock overwrites what came after",
        "delivery/tiers/shared.py",
        "if last and last ~= ARGV[4] or fence",
        "if fence",
        ("tests/delivery/tiers/test_shared.py",),
    ),
    Mutant(
        "a lock is let go of by whoever held it once",
        "assets/locks/shared.py",
        "if redis.call('GET', KEYS[1]) == ARGV[1] then",
        "if true then",
        ("tests/assets/test_shared_locks.py",),
    ),
    Mutant(
        "a Redis that fails is asked again and again",
        "delivery/redis_link.py",
        "    if not breaker.admits():",
        "    if False:",
        ("tests/delivery/test_redis_link.py",),
    ),
    Mutant(
        "a draft is immutable",
        "delivery/respond.py",
        "    if is_draft:\n        longest = min(longest, DRAFT_SECONDS)",
        "    is_draft = False\n    if is_draft:\n        longest = min(longest, DRAFT_SECONDS)",
        ("tests/delivery/test_draft_answers.py",),
    ),
    Mutant(
        "a draft that comes late takes its final's place",
        "delivery/service.py",
        "if known is not None and not known.receipt.provisional:",
        "if False:",
        ("tests/delivery/test_drafts.py",),
    ),
    Mutant(
        "a draft hides its final in a faster tier",
        "delivery/service.py",
        "            if not entry.receipt.provisional:\n",
        "            if True:\n",
        ("tests/delivery/test_drafts.py",),
    ),
    Mutant(
        "a draft is answered before its final is written down",
        "delivery/service.py",
        "                REFINEMENTS.want(request)  # before anybody is answered",
        "                pass",
        ("tests/jobs/refining",),
    ),
    Mutant(
        "a purged variant's final rises from the dead",
        "jobs/refining.py",
        "        ledger.cancel_many(Job.objects.filter(id__in=ids))",
        "        pass",
        ("tests/jobs/refining",),
    ),
    Mutant(
        "a final that failed is tried with every request",
        "jobs/refining.py",
        "if newest is not None and not _is_over(newest, request.key.digest):",
        "if newest is not None and not newest.has_ended:",
        ("tests/jobs/refining",),
    ),
    Mutant(
        "a draft recorded late overwrites its final's row",
        "delivery/records.py",
        "models.Variant.objects.bulk_create(weak.values(), BATCH, ignore_conflicts=True)",
        "write_rows(weak.values())",
        ("tests/jobs/refining",),
    ),
    Mutant(
        "q=0 means yes",
        "delivery/negotiate.py",
        "if weights[kind] > 0",
        "if weights[kind] >= 0",
        ("tests/delivery/test_negotiate.py",),
    ),
    Mutant(
        "origins may lie in the private network",
        "assets/origins/addresses.py",
        "    return is_public(parsed) or any(parsed in network for network in named)",
        "    return True",
        ("tests/assets/origins/test_guard.py",),
    ),
    Mutant(
        "a site may redirect anywhere",
        "assets/origins/guard.py",
        "        if not (target.port in ports if self.sites is None else target.site in self.sites):",
        "        if False:",
        ("tests/assets/origins",),
    ),
    Mutant(
        "a host's address is not looked at",
        "assets/origins/guard.py",
        "        if not may_go_to(str(place[0]), reach.private_networks) or (len(place) == 4 and place[3]):",
        "        if False:",
        ("tests/assets/origins",),
    ),
    Mutant(
        "strict mode lets everything pass",
        "delivery/asked.py",
        "            case known if known not in STRICT:",
        "            case known if False:",
        ("tests/delivery/test_presets.py",),
    ),
    Mutant(
        "a URL with another version of its preset is kept for ever",
        "delivery/views.py",
        " and asked.version == version_of(wishes.preset, wanted.mark)",
        "",
        ("tests/delivery/test_presets.py", "tests/delivery/test_watermark.py"),
    ),
    Mutant(
        "an origin is not asked again while its picture is hot",
        "delivery/hits.py",
        "            and (self.ask_again_at is None or now < self.ask_again_at)\n",
        "",
        ("tests/delivery/test_hits.py",),
    ),
    Mutant(
        "texts in markup are not escaped",
        "imgopt_client/markup.py",
        "else escape(value)}",
        "else value}",
        ("tests/client", "tests/delivery/test_markup.py"),
    ),
    Mutant(
        "max-bytes goes below the floor of quality",
        "pipeline/fitting.py",
        "lightest = writer.write(first.image, encoder.floor)",
        "lightest = writer.write(first.image, 1)",
        ("tests/pipeline/test_max_bytes.py",),
    ),
    Mutant(
        "what is made weighs nothing",
        "pipeline/admission.py",
        "return self.megabytes + self._footprint_mb(request, measured=measure)",
        "return self.megabytes",
        ("tests/pipeline/test_footprint.py", "tests/pipeline/test_pool.py"),
    ),
    Mutant(
        "a deleted preset takes pages down",
        "delivery/templatetags/imgopt.py",
        "        if settings.DEBUG:\n            raise _told",
        "        if True:\n            raise _told",
        ("tests/delivery/test_markup.py",),
    ),
    Mutant(
        "metrics are shown through any proxy",
        "apikeys/admission.py",
        '(was_forwarded and caller == client_ip(remote, "", ()))',
        "False",
        ("tests/imgopt/test_metrics_page.py",),
    ),
    Mutant(
        "a server is ready whatever is away",
        "imgopt/health.py",
        'ready = all(one.state == "ok" for one in found.values())',
        "ready = True",
        ("tests/imgopt/test_health.py",),
    ),
    Mutant(
        "what a former secret sealed is not sealed anew",
        "imgopt/resealing.py",
        "if is_sealed_by_today(row.sealed, purpose=purpose):",
        "if unseal(row.sealed, purpose=purpose) is not None:",
        ("tests/imgopt/test_reseal.py",),
    ),
    Mutant(
        "everybody may read the containers' secrets",
        "deploy/env.py",
        "os.fchmod(descriptor, 0o600)",
        "pass",
        ("tests/deploy/test_env.py",),
    ),
    Mutant(
        "webhooks are signed without their time",
        "jobs/notifications/signatures.py",
        'f"{message_id}.{timestamp}.".encode()',
        'f"{message_id}.".encode()',
        ("tests/jobs/notifications/test_webhooks.py",),
    ),
    Mutant(
        "webhooks go unencrypted into the world",
        "jobs/notifications/posting.py",
        '    if target.scheme == "http" and not all(',
        "    if not places and not all(",
        ("tests/jobs/notifications/test_guard.py",),
    ),
    Mutant(
        "a later event overtakes an earlier one on its way to Kafka",
        "jobs/notifications/delivering.py",
        "if (earlier := _earlier_run_at(event)) is not None:",
        "if (earlier := _earlier_run_at(event)) is not None and event.type == '':",
        ("tests/jobs/notifications/test_kafka.py",),
    ),
    Mutant(
        "an endpoint that fails is asked for every event",
        "jobs/notifications/resting.py",
        "    if not seconds:",
        "    if seconds:",
        ("tests/jobs/notifications/test_resting.py",),
    ),
    Mutant(
        "pictures with another watermark are taken for the same",
        "pipeline/many.py",
        "order.frames, request.mark, bounds",
        "order.frames, bounds",
        ("tests/pipeline/test_many.py",),
    ),
    Mutant(
        "transparent pictures are compared over white only",
        "pipeline/quality/reference.py",
        "return (WHITE, BLACK) if",
        "return (WHITE,) if",
        ("tests/pipeline/quality",),
    ),
    Mutant(
        "AutoQuality stops a step early",
        "pipeline/seeking.py",
        "if self._meeting - self._failing > 1:",
        "if self._meeting - self._failing > 2:",
        ("tests/pipeline/test_seeking.py",),
    ),
    Mutant(
        "a file that misses a demand besides SSIM is taken",
        "pipeline/demands.py",
        "if not unmet and not demand.is_met(figure):",
        'if demand.name == "ssim" and not demand.is_met(figure):',
        ("tests/pipeline/test_contracts.py",),
    ),
    Mutant(
        "saturated edges bleed",
        "pipeline/autoquality.py",
        "if ENCODERS[self._format].whole_chroma and bleeds(shown)",
        "if False",
        ("tests/pipeline/test_contracts.py",),
    ),
    Mutant(
        "a worker that slept past its lease changes the ledger",
        "jobs/ledger.py",
        "state=State.RUNNING, token=claimed_as)",
        "state=State.RUNNING)",
        ("tests/jobs/test_ledger.py",),
    ),
    Mutant(
        "a job that kills its worker is tried without end",
        "jobs/ledger.py",
        '        attempts=F("attempts") + 1,\n',
        "",
        ("tests/jobs/test_ledger.py",),
    ),
    Mutant(
        "a batch ends before its last job",
        "jobs/ledger.py",
        "batch.finished_at is None and not batch.jobs.filter(state__in=LIVE).exists():",
        "batch.finished_at is None:",
        ("tests/jobs/test_ledger.py",),
    ),
    Mutant(
        "what is rolled back with a job's end is believed",
        "jobs/claim.py",
        "            vars(self.job).update(before)  # or this process would believe what was rolled back\n",
        "",
        ("tests/jobs/test_running.py",),
    ),
    Mutant(
        "cells of a manifest are formulas",
        "jobs/batches/manifest.py",
        "isinstance(value, str) and value[:1] in",
        "isinstance(value, str) and value[:1] not in",
        ("tests/jobs/batches/test_api.py",),
    ),
    Mutant(
        "a wide profile is any other",
        "pipeline/inspector.py",
        "is_wide = outside >= WIDE_SHARE if gamut is None else gamut.area >= WIDE_AREA",
        "is_wide = False",
        ("tests/assets/test_colour.py",),
    ),
    Mutant(
        "what is known of a master's colours may be kept by shared caches",
        "assets/colour_api.py",
        '"Cache-Control": "private, max-age=0, must-revalidate"',
        '"Cache-Control": "public, max-age=0, must-revalidate"',
        ("tests/assets/test_colour.py",),
    ),
    Mutant(
        "the gate lets scores fall",
        "imgopt/gate/comparison.py",
        "high is not None and low is not None and high - low > by",
        "False",
        ("tests/imgopt/test_quality_gate.py",),
    ),
    Mutant(
        "of white and black a further metric tells the better",
        "pipeline/quality/metrics.py",
        'worst = min if metric.better == "higher" else max',
        'worst = max if metric.better == "higher" else min',
        ("tests/pipeline/quality/test_metrics.py",),
    ),
)


def main(names: list[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    survivors = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for mutant, killed in zip(chosen, pool.map(is_killed, chosen), strict=True):
            print(f"{'killed  ' if killed else 'SURVIVED'}  {mutant.name}", flush=True)
            if not killed:
                survivors.append(mutant.name)
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} faults were noticed")
    return 1 if survivors or not chosen else 0


def is_killed(mutant: Mutant) -> bool:
    with tempfile.TemporaryDirectory(prefix="imgopt-mutant-") as folder:
        copy = Path(folder) / "imgopt"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
        target = copy / mutant.file
        text = target.read_text()
        if text.count(mutant.old) != 1:
            raise SystemExit(
                f"{mutant.name}: expected its line once in {mutant.file}, found it {text.count(mutant.old)} times"
            )
        target.write_text(text.replace(mutant.old, mutant.new))
        shared = ROOT.parent / "shared"
        if shared.is_dir():
            (Path(folder) / "shared").symlink_to(shared)
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *mutant.tests]
        environment = {**os.environ, "PYTHONPATH": str(copy)}
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, timeout=TIMEOUT_SECONDS, check=False
        )
        if done.returncode not in (0, 1):
            raise SystemExit(f"{mutant.name}: pytest ended with {done.returncode}\n{done.stdout.decode()[-2000:]}")
        return done.returncode == 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
