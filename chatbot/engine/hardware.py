"""What this machine computes fastest with: device, precision, threads. Measured at start, never assumed."""

import contextlib
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

import torch

Name = TypeVar("Name", bound=str)
ROUNDS = 9


def device() -> torch.device:
    """Return the GPU if torch sees one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def bf16_is_native(on: torch.device) -> bool:
    """Say whether bf16 matrix products run on the hardware rather than being emulated."""
    if on.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and _cpu_has_bf16_instructions()


def _cpu_has_bf16_instructions() -> bool:
    """Say whether the CPU has AMX or AVX-512 bf16 products (oneDNN emulates them, slowly, where it has not)."""
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    if capabilities:
        return bool(capabilities.get("amx_tile") or capabilities.get("avx512_bf16"))
    return bool(torch.cpu._is_amx_tile_supported())


def median_seconds(function: Callable[[], object], *, runs: int) -> float:
    """Return the median time of `runs` calls, in seconds, after one that is not counted."""
    function()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def fastest(works: Mapping[Name, Callable[[], object]]) -> Name:
    """Return the name of the work that takes least; they take turns, and the least time of each counts.

    Other work on the machine only ever adds time, and would else decide.
    """
    least = dict.fromkeys(works, float("inf"))
    for work in works.values():
        work()
    for _ in range(ROUNDS):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            least[name] = min(least[name], time.perf_counter() - start)
    return min(least, key=least.__getitem__)


def choose_threads(work: Callable[[], object], *, wanted: int) -> int:
    """Set and return torch's CPU thread count: `wanted` if positive, else the one that `work` runs fastest on.

    More threads than that lose: on a busy 2-core machine two OpenMP threads were slower than one.
    """
    if wanted:
        torch.set_num_threads(wanted)
        return wanted
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    best, best_time = 1, float("inf")
    for count in sorted({1, max(1, cores // 2), min(cores, 8)}):
        torch.set_num_threads(count)
        taken = median_seconds(work, runs=5)
        # A thread more has to earn its keep: it is taken from the event loop and the database.
        if taken < best_time * 0.9:
            best, best_time = count, taken
    torch.set_num_threads(best)
    return best


def threads_apart(work: Callable[[], object], *, wanted: int) -> int:
    """Return the thread count of `choose_threads` without changing this process's own."""
    before = torch.get_num_threads()
    chosen = choose_threads(work, wanted=wanted)
    use_threads_here(chosen, elsewhere=before)
    return chosen


def use_threads_here(count: int, *, elsewhere: int) -> None:
    """Compute with `count` threads on the calling thread, and with `elsewhere` on those that begin after it.

    OpenMP keeps the count by thread; torch hands the last one that was set to every thread's first computation.
    """
    torch.set_num_threads(count)
    helper = threading.Thread(target=torch.set_num_threads, args=(elsewhere,))
    helper.start()
    helper.join()


def give_way(niceness: int) -> None:
    """Let the calling thread, and those it starts, run behind all others (Linux, where each has its own priority)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
