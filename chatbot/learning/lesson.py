"""What one training learns from: an FAQ's wordings, some of which are held out, and the layers tuned to the others."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chatbot.answering.retrieve import index_texts, prepare
from chatbot.engine.arrays import Kind, Vectors
from chatbot.engine.index import Entry
from chatbot.engine.upper_file import write_upper
from chatbot.learning import split
from chatbot.learning.augment import augment
from chatbot.learning.batches import recipe_for
from chatbot.learning.checkpoint import Checkpoint
from chatbot.learning.train import Views, tune
from chatbot.learning.trunk import Trunk
from chatbot.learning.watch import Watch

# Why a part of a training was left out: nothing to tune with, too little to hold any back, no saved test questions, or
# nothing to fit the ranker with.
NO_ALTERNATES, NOTHING_HELD_OUT, NO_TESTS, RANKER_KEPT = (
    "no_alternates",
    "nothing_held_out",
    "no_tests",
    "ranker_kept",
)
SKIPPED = (NO_ALTERNATES, NOTHING_HELD_OUT, NO_TESTS, RANKER_KEPT)

# How much of the wordings is held out. Which ones does not depend on the training's seed, so that a version is not
# asked what an earlier one has learned.
HELD_OUT_SHARE, HELD_OUT_MOST, HELD_OUT_SEED = 0.15, 600, 0
NEIGHBOURS = 8
# So many of the wordings are also learned as somebody would mistype them.
SLIPS = 0.25
CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True, kw_only=True)
class TunedFile:
    """Tuned layers as a safetensors file, and how they were made."""

    file: bytes
    recipe: Mapping[str, Any]


class Lesson:
    """An FAQ's wordings as a training reads them; `owners` [wordings] are entry numbers.

    What visitors or admins confirmed is a wording of its entry that the FAQ does not hold.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        confirmed: Sequence[tuple[str, str]],
        *,
        locale: str,
        synonyms: Mapping[str, Sequence[str]],
        seed: int,
    ) -> None:
        self.entries = tuple(entries)
        numbers = {entry.key: number for number, entry in enumerate(self.entries)}
        questions = [index_texts(entry)[0] for entry in self.entries]
        self.wordings = [text for of_one in questions for text in of_one]
        owners = [number for number, of_one in enumerate(questions) for _ in of_one]
        self.in_faq = len(self.wordings)
        known = set(zip(self.wordings, owners, strict=True))
        for text, key in confirmed:
            pair = (prepare(text), numbers.get(key, -1))
            if pair[1] >= 0 and pair[0] and pair not in known:
                known.add(pair)
                self.wordings.append(pair[0])
                owners.append(pair[1])
        self.owners: NDArray[np.int64] = np.array(owners, np.int64)
        # What is held out [wordings], and the frozen encoder's vectors [wordings, dim]: `hold_out` fills them.
        self.held_out = np.zeros(len(owners), bool)
        self.vectors: Vectors = np.zeros((len(owners), 0), np.float32)
        random = np.random.default_rng(seed)
        self._slips = {
            row: prepare(augment(text, locale=locale, random=random, synonyms=synonyms)) or text
            for row, text in enumerate(self.wordings)
            if random.random() < SLIPS
        }
        self.skipped: list[str] = []

    def texts(self) -> list[tuple[Kind, str]]:
        """Return every text that the trunk is to look at."""
        passages: list[tuple[Kind, str]] = [("passage", index_texts(entry)[1]) for entry in self.entries]
        questions: list[tuple[Kind, str]] = [
            ("query", text) for text in (*self.wordings, *self._slips.values())
        ]
        return list(dict.fromkeys([*questions, *passages]))

    def hold_out(self, trunk: Trunk) -> None:
        """Choose the wordings that are held out to tune, fit and judge with."""
        self.vectors = trunk.embed(self.wordings, "query")
        self.held_out = split.hold_out(
            self.wordings,
            self.owners,
            self.vectors,
            share=HELD_OUT_SHARE,
            most=HELD_OUT_MOST,
            seed=HELD_OUT_SEED,
        )
        if not self.held_out.any():
            self.skipped.append(NOTHING_HELD_OUT)

    def tune(self, trunk: Trunk, *, identity: str, seed: int, watch: Watch, folder: Path) -> TunedFile | None:
        """Tune the upper layers to what is not held out; None where no entry has two wordings of that."""
        rows = np.flatnonzero(~self.held_out)
        _, counts = np.unique(self.owners[rows], return_counts=True)
        if (counts > 1).sum() < 2:
            self.skipped.append(NO_ALTERNATES)
            return None
        recipe = recipe_for(texts=len(rows))
        watch.stage("tuning", steps=recipe.steps)
        told = {
            "encoder": trunk.encoder.version,
            "data": identity,
            "held_out": hashlib.sha256(np.packbits(self.held_out).tobytes()).hexdigest(),
            "recipe": recipe.to_json(),
            "seed": seed,
        }
        tuned = tune(
            self._views(trunk, rows, with_slips=True),
            encoder=trunk.encoder,
            recipe=recipe,
            seed=seed,
            neighbours=self._neighbours(trunk),
            held_out=self._views(trunk, np.flatnonzero(self.held_out)) if self.held_out.any() else None,
            progress=watch.step,
            checkpoint=Checkpoint(folder / CHECKPOINT, identity=told),
        )
        return TunedFile(
            file=write_upper(tuned.tensors), recipe=recipe.to_json() | {"encoder": trunk.encoder.version}
        )

    def counts(self) -> dict[str, int]:
        """Return how much of what there was."""
        return {
            "entries": len(self.entries),
            "wordings": self.in_faq,
            "confirmed": len(self.wordings) - self.in_faq,
            "held_out": int(self.held_out[: self.in_faq].sum()),
        }

    def _views(self, trunk: Trunk, rows: NDArray[np.int64], *, with_slips: bool = False) -> Views:
        slipped = [row for row in rows.tolist() if with_slips and row in self._slips]
        texts = [self.wordings[row] for row in rows] + [self._slips[row] for row in slipped]
        owners = self.owners[[*rows.tolist(), *slipped]]
        return Views(states=trunk.states(texts, "query"), owners=owners)

    def _neighbours(self, trunk: Trunk) -> list[list[int]]:
        """Return for each entry those that it is most easily taken for, by the frozen vectors of what is shown."""
        shown = trunk.embed([index_texts(entry)[0][0] for entry in self.entries], "query")
        return split.neighbours(shown, count=NEIGHBOURS).tolist()
