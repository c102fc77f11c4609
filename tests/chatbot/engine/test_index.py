"""Search against a naive reference, and its edges."""

import re
from typing import Any

import numpy as np
import pytest

from chatbot.engine import space
from chatbot.engine.bm25 import Bm25
from chatbot.engine.index import Entry, Index, Signals
from chatbot.engine.ngrams import NgramIndex
from tests.growth import steps

DIM = 24


def faq(seed: int = 0, entries: int = 30) -> tuple[list[Entry], dict[str, Any]]:
    """Synthetic entries of one to four questions, with vectors and tokens."""
    random = np.random.default_rng(seed)
    counts = random.integers(1, 5, entries)
    made = [
        Entry(key=f"e{n}", questions=tuple(f"question {n} {m}" for m in range(count)), answer="so " * (n % 3))
        for n, count in enumerate(counts)
    ]
    topics = np.repeat(random.normal(size=(entries, DIM)) + 1, counts, axis=0)
    arrays: dict[str, Any] = {
        "questions": space.unit(topics + 0.4 * random.normal(size=(int(counts.sum()), DIM))),
        "passages": space.unit(random.normal(size=(entries, DIM)) + 1),
        "tokens": [random.integers(0, 50, 6).tolist() for _ in range(int(counts.sum()))],
        "answers": [random.integers(0, 50, 4 * (n % 3)).tolist() for n in range(entries)],
    }
    return made, arrays


def naive(
    entries: list[Entry], arrays: dict[str, Any], vector: np.ndarray, tokens: list[int], text: str
) -> dict[int, list[float]]:
    """Every entry's signals, one entry at a time."""
    starts = np.cumsum([0] + [len(entry.questions) for entry in entries])[:-1]
    means = [
        arrays["questions"][s : s + len(e.questions)].mean(0) for s, e in zip(starts, entries, strict=True)
    ]
    own = space.fit_space(arrays["questions"], starts, space.centre_of(np.array(means), "query"))
    inside, questions = own(vector), own(arrays["questions"])
    prototypes = space.prototypes(questions, starts)
    passage_centre = arrays["passages"].mean(0)
    documents = [
        [t for row in range(s, s + len(e.questions)) for t in arrays["tokens"][row]] + arrays["answers"][n]
        for n, (s, e) in enumerate(zip(starts, entries, strict=True))
    ]
    bm25 = Bm25(documents)
    spelling = NgramIndex([q for e in entries for q in e.questions])
    found = {}
    for n, (start, entry) in enumerate(zip(starts, entries, strict=True)):
        cosines = [float(questions[row] @ inside) for row in range(start, start + len(entry.questions))]
        found[n] = [
            max(cosines),
            float(prototypes[n] @ inside),
            float(space.unit(arrays["passages"][n] - passage_centre) @ space.unit(vector - own.centre)),
            float(bm25.scores(tokens)[n]) / bm25.ceiling(tokens),
            float(spelling.likeness(text, np.arange(start, start + len(entry.questions))).max()),
            int(np.argmax(cosines)),
        ]
    return found


def rows(signals: Signals) -> dict[int, list[float]]:
    names = ("question", "prototype", "passage", "words", "characters", "matched")
    return {int(e): [float(getattr(signals, name)[i]) for name in names] for i, e in enumerate(signals.entry)}


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_naive_reference(seed: int) -> None:
    entries, arrays = faq(seed)
    random = np.random.default_rng(seed + 100)
    vector, tokens = space.unit(random.normal(size=DIM) + 1), random.integers(0, 60, 5).tolist()
    expected = naive(entries, arrays, vector, tokens, "question 7")
    found = rows(Index(entries, **arrays).search(vector, tokens, text="question 7", limit=6))
    for entry, signals in found.items():
        assert signals == pytest.approx(expected[entry], abs=1e-4)
    for signal in range(4):
        best = max(expected, key=lambda entry: expected[entry][signal])
        assert best in found, f"the best by signal {signal} is not a candidate"


def test_candidates_come_nearest_first_and_once() -> None:
    entries, arrays = faq()
    signals = Index(entries, **arrays).search(arrays["questions"][3], [1, 2], limit=5)
    assert len(set(signals.entry.tolist())) == len(signals.entry) <= 20
    assert (np.diff(signals.question) <= 0).all()


