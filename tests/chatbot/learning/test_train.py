"""Tuning on the real encoder: it learns, it goes on where it stopped, and what it makes is what is then run."""

from pathlib import Path

import numpy as np
import pytest
import torch

from chatbot.engine.encoder import Encoder
from chatbot.engine.upper_file import write_upper
from chatbot.learning.batches import Batches, Recipe, cut, recipe_for
from chatbot.learning.checkpoint import Checkpoint
from chatbot.learning.train import Tuned, Views, contrast, tune
from chatbot.learning.tuned import TunedUpper

RECIPE = Recipe(steps=6, classes=3, warmup_steps=2)
WORDINGS = [
    ["where is my parcel", "track my order", "has my delivery left the warehouse already?", "parcel status"],
    ["can I send it back", "return an item", "how long may I return things that I bought?", "refund please"],
    [
        "do you ship to Canada",
        "delivery abroad",
        "which countries do you deliver to at the moment?",
        "ship to us",
    ],
]


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def encoder(model_folder: Path) -> Encoder:
    return Encoder(model_folder, precision="fp32", threads=1)


@pytest.fixture(scope="module")
def views(encoder: Encoder) -> Views:
    texts = [text for of_one in WORDINGS for text in of_one]
    return Views(states=encoder.trunk(texts, kind="query"), owners=np.repeat([0, 1, 2], 4))


def checkpoint(folder: Path, **identity: object) -> Checkpoint:
    return Checkpoint(folder / "checkpoint.safetensors", identity=identity)


def train(
    views: Views, encoder: Encoder, folder: Path, *, stop_after: int = 0, held_out: Views | None = None
) -> Tuned:
    def progress(number: int, **_told: float | None) -> None:
        if number == stop_after:
            raise Killed

    return tune(
        views,
        encoder=encoder,
        recipe=RECIPE,
        seed=3,
        held_out=held_out,
        progress=progress,
        checkpoint=checkpoint(folder, of="this"),
    )


def test_layers_with_gradients_do_what_the_encoder_does(views: Views, encoder: Encoder) -> None:
    with torch.no_grad():
        vectors = TunedUpper(encoder)(views.states).numpy()
    assert np.abs(vectors - encoder.finish(views.states)).max() < 1e-5


def test_untouched_layers_leave_vectors_as_they_are(views: Views, encoder: Encoder) -> None:
    upper = encoder.upper("same", write_upper(TunedUpper(encoder).tensors()))
    cosines = (encoder.finish(views.states, upper=upper) * encoder.finish(views.states)).sum(1)
    assert cosines.min() > 0.9999


def test_training_lowers_the_loss_and_draws_wordings_together(
    views: Views, encoder: Encoder, tmp_path: Path
) -> None:
    tuned = train(views, encoder, tmp_path)
    assert tuned.curve[-1][1] < tuned.curve[0][1]
    upper = encoder.upper("tuned", write_upper(tuned.tensors))

    def spread(vectors: np.ndarray) -> float:
        cosines = vectors @ vectors.T
        same = views.owners[:, None] == views.owners[None]
        return float(cosines[same].mean() - cosines[~same].mean())

    assert spread(encoder.finish(views.states, upper=upper)) > spread(encoder.finish(views.states)) + 0.01


