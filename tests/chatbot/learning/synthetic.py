"""Small FAQs of synthetic vectors, whose difficulty is known."""

import numpy as np

from chatbot.engine import space
from chatbot.engine.index import Entry
from chatbot.learning.material import Material

DIM = 32


def material(*, entries: int = 20, alternates: int = 5, noise: float = 0.8, seed: int = 0) -> Material:
    """Entries whose wordings scatter around a topic; tokens and passages tell the topic a little."""
    random = np.random.default_rng(seed)
    count = entries * (alternates + 1)
    owners = np.repeat(np.arange(entries), alternates + 1)
    topics = random.normal(size=(entries, DIM)) + 2
    made = tuple(
        Entry(key=f"e{n}", questions=tuple(f"words {n} {m}" for m in range(alternates + 1)), answer="")
        for n in range(entries)
    )
    return Material(
        entries=made,
        texts=[text for entry in made for text in entry.questions],
        questions=space.unit(topics[owners] + noise * random.normal(size=(count, DIM))),
        passages=space.unit(topics + 2 * noise * random.normal(size=(entries, DIM))),
        tokens=[[int(owner), *random.integers(100, 140, 4).tolist()] for owner in owners],
        answers=[[] for _ in range(entries)],
    )