def test_an_indexed_question_finds_itself() -> None:
    entries, arrays = faq()
    index = Index(entries, **arrays)
    row = 0
    for number, entry in enumerate(entries):
        for place, text in enumerate(entry.questions):
            signals = index.search(arrays["questions"][row], arrays["tokens"][row], text=text)
            assert (signals.entry[0], signals.matched[0]) == (number, place)
            assert signals.question[0] == pytest.approx(1.0, abs=1e-4)
            assert signals.characters[0] == pytest.approx(1.0, abs=1e-4)
            row += 1


def test_no_entries() -> None:
    none = np.zeros((0, DIM), np.float32)
    index = Index([], questions=none, passages=none, tokens=[])
    assert len(index) == 0
    assert not len(index.search(np.ones(DIM, np.float32), [1], text="a").entry)


def test_a_single_entry_and_no_tokens() -> None:
    vector = space.unit(np.ones(DIM))[None]
    index = Index(
        [Entry(key="a", questions=("?",), answer="")], questions=vector, passages=vector, tokens=[[]]
    )
    signals = index.search(vector[0], [], text="")
    assert signals.entry.tolist() == [0]
    assert np.isfinite([signals.question, signals.prototype, signals.passage, signals.words]).all()


@pytest.mark.parametrize("short", ["questions", "passages", "tokens", "answers"])
def test_numbers_that_do_not_fit_are_refused(short: str) -> None:
    entries, arrays = faq()
    with pytest.raises(ValueError, match="need as many vectors"):
        Index(entries, **(arrays | {short: arrays[short][:-1]}))


def test_an_entry_without_a_question_is_refused() -> None:
    none = np.zeros((0, DIM), np.float32)
    with pytest.raises(ValueError, match="'lonely' has no question"):
        Index(
            [Entry(key="lonely", questions=(), answer="")],
            questions=none,
            passages=np.zeros((1, DIM), np.float32),
            tokens=[],
        )


def test_python_takes_no_more_steps_for_ten_thousand_questions() -> None:
    """All that grows with the FAQ is done by numpy, without a loop over questions or entries."""
    random = np.random.default_rng(0)

    def steps_for(count: int) -> int:
        entries = [
            Entry(key=str(n), questions=tuple(f"how do I {n} {m} now" for m in range(4)), answer="")
            for n in range(count)
        ]
        questions = space.unit(random.normal(size=(4 * count, 64)) + 0.5)
        tokens = (random.zipf(1.3, (4 * count, 12)) % 5000).tolist()
        index = Index(entries, questions=questions, passages=questions[::4], tokens=tokens)

        def search() -> Signals:
            return index.search(questions[0], tokens[0], text=entries[0].questions[0])

        assert search().verbatim.any()
        return steps(search)

    assert steps_for(2_500) < 1.5 * steps_for(250)


def test_what_is_off_topic_is_compared_in_the_faqs_own_space() -> None:
    entries, arrays = faq()
    random = np.random.default_rng(5)
    background = space.unit(random.normal(size=(7, DIM)) + 1)
    index = Index(entries, **arrays, background=background)
    own = index._space
    for vector in (background[3], arrays["questions"][4], space.unit(random.normal(size=DIM) + 1)):
        found = index.search(vector, [1, 2])
        cosines = own(background) @ own(vector)
        assert found.background == pytest.approx(float(cosines.max()) - 0.3, abs=1e-5)
        questions = own(arrays["questions"])
        passages = arrays["passages"] - space.centre_of(arrays["passages"], "passage")
        read = (space.unit(passages) @ space.unit(vector - own.centre)).max()
        nearest = max(float((questions @ own(vector)).max()), float(read))
        on_topic = np.maximum((own(background) @ questions.T).max(axis=1), nearest)
        assert found.nearer == pytest.approx(max(0.0, float((cosines - on_topic).max())), abs=1e-5)
    assert index.search(background[3], [1]).nearer > 0 == index.search(arrays["questions"][4], [1]).nearer
    # What an answer is about is on topic too.
    assert index.search(arrays["passages"][4], [1]).nearer == 0


def test_without_a_background_there_is_no_evidence_of_it() -> None:
    entries, arrays = faq()
    found = Index(entries, **arrays).search(arrays["questions"][0], [1], text="at walmart")
    assert (found.background, found.nearer, found.elsewhere) == (0.0, 0.0, False)


def test_words_that_tell_are_looked_for_in_the_folded_text() -> None:
    entries, arrays = faq()
    index = Index(entries, **arrays, elsewhere=re.compile("cafe"))
    told = [
        index.search(arrays["questions"][0], [1], text=text).elsewhere
        for text in ("The CAFÉ?", "The shop?", "")
    ]
    assert told == [True, False, False]
