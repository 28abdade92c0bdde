"""Peak memory of the server and its children while one large picture is rendered, beside one process that does no more.

Each case has a server of its own, so that no case inherits another's heap. The proportional set size (PSS) of all its
processes is sampled; the kernel's own high-water mark tells each process's resident peak.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks import direct
from benchmarks.processes import command_line, tree
from benchmarks.report import heading, line, save
from benchmarks.serving import photos, serving, sign, upload

WIDTH = 1200
SAMPLE_SECONDS = 0.01
CASES: dict[str, dict[str, Any]] = {
    "24-MP JPEG": {"size": (6000, 4000), "saver": "jpegsave", "suffix": ".jpg", "options": {"Q": 90}},
    "24-MP progressive JPEG": {
        "size": (6000, 4000), "saver": "jpegsave", "suffix": ".jpg", "options": {"Q": 90, "interlace": True},
    },
    "12-MP AVIF": {
        "size": (4000, 3000), "saver": "heifsave", "suffix": ".avif",
        "options": {"Q": 60, "compression": "av1", "effort": 0},
    },
}  # fmt: skip


def main() -> None:
    heading("peak_memory", f"rendered to {WIDTH} px WebP, in MB")
    samples = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, case) in enumerate(CASES.items()):
            path = Path(folder) / f"{number}{case['suffix']}"
            apart(make, str(photos(Path(folder))[0]), str(path), case)
            samples[name] = {**peak_of_server(path), "reference": apart(peak_of_direct, str(path))}
            tell(name, samples[name])
    save("peak_memory", {"width": WIDTH, "cases": samples})


def tell(name: str, sample: dict[str, Any]) -> None:
    child = max(peak for process, peak in sample["peak_rss_mb"].items() if process.startswith("render child"))
    reference = sample["reference"]["peak_rss_mb"]
    line("case", name)
    line("ours", f"{child:6.0f} at most in the render child (resident)")
    line(
        "reference",
        f"{reference:6.0f} at most in a process that does the same libvips calls; ratio {child / reference:.0%}",
    )
    line(
        "everything",
        f"{sample['peak_pss_mb']:6.0f} at most in server and children (PSS), {sample['idle_pss_mb']:.0f} before",
    )


def apart(work: Callable[..., Any], *arguments: Any) -> Any:
    """This will call a function in a fresh process, so that libvips never runs in this one."""
    os.environ["VIPS_CONCURRENCY"] = "1"
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *arguments).result()


def make(photo: str, path: str, case: dict[str, Any]) -> None:
    import pyvips

    width, height = case["size"]
    image = pyvips.Image.thumbnail(photo, width, height=height, crop="centre").copy_memory()
    getattr(image, case["saver"])(path, keep="none", **case["options"])


def peak_of_server(path: Path) -> dict[str, Any]:
    with serving() as server:
        target = sign(server, upload(server, path), w=str(WIDTH), fm="webp")
        if server.process is None:
            raise RuntimeError("the server does not run")
        pids = list(tree(server.process.pid))
        idle = sum(map(pss_mb, pids))
        for pid in pids:
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # begins a new high-water mark
        done = threading.Event()
        peaks: list[float] = []
        sampler = threading.Thread(target=sample_pss, args=(pids, done, peaks))
        sampler.start()
        answer = server.request(target)
        done.set()
        sampler.join()
        if answer.status != 200 or answer.headers["x-cache"] != "render":
            raise RuntimeError(f"Expected a render, received {answer.status}.")
        resident = {f"{kind_of(pid)} {pid}": status_mb(pid, "VmHWM") for pid in pids}
    return {"idle_pss_mb": idle, "peak_pss_mb": max(peaks), "peak_rss_mb": resident, "pss_samples_mb": peaks}


def sample_pss(pids: list[int], done: threading.Event, peaks: list[float]) -> None:
    while True:
        peaks.append(sum(map(pss_mb, pids)))
        if done.wait(SAMPLE_SECONDS):
            return


def peak_of_direct(path: str) -> dict[str, float]:
    direct.prepare()
    job = direct.job(Path(path), WIDTH, "webp")
    direct.render(job)
    return {"peak_rss_mb": status_mb(os.getpid(), "VmHWM")}


def pss_mb(pid: int) -> float:
    return _field_mb(Path(f"/proc/{pid}/smaps_rollup").read_text(), "Pss")


def status_mb(pid: int, field: str) -> float:
    return _field_mb(Path(f"/proc/{pid}/status").read_text(), field)


def _field_mb(text: str, field: str) -> float:
    row = next(line for line in text.splitlines() if line.startswith(f"{field}:"))
    return int(row.split()[1]) / 1024


def kind_of(pid: int) -> str:
    words = command_line(pid)
    if "serve" in words:
        return "manage.py serve"
    if "granian" in words:
        return "granian"
    return "render child" if any("pipeline.child" in word for word in words) else "helper"


if __name__ == "__main__":
    main()
