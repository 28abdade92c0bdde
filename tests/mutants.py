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
        "return keyring.secrets.get(key.kid) == key.secret and ",
        "return ",
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
        "profiles are ignored",
        "pipeline/colour.py",
        "    if not info.is_srgb and profile_of(image) is not None:",
        "    if False:",
        ("tests/pipeline/test_colour.py",),
    ),
    Mutant(
        "no lock between processes",
        "delivery/flight.py",
        "fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "pass",
        ("tests/delivery/test_flight.py",),
    ),
    Mutant(
        "no Vary",
        "delivery/respond.py",
        '(("Vary", "Accept"),) if negotiated else ()',
        "()",
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
        "pipeline/encode.py",
        'image, keep="none"',
        'image, keep="all"',
        ("tests/pipeline/test_encode.py", "tests/pipeline/test_render.py"),
    ),
    Mutant(
        "pictures stay as the camera was held",
        "pipeline/steps.py",
        "    image = _upright(image, plan.orientation)\n",
        "",
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
        "if is_current():",
        "if True:",
        ("tests/delivery",),
    ),
    Mutant(
        "q=0 means yes",
        "delivery/negotiate.py",
        "if weights[kind] > 0",
        "if weights[kind] >= 0",
        ("tests/delivery/test_negotiate.py",),
    ),
)


def main(names: list[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    survivors = []
    for mutant in chosen:
        killed = is_killed(mutant)
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
