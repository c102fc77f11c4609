"""Learning: parts of an FAQ, examples, fusion and calibration on problems whose answer is known."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from chatbot.answering.rank import (
    CONTEXT,
    EVIDENCE,
    SIGNALS,
    Ranker,
    context_of,
    default_weights,
    evidence_of,
    order,
)
from chatbot.engine.calibrator import Calibrator
from chatbot.engine.index import Shape, Signals
from chatbot.learning.examples import (
    CALIBRATED_OUT_OF_SCOPE,
    LEARNED_OUT_OF_SCOPE,
    Example,
    Group,
    calibration_rows,
    examine,
    hold_out,
    select,
    split,
)
from chatbot.learning.fitting import COLUMNS, CORNERS, LEARNED, NOTHING, fit, fit_calibrator, fit_fusion
from chatbot.learning.metrics import expected_calibration_error
from chatbot.learning.own import own_weights
from tests.chatbot.learning.synthetic import material


def listed(
    random: np.random.Generator,
    *,
    informative: str,
    candidates: int = 8,
    in_scope: bool = True,
    nearer: float = 0.0,
) -> Example:
    """A list of noise in which one signal points to the right candidate, where there is one."""
    arrays: dict[str, Any] = {
        name: random.normal(size=candidates).astype(np.float32) * 0.2 for name in SIGNALS
    }
    right = np.zeros(candidates, bool)
    if in_scope:
        right[random.integers(candidates)] = True
        arrays[informative] += np.where(right, 0.5, 0.0).astype(np.float32)
    return Example(
        signals=Signals(
            entry=np.arange(candidates),
            matched=np.zeros(candidates, np.int64),
            verbatim=np.zeros(candidates, bool),
            shape=Shape(wordings=0.5, answers=0.3, size=0.3),
            nearer=nearer,
            background=float(random.normal()) * 0.1,
            **arrays,
        ),
        right=right,
    )


def group(informative: str = "passage", count: int = 200, seed: int = 0) -> Group:
    random = np.random.default_rng(seed)
    examples = [listed(random, informative=informative) for _ in range(count)]
    return Group(
        examples=examples + [listed(random, informative=informative, in_scope=False) for _ in range(count)]
    )


@pytest.mark.parametrize("informative", SIGNALS)
def test_the_signal_that_tells_gets_the_weight(informative: str) -> None:
    weights = fit([group(informative)])
    learned = dict(zip(SIGNALS, weights.of(Shape(wordings=0.5, answers=0.3, size=0.3)), strict=True))
    assert learned.pop(informative) > 3 * max(abs(weight) for weight in learned.values())


def test_newton_finds_the_minimum_of_the_stated_loss() -> None:
    examples = group(count=60)
    pull = 1e-3

    def loss(flat: np.ndarray) -> float:
        weights = flat.reshape(len(CONTEXT), COLUMNS)
        total = pull / 2 * float(flat @ flat)
        total += sum(float((np.minimum(c @ weights, 0)[:NOTHING] ** 2).sum()) / 2 for c in CORNERS)
        for part, share, inside in split(examples, out_of_scope=LEARNED_OUT_OF_SCOPE):
            for example in part:
                context = context_of(example.signals.shape)
                now = context @ weights
                signals = np.stack([getattr(example.signals, name) for name in SIGNALS], axis=1)
                nothing = now[NOTHING] + evidence_of(example.signals) @ weights[0, NOTHING + 1 :]
                scores = np.append(signals @ now[:NOTHING], nothing)
                wanted = scores[:-1][example.right] if inside else scores[-1:]
                total += share / len(part) * (np.log(np.exp(scores).sum()) - np.log(np.exp(wanted).sum()))
        return total

    ours = fit_fusion([examples], prior=np.zeros((len(CONTEXT), COLUMNS)), pull=pull).ravel()
    learned = LEARNED.ravel()
    assert not ours[~learned].any()
    random = np.random.default_rng(0)
    around = [
        loss(ours + learned * random.normal(size=len(ours)) * size)
        for size in (1e-3, 1e-2, 0.1, 1.0)
        for _ in range(20)
    ]
    assert min(around) > loss(ours)
    slope = [(loss(ours + step) - loss(ours - step)) / 2e-6 for step in np.eye(len(ours))[learned] * 1e-6]
    assert np.abs(slope).max() < 1e-5


def test_no_signal_counts_against_an_entry() -> None:
    random = np.random.default_rng(3)
    examples = [listed(random, informative="passage") for _ in range(200)]
    for example in examples:
        example.signals.words[:] -= np.where(example.right, 0.5, 0.0)
    weights = fit([Group(examples=examples)])
    for corner in CORNERS:
        assert (corner @ weights.fusion).min() > -0.3


def test_what_speaks_for_nothing_is_learned() -> None:
    random = np.random.default_rng(4)
    examples = [listed(random, informative="words") for _ in range(200)]
    examples += [listed(random, informative="words", in_scope=False, nearer=0.5) for _ in range(200)]
    evidence = dict(zip(EVIDENCE, fit([Group(examples=examples)]).evidence, strict=True))
    assert evidence["nearer"] > 3 * abs(evidence["background"])


def test_nothing_to_learn_from_is_refused() -> None:
    random = np.random.default_rng(0)
    with pytest.raises(ValueError, match="nothing to learn"):
        fit([Group(examples=[listed(random, informative="words", in_scope=False)])])


def test_platt_scaling_recovers_the_true_probabilities() -> None:
    random = np.random.default_rng(0)
    odds = random.normal(0, 3, 20_000)
    right = random.random(20_000) < 1 / (1 + np.exp(-(0.5 * odds - 1)))
    start = Calibrator(intercept=0.0, slope=1.0)
    fitted = fit_calibrator(odds, right, np.ones(20_000), prior=start, pull=1e-6)
    assert fitted.intercept == pytest.approx(-1, abs=0.1)
    assert fitted.slope == pytest.approx(0.5, abs=0.05)
    held = fit_calibrator(odds[:50], right[:50], np.ones(50), prior=start, pull=1e3)
    assert (held.intercept, held.slope) == pytest.approx((0, 1), abs=0.01)


def test_fitted_probabilities_hold_on_fresh_examples() -> None:
    weights = fit([group(seed=0)])
    fresh = [e for e in group(seed=1).examples if e.right.any()]
    ranked = [order(e.signals, weights) for e in fresh]
    right = np.array([e.right[r.order[0]] for e, r in zip(fresh, ranked, strict=True)])
    chance = np.array([weights.calibrator.probability(float(r.shares[0])) for r in ranked])
    assert right.mean() > 0.8
    assert expected_calibration_error(chance, right) < 0.08


def test_out_of_scope_counts_its_share_however_much_there_is() -> None:
    few, many = group(count=40), group(count=40)
    many = replace(many, examples=[*many.examples, *list(many.examples[40:]) * 5])
    for found in (few, many):
        _, right, counts = calibration_rows([found], default_weights())
        assert counts.sum() == pytest.approx(1.0)
        assert counts[40:].sum() == pytest.approx(CALIBRATED_OUT_OF_SCOPE)
        assert not right[40:].any()
    _, _, counts = calibration_rows([replace(few, out_of_scope=0.4)], default_weights())
    assert counts[40:].sum() == pytest.approx(0.4)


def test_each_source_out_of_scope_counts_the_same() -> None:
    found = group(count=40)
    few = [replace(example, source="stranger") for example in found.examples[40:50]]
    parts = list(split(replace(found, examples=[*found.examples[:60], *few]), out_of_scope=0.3))
    assert [(len(examples), round(share, 3), inside) for examples, share, inside in parts] == [
        (40, 0.7, True),
        (40, 0.1, False),
        (20, 0.1, False),
        (10, 0.1, False),
    ]


def test_taking_the_right_candidate_away() -> None:
    example = listed(np.random.default_rng(0), informative="words")
    absent = example.without_right()
    assert not absent.right.any()
    assert len(absent.signals.entry) == len(example.signals.entry) - 1
    assert set(absent.signals.entry) == set(example.signals.entry[~example.right])
    assert select(example.signals, example.right).entry == example.signals.entry[example.right]


def test_keeping_some_questions_keeps_their_entries_things() -> None:
    whole = material(entries=4, alternates=2)
    rows = np.ones(12, bool)
    rows[[1, 3, 4, 5]] = False
    part = whole.keep(rows)
    assert [entry.key for entry in part.entries] == ["e0", "e2", "e3"]
    assert part.entries[0].questions == ("words 0 0", "words 0 2")
    assert (part.passages == whole.passages[[0, 2, 3]]).all()
    assert (part.questions == whole.questions[rows]).all()
    assert part.texts == [whole.texts[row] for row in np.flatnonzero(rows).tolist()]
    assert whole.shown.tolist() == [True, False, False] * 4


def test_an_alternate_is_never_asked_of_itself() -> None:
    whole = material(entries=6, alternates=4, noise=2.0)
    examples = hold_out(whole, folds=3, most=100, random=np.random.default_rng(0))
    assert len(examples) == 24
    assert all(example.right.sum() == 1 for example in examples)
    assert max(float(example.signals.question.max()) for example in examples) < 0.999


def test_an_faq_of_its_own_ranks_and_calibrates_better() -> None:
    whole = material(entries=40, alternates=6, noise=1.5)
    misleading = replace(
        default_weights(),
        fusion=default_weights().fusion * 0.2,
        calibrator=Calibrator(intercept=3.0, slope=1.0),
    )
    rows = np.random.default_rng(1).random(len(whole.questions)) < 0.7
    known = whole.keep(rows | whole.shown)
    asked = np.flatnonzero(~rows & ~whole.shown)
    fresh = examine(
        known.index(), [(whole.asked(int(r)), frozenset({whole.entries[whole.owners[r]].key})) for r in asked]
    )

    def error(ranker: Ranker) -> float:
        best = [ranker.rank(example.signals)[0] for example in fresh]
        right = np.array(
            [bool(e.right[list(e.signals.entry).index(b.entry)]) for e, b in zip(fresh, best, strict=True)]
        )
        return expected_calibration_error(np.array([b.probability for b in best]), right)

    own = own_weights(known, seed=0, prior=misleading)
    assert error(Ranker(weights=own)) < error(Ranker(weights=misleading)) / 2
    again = own_weights(known, seed=0, prior=misleading)
    assert (again.fusion == own.fusion).all()
    assert again.calibrator == own.calibrator


def test_an_faq_without_alternates_keeps_the_shipped_weights() -> None:
    assert own_weights(material(alternates=0), seed=0) is default_weights()
