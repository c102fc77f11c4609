"""What a free reply has to bear out, found in texts that have no title."""

import asyncio
from pathlib import Path

import pytest
from django.conf import settings

from chatbot.answering.composition import core
from chatbot.answering.composition.core import Core
from chatbot.engine import weights
from chatbot.learning.encoding import LocalEncoder
from tests.flows.isolation import BatchEncoder

PARCELS = (
    "Parcels are delivered from Monday to Saturday, in boxes without any plastic. "
    "A parcel to Norway takes 7 days and costs 19.90 €. "
    "Our office is painted blue and has a garden with apple trees. "
    "The founders met at a fair in 1987 and have worked together since. "
    "Music is played in the canteen on Fridays."
)


@pytest.fixture(scope="module")
def encoder() -> BatchEncoder:
    return BatchEncoder(LocalEncoder(weights.prepare(None, Path(settings.MODEL_DIR))), [])


def found(question: str, *sources: str, encoder: BatchEncoder, locale: str = "en-US") -> Core:
    core_found = asyncio.run(core.core_of(question, sources, locale=locale, encoder=encoder))
    assert core_found is not None
    return core_found


def test_what_is_asked_for_is_found_and_the_rest_left_out(encoder: BatchEncoder) -> None:
    asked = found("How long does a parcel to Norway take?", PARCELS, encoder=encoder)
    best = max(asked.asked, key=lambda one: one.relevance)
    assert best.unit.text.startswith("A parcel to Norway")
    assert len(asked.asked) < 5
    assert asked.is_answered
    assert "7 days" in asked.sources[0]


def test_what_nobody_wrote_about_is_not_answered(encoder: BatchEncoder) -> None:
    asked = found("Can my grandmother repair a bicycle tyre on Mars?", PARCELS, encoder=encoder)
    assert not asked.is_answered


def test_every_source_has_its_part(encoder: BatchEncoder) -> None:
    asked = found("How long does Norway take?", PARCELS, "Gift cards never expire.", encoder=encoder)
    assert {one.source for one in asked.asked} == {0, 1}
    assert asked.sources[1] == "Gift cards never expire."


def test_what_speaks_of_a_taken_sentence_comes_along_and_after_it(encoder: BatchEncoder) -> None:
    source = "Withdrawals are free three times a month. After that, each costs $2."
    asked = found("what does my fourth withdrawal cost", source, encoder=encoder)
    assert [one.after for one in asked.asked] == [(), (0,)]


def test_what_is_too_long_or_says_nothing_has_no_core(encoder: BatchEncoder) -> None:
    many = " ".join(f"Rule {number} applies." for number in range(core.MOST_UNITS + 1))
    for source in (many, "![A picture](x.png)"):
        assert asyncio.run(core.core_of("Which rule?", [source], locale="en-US", encoder=encoder)) is None


def test_lists_stay_lists(encoder: BatchEncoder) -> None:
    source = "To return a sofa you need:\n\n- your order number\n- two photos of the damage\n"
    asked = found("what do I need to return my sofa", source, encoder=encoder)
    assert asked.sources == (source.strip(),)
