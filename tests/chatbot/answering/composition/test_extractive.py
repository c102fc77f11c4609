"""The part of a long answer that a question asks for."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from chatbot.answering.composition import extractive
from chatbot.answering.composition.text import units_of
from chatbot.engine import weights
from chatbot.engine.errors import GeneratorBusy
from chatbot.engine.index import Entry
from chatbot.learning.encoding import LocalEncoder
from tests.flows import extractive as labels
from tests.flows.isolation import BatchEncoder

GIVEN = os.environ.get("KEFU_TEST_DATA", "")

SHIPPING = Entry(
    key="shipping",
    questions=("Delivery times and costs", "tell me about delivery"),
    answer="""We deliver from Monday to Saturday, in boxes without plastic.

| Country | Days | Price |
|---|---|---|
| Germany | 2 | 4.90 € |
| Spain | 5 | 9.90 € |
| Norway | 7 | 19.90 € |

To change the address of a parcel:

1. Open your order.
2. Press “Address”.
3. Confirm the code that we send you.

## Large furniture

Two people carry it in. Only flats up to the fifth floor without a lift are served. They take the packaging along.

## Islands

Parcels to islands go by ship and take a week longer.
""",
)


@pytest.fixture(scope="module")
def encoder() -> BatchEncoder:
    return BatchEncoder(LocalEncoder(weights.prepare(None, Path(settings.MODEL_DIR))), [])


class Reads:
    """Finds a question likely behind the texts that hold a word; or fails."""

    def __init__(self, word: str, *, failure: Exception | None = None) -> None:
        self.word, self.failure = word, failure
        self.read: list[str] = []

    async def likelihoods(self, question: str, texts: Sequence[str]) -> list[float]:
        self.read += texts
        if self.failure:
            raise self.failure
        return [-2.0 if self.word in text else -40.0 for text in texts]


def part(
    question: str, encoder: BatchEncoder, entry: Entry = SHIPPING, reader: extractive.Reader | None = None
) -> str:
    found = asyncio.run(extractive.extract(question, entry, locale="en-US", encoder=encoder, reader=reader))
    return found.text if found else ""


def test_a_generator_that_reads_along_tips_the_scales(encoder: BatchEncoder) -> None:
    question = "what if I live on the fifth floor without a lift?"
    assert "Saturday" not in part(question, encoder)
    reader = Reads("Saturday")
    assert "Saturday" in part(question, encoder, reader=reader)
    assert len(reader.read) == extractive.READ_UNITS


def test_a_generator_that_is_busy_is_done_without(encoder: BatchEncoder) -> None:
    question = "what if I live on the fifth floor without a lift?"
    busy = Reads("Saturday", failure=GeneratorBusy("too much to do"))
    assert part(question, encoder, reader=busy) == part(question, encoder)
    assert busy.read


def test_a_row_comes_with_its_header(encoder: BatchEncoder) -> None:
    text = part("How much is it to Norway?", encoder)
    assert "| Country | Days | Price |\n|---|---|---|\n" in text
    assert "| Norway | 7 | 19.90 € |" in text
    assert "Islands" not in text


def test_a_procedure_comes_with_all_of_its_steps_and_what_leads_to_them(encoder: BatchEncoder) -> None:
    text = part("How do I change the address of my parcel?", encoder)
    assert "To change the address of a parcel:\n\n1. Open your order.\n2. Press" in text
    assert "3. Confirm" in text
    assert "furniture" not in text


def test_a_part_comes_under_its_heading_and_with_its_condition(encoder: BatchEncoder) -> None:
    text = part("Do you carry a wardrobe into my flat?", encoder)
    assert "## Large furniture\n\nTwo people carry it in. Only flats up to the fifth floor" in text
    assert "island" not in text


@pytest.mark.parametrize(
    "question", ["Tell me about delivery!", "delivery times and costs?", "Delivery times and costs"]
)
def test_a_question_for_all_of_it_has_no_part(encoder: BatchEncoder, question: str) -> None:
    assert part(question, encoder) == ""


def test_an_answer_of_one_sentence_and_a_manual_have_no_parts(encoder: BatchEncoder) -> None:
    one = Entry(key="one", questions=("What?",), answer="Only this. ")
    manual = Entry(key="all", questions=("What?",), answer="Only this. Or that. " * extractive.MOST_UNITS)
    assert part("why is it so", encoder, one) == part("why is it so", encoder, manual) == ""


@given(st.sets(st.integers(0, 30)))
def test_whatever_is_chosen_is_in_the_answer_and_in_its_order(places: set[int]) -> None:
    units = units_of(SHIPPING.answer)
    chosen = [unit for unit in units if unit.place in places]
    text, begin = extractive.joined(chosen), 0
    for unit in chosen:
        begin = text.index(unit.markdown.strip(), begin) + len(unit.markdown.strip())
    assert begin == len(text)


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=20), st.floats(0, 1))
def test_units_are_taken_until_they_are_enough(raw: list[float], enough: float) -> None:
    shares = np.array(raw, np.float32) / np.float32(sum(raw))
    places = extractive.taken(shares, enough)
    assert len(set(places)) == len(places)
    assert shares[places].sum() >= enough - 1e-4 or len(places) == len(shares)
    assert not places or shares[places[:-1]].sum() < enough + 1e-4


@pytest.mark.slow
@pytest.mark.skipif(not GIVEN, reason="KEFU_TEST_DATA names no folder with labelled long answers")
def test_extracts_of_long_answers_are_much_shorter_and_keep_what_was_asked_for(encoder: BatchEncoder) -> None:
    held_out = [one for one in labels.labelled(Path(GIVEN)) if one.half == "held out"]
    found = asyncio.run(labels.answers(held_out, encoder))
    figures = labels.figures_of(list(zip(held_out, found, strict=True)))
    assert figures.shorter >= 0.4, figures
    assert figures.kept >= 0.95, figures
    assert figures.broad_whole >= 0.75, figures