def test_a_training_that_was_killed_ends_as_one_that_was_not(
    views: Views, encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(views, encoder, tmp_path / "whole", held_out=views)
    monkeypatch.setattr("chatbot.learning.checkpoint.CHECKPOINT_SECONDS", 0)
    with pytest.raises(Killed):
        train(views, encoder, tmp_path / "cut", stop_after=4, held_out=views)
    steps = []
    resumed = tune(
        views,
        encoder=encoder,
        recipe=RECIPE,
        seed=3,
        held_out=views,
        progress=lambda number, **_told: steps.append(number),
        checkpoint=checkpoint(tmp_path / "cut", of="this"),
    )
    assert steps == [4, 5, 6]
    assert [point[0] for point in resumed.curve] == [1, 2, 3, 4, 5, 6]
    for name, tensor in whole.tensors.items():
        assert torch.allclose(tensor, resumed.tensors[name], atol=1e-6), name


def test_the_checkpoint_of_another_training_is_not_gone_on_from(tmp_path: Path) -> None:
    checkpoint(tmp_path, of="this").save({"x": torch.ones(2)}, {"done": 3})
    found = checkpoint(tmp_path, of="this").load()
    assert found is not None
    assert found[1] == {"done": 3}
    assert checkpoint(tmp_path, of="that").load() is None
    (tmp_path / "checkpoint.safetensors").write_bytes(b"cut off")
    assert checkpoint(tmp_path, of="this").load() is None


def test_the_layers_of_the_least_held_out_loss_are_kept(
    views: Views, encoder: Encoder, tmp_path: Path
) -> None:
    told: list[float] = []

    def look(
        number: int, *, loss: float | None, held_out_loss: float | None, seconds_left: float | None
    ) -> None:
        assert held_out_loss is not None
        told.append(held_out_loss)

    tuned = tune(
        views,
        encoder=encoder,
        recipe=RECIPE,
        seed=3,
        # Held out under wrong owners: whatever is learned makes it worse.
        held_out=Views(states=views.states, owners=np.roll(views.owners, 4)),
        progress=look,
        checkpoint=checkpoint(tmp_path),
    )
    assert min(told) == told[0]
    first = train(views, encoder, tmp_path / "other")
    name = next(iter(first.tensors))
    assert not torch.equal(first.tensors[name], tuned.tensors[name])


def test_the_loss_is_that_of_the_paper() -> None:
    vectors = torch.nn.functional.normalize(
        torch.tensor([[1.0, 0.2], [0.9, 0.4], [0.1, 1.0], [0.5, 0.5]]), dim=-1
    )
    owners = torch.tensor([0, 0, 1, 1])
    expected = 0.0
    for row in range(4):
        others = [other for other in range(4) if other != row]
        total = sum(torch.exp(vectors[row] @ vectors[other] / 0.1) for other in others)
        partner = next(other for other in others if owners[other] == owners[row])
        expected -= float(torch.log(torch.exp(vectors[row] @ vectors[partner] / 0.1) / total)) / 4
    assert float(contrast(vectors, owners, temperature=0.1)) == pytest.approx(expected, rel=1e-5)


def test_batches_hang_on_seed_and_step_alone_and_hold_pairs() -> None:
    owners = np.array([0, 0, 0, 1, 2, 2, 3, 3, 4])
    batches = Batches(owners, recipe=Recipe(steps=9, classes=4), neighbours=[], seed=1)
    again = Batches(owners, recipe=Recipe(steps=9, classes=4), neighbours=[], seed=1)
    for step in range(9):
        rows = batches.at(step)
        assert (rows == again.at(step)).all()
        assert len(set(rows.tolist())) == len(rows)
        # Three entries have pairs; the fourth place goes to one that only pushes others away.
        assert sorted(np.unique(owners[rows], return_counts=True)[1].tolist()) == [1, 2, 2, 2]


def test_confusable_entries_share_a_batch() -> None:
    owners = np.repeat(np.arange(20), 2)
    recipe = Recipe(steps=1, classes=4, confusable=0.5)
    neighbours = [[entry ^ 1] for entry in range(20)]
    for step in range(10):
        chosen = set(owners[Batches(owners, recipe=recipe, neighbours=neighbours, seed=0).at(step)].tolist())
        assert sum(entry ^ 1 in chosen for entry in chosen) >= 2
        assert len(chosen) == 4


def test_cutting_leaves_the_first_token_and_something_of_every_text() -> None:
    states = torch.arange(40.0).reshape(20, 2)
    random = np.random.default_rng(0)
    lengths = [len(cut(states, 0.3, random)) for _ in range(200)]
    assert all((cut(states, 0.5, random)[0] == states[0]).all() for _ in range(20))
    assert min(lengths) >= 1
    assert 0.6 < np.mean(lengths) / 20 < 0.8


def test_steps_grow_with_the_texts() -> None:
    assert recipe_for(texts=10).steps < recipe_for(texts=800).steps < recipe_for(texts=100_000).steps
