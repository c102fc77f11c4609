"""Batching against a small encoder that can be paused, which is itself tested against the real one."""

import threading
from collections.abc import Sequence
from concurrent.futures import wait

import numpy as np
import pytest

from chatbot.engine.arrays import Kind
from chatbot.engine.batcher import Batcher, TextEncoder
from chatbot.engine.encoder import Encoder
from chatbot.engine.errors import EngineFailed, EngineOverloaded, EngineStopped
from chatbot.engine.upper import Upper
from chatbot.engine.upper_file import write_upper

BASE = Upper(name="base", layers=())


class PausableEncoder:
    """Encodes a text as its length in bytes and its kind; waits while paused; fails on "boom"."""

    dim = 2

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.seen: list[int] = []
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()

    def tokenize(self, texts: Sequence[str], *, kind: Kind) -> list[list[int]]:
        return [[666] if text == "boom" else [1] * max(1, len(text.encode())) for text in texts]

    def forward(self, batch: Sequence[Sequence[int]], uppers: Sequence[Upper]) -> np.ndarray:
        self.entered.set()
        assert self.open.wait(60)
        if [666] in [list(ids) for ids in batch]:
            raise RuntimeError("boom")
        self.batches.append(len(batch))
        self.seen += [len(ids) for ids in batch]
        vectors = [np.array([len(ids), 1.0], np.float32) for ids in batch]
        for row, upper in enumerate(uppers):
            for layer in upper.layers:
                vectors[row] = layer(vectors[row], None)
        return np.stack(vectors)


@pytest.fixture(params=["fake", "real"])
def contract(request, encoder: Encoder) -> tuple[TextEncoder, Upper, Upper]:
    """An encoder, its own upper layers, and some that were changed."""
    if request.param == "fake":
        return PausableEncoder(), BASE, Upper(name="other", layers=[lambda x, _mask: x + 1])
    state = encoder.upper_state()
    changed = {name: tensor * 1.05 for name, tensor in state.items()}
    return encoder, encoder.base, encoder.upper("other", write_upper(changed))


@pytest.fixture
def fake() -> PausableEncoder:
    return PausableEncoder()


def started(encoder: TextEncoder, *, batch_tokens: int = 64, queue_texts: int = 100) -> Batcher:
    batcher = Batcher(encoder, batch_tokens=batch_tokens, queue_texts=queue_texts)
    batcher.start()
    return batcher


def test_results_equal_encoding_alone(contract: tuple[TextEncoder, Upper, Upper]) -> None:
    encoder, upper, other = contract
    texts = ["a", "a longer text", "b" * 30, "c"]
    ids = encoder.tokenize(texts, kind="query")
    alone = [encoder.forward([its], [upper])[0] for its in ids]
    otherwise = [encoder.forward([its], [other])[0] for its in ids]
    batcher = started(encoder)
    futures = [batcher.submit([text], kind="query", upper=upper) for text in texts]
    futures += [batcher.submit([text], kind="query", upper=other) for text in texts]
    together = batcher.submit(texts, kind="query", upper=upper)
    results = [future.result(timeout=60)[0] for future in futures]
    assert np.abs(together.result(timeout=60) - np.stack(alone)).max() < 2e-5
    batcher.stop()
    for vector, expected in zip(results, [*alone, *otherwise], strict=True):
        assert np.abs(vector - expected).max() < 2e-5
    assert np.abs(np.stack(alone) - np.stack(otherwise)).max() > 1e-2


def test_versions_share_a_batch(fake: PausableEncoder) -> None:
    batcher = started(fake)
    fake.open.clear()
    first = batcher.submit(["first"], kind="query", upper=BASE)
    fake.entered.wait(60)
    other = Upper(name="other", layers=[lambda x, _mask: x + 1])
    rest = [batcher.submit(["ab"], kind="query", upper=upper) for upper in (BASE, other)]
    fake.open.set()
    wait([first, *rest], timeout=60)
    batcher.stop()
    assert fake.batches == [1, 2]
    assert [future.result()[0][0] for future in rest] == [2, 3]


