"""The FAQ's own space: what it takes away, what it keeps, and where it must not be trusted."""

import numpy as np
import pytest

from chatbot.engine import space

DIM = 16


def cone(random: np.random.Generator, count: int) -> np.ndarray:
    """Unit vectors that share most of their direction, as a sentence encoder's do."""
    return space.unit(
        np.eye(DIM, dtype=np.float32)[0] * 4 + random.normal(size=(count, DIM)).astype(np.float32)
    )


def test_what_all_share_is_taken_away() -> None:
    random = np.random.default_rng(0)
    questions = cone(random, 40)
    starts = np.arange(0, 40, 4)
    fitted = space.fit_space(questions, starts, questions.mean(0))
    inside = fitted(questions)
    assert np.linalg.norm(inside, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert (questions @ questions.T).mean() > 0.4 > 0.1 > abs((inside @ inside.T).mean())


def test_how_wordings_vary_counts_less() -> None:
    random = np.random.default_rng(1)
    topics = np.repeat(random.normal(size=(10, DIM)), 4, axis=0)
    wording = np.zeros((40, DIM))
    wording[:, 3] = random.normal(size=40) * 3
    questions = space.unit(topics + wording)
    starts = np.arange(0, 40, 4)
    plain = space.Space(centre=questions.mean(0), whitening=np.eye(DIM, dtype=np.float32))
    fitted = space.fit_space(questions, starts, questions.mean(0))

    def inside_entries(vectors: np.ndarray) -> float:
        return float(np.mean([(g @ g.T).mean() for g in np.split(vectors, 10)]))

    assert inside_entries(fitted(questions)) > inside_entries(plain(questions)) + 0.05


def test_without_alternates_there_is_nothing_to_whiten() -> None:
    questions = cone(np.random.default_rng(2), 5)
    assert (space.fit_space(questions, np.arange(5), questions.mean(0)).whitening == np.eye(DIM)).all()


def test_a_single_entry_keeps_what_it_is_about() -> None:
    background = space.background("query")
    one = space.unit(background + np.random.default_rng(3).normal(size=background.shape) * 0.02)[None]
    centred = one - space.centre_of(one, "query")
    assert np.linalg.norm(centred) > 0.2


def test_another_encoder_gets_its_own_centre() -> None:
    foreign = space.unit(np.random.default_rng(4).normal(size=(3, *space.background("query").shape)))
    assert space.centre_of(foreign, "query") == pytest.approx(foreign.mean(0), abs=1e-6)
    small = cone(np.random.default_rng(5), 3)
    assert space.centre_of(small, "passage") == pytest.approx(small.mean(0), abs=1e-6)


def test_prototypes_move_away_from_other_entries_questions() -> None:
    random = np.random.default_rng(6)
    topics = np.repeat(random.normal(size=(12, DIM)), 6, axis=0)
    questions = space.unit(topics + random.normal(size=(72, DIM)) * 1.2)
    starts, owners = np.arange(0, 72, 6), np.repeat(np.arange(12), 6)

    def mean_loss(prototypes: np.ndarray) -> float:
        shares = space.softmax(space.TEMPERATURE * (questions @ prototypes.T))
        return float(-np.log(shares[np.arange(72), owners]).mean())

    means = space.unit(np.add.reduceat(questions, starts))
    assert mean_loss(space.prototypes(questions, starts)) < mean_loss(means) * 0.8


@pytest.mark.parametrize("entries", [1, 2, 3])
def test_prototypes_of_the_smallest_faqs_stay_bounded(entries: int) -> None:
    questions = space.unit(np.random.default_rng(7).normal(size=(entries * 2, DIM)))
    prototypes = space.prototypes(questions, np.arange(0, entries * 2, 2))
    assert np.isfinite(prototypes).all()
    assert np.linalg.norm(prototypes, axis=1).max() < 3


def test_too_much_work_leaves_the_means(monkeypatch: pytest.MonkeyPatch) -> None:
    questions = space.unit(np.random.default_rng(8).normal(size=(8, DIM)))
    monkeypatch.setattr(space, "WORK", 0)
    starts = np.arange(0, 8, 2)
    assert space.prototypes(questions, starts) == pytest.approx(
        space.unit(np.add.reduceat(questions, starts))
    )