def test_what_waits_is_batched_together(fake: PausableEncoder) -> None:
    batcher = started(fake)
    fake.open.clear()
    first = batcher.submit(["first"], kind="query", upper=BASE)
    fake.entered.wait(60)
    rest = [batcher.submit(["ab"], kind="query", upper=BASE) for _ in range(10)]
    fake.open.set()
    wait([first, *rest], timeout=60)
    batcher.stop()
    assert fake.batches == [1, 10]


def test_budget_splits_batches(fake: PausableEncoder) -> None:
    batcher = started(fake, batch_tokens=10)
    batcher.submit(["aaaa"] * 5, kind="query", upper=BASE).result(timeout=60)
    batcher.stop()
    assert max(fake.batches) == 2


def test_cancelled_work_is_dropped_before_packing(fake: PausableEncoder) -> None:
    batcher = started(fake)
    fake.open.clear()
    batcher.submit(["x"], kind="query", upper=BASE)
    fake.entered.wait(60)
    gone = batcher.submit(["gone!"], kind="query", upper=BASE)
    kept = batcher.submit(["kept"], kind="query", upper=BASE)
    assert gone.cancel()
    fake.open.set()
    kept.result(timeout=60)
    batcher.stop()
    assert len("gone!") not in fake.seen


def test_full_queue_refuses_by_name_and_recovers(fake: PausableEncoder) -> None:
    batcher = started(fake, queue_texts=2)
    fake.open.clear()
    running = batcher.submit(["x"], kind="query", upper=BASE)
    fake.entered.wait(60)
    waiting = batcher.submit(["a", "b"], kind="query", upper=BASE)
    with pytest.raises(EngineOverloaded, match="at most 2"):
        batcher.submit(["c"], kind="query", upper=BASE)
    fake.open.set()
    wait([running, waiting], timeout=60)
    assert batcher.submit(["c"], kind="query", upper=BASE).result(timeout=60).shape == (1, 2)
    batcher.stop()


def test_failure_reaches_every_waiter_and_the_next_batch_works(fake: PausableEncoder) -> None:
    batcher = started(fake)
    fake.open.clear()
    batcher.submit(["x"], kind="query", upper=BASE)
    fake.entered.wait(60)
    waiters = [
        batcher.submit(["boom"], kind="query", upper=BASE),
        batcher.submit(["y"], kind="query", upper=BASE),
    ]
    fake.open.set()
    for waiter in waiters:
        with pytest.raises(EngineFailed):
            waiter.result(timeout=60)
    assert batcher.submit(["z"], kind="query", upper=BASE).result(timeout=60).shape == (1, 2)
    batcher.stop()


def test_interactive_goes_before_bulk(fake: PausableEncoder) -> None:
    batcher = started(fake, batch_tokens=1000)
    fake.open.clear()
    bulk = batcher.submit(["bulk" * 60] * 20, kind="passage", upper=BASE, bulk=True)
    fake.entered.wait(60)
    question = batcher.submit(["q"], kind="query", upper=BASE)
    fake.open.set()
    wait([question, bulk], timeout=60)
    batcher.stop()
    # One bulk batch was running already; the question comes right after it.
    assert fake.seen.index(1) == fake.batches[0]
    assert len(fake.seen) == 21


def test_stop_fails_the_waiting_and_the_late(fake: PausableEncoder) -> None:
    batcher = started(fake)
    fake.open.clear()
    batcher.submit(["x"], kind="query", upper=BASE)
    fake.entered.wait(60)
    waiting = batcher.submit(["y"], kind="query", upper=BASE)
    threading.Timer(0.1, fake.open.set).start()
    batcher.stop()
    with pytest.raises(EngineStopped):
        waiting.result(timeout=60)
    with pytest.raises(EngineStopped):
        batcher.submit(["z"], kind="query", upper=BASE)


def test_many_threads_get_their_own_answers(fake: PausableEncoder) -> None:
    batcher = started(fake, queue_texts=10_000)
    wrong: list[int] = []

    def ask(size: int) -> None:
        for _ in range(50):
            got = batcher.submit(["a" * size], kind="query", upper=BASE).result(timeout=60)
            if got[0][0] != size:
                wrong.append(size)

    threads = [threading.Thread(target=ask, args=(size,)) for size in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    batcher.stop()
    assert not wrong
