"""Nothing beside the question is said, and nothing of what it asks for is left out."""

import pytest

from chatbot.answering.composition.core import Asked, Core
from chatbot.answering.composition.coverage import ASIDE, PARTIAL, Coverage
from chatbot.answering.composition.text import units_of
from chatbot.answering.events import EXTRACTIVE, GENERATED, Said
from chatbot.answering.guard.guard import OK

SOURCE = "A permit costs $45 a year. It is sent within 3 days. Trailers are not eligible."
QUESTION = "what does a permit cost"


def coverage(source: str = SOURCE, *, question: str = QUESTION, locale: str = "en-US") -> Coverage:
    """Ask for every unit of a source, the first one most of all; one that begins with "It" refers back."""
    units = units_of(source)
    asked = tuple(
        Asked(
            unit=unit,
            source=0,
            relevance=1 / (2 + place),
            after=(place - 1,) if unit.text.startswith("It ") else (),
        )
        for place, unit in enumerate(units)
    )
    return Coverage(Core(asked=asked, answered=1.0), question=question, locale=locale)


def said(sentence: str, evidence: str = "") -> Said:
    return Said(sentence=sentence, level=GENERATED, evidence=evidence or sentence, verdict=OK, shown=True)


COST = said("For a permit you pay $45 a year.", "A permit costs $45 a year.")


def test_a_sentence_about_something_else_is_an_aside() -> None:
    assert coverage().verdict(said("We are closed on Sundays."), []) == ASIDE
    assert coverage().verdict(COST, []) == OK


@pytest.mark.parametrize(
    "sentence",
    [
        "A permit costs something a year.",  # the amount is gone
        "Permit.",
    ],
)
def test_a_sentence_that_says_too_little_of_its_evidence_is_partial(sentence: str) -> None:
    assert coverage().verdict(said(sentence, "A permit costs $45 a year."), []) == PARTIAL


def test_what_is_not_so_keeps_what_the_question_names() -> None:
    source = "The code cannot be reset by phone at the moment."
    judge = coverage(source, question="reset my code on the phone please")
    assert judge.verdict(said("The code cannot be reset at the moment.", source), []) == PARTIAL
    broader = "Cheap tickets of the coastal line cannot be exchanged."
    said_broader = said("Tickets of the coastal line cannot be exchanged.", broader)
    assert coverage(broader, question="is there a dining car").verdict(said_broader, []) == PARTIAL
    assert judge.verdict(said("At the moment the code cannot be reset by phone.", source), []) == OK


def test_what_nothing_shown_bears_out_is_said_as_approved() -> None:
    rest = coverage().rest([COST])
    assert [one.sentence for one in rest] == ["It is sent within 3 days.", "Trailers are not eligible."]
    assert all(one.level == EXTRACTIVE and one.shown and one.verdict == OK for one in rest)
    assert coverage().rest([COST, *rest]) == []


def test_a_refused_sentence_bears_nothing_out() -> None:
    refused = Said(
        sentence=COST.sentence, level=GENERATED, evidence=COST.evidence, verdict="name", shown=False
    )
    assert coverage().rest([refused])[0].sentence == "A permit costs $45 a year."


def test_what_is_wanted_is_what_is_asked_for_most_and_missing() -> None:
    assert coverage().wanted([]) == "A permit costs $45 a year."
    assert coverage().wanted([COST]) == "It is sent within 3 days."
    assert coverage().wanted([COST, *coverage().rest([COST])]) == ""


def test_a_sentence_that_refers_back_has_before_it_what_it_refers_to() -> None:
    judge = coverage()
    sent = said("It is sent within 3 days.")
    assert [one.sentence for one in judge.before(sent, [])] == ["A permit costs $45 a year."]
    assert judge.before(sent, [COST]) == []
    named = said("A permit is sent within 3 days.", "It is sent within 3 days.")
    assert judge.before(named, []) == []


def test_yes_and_no_need_evidence_that_names_what_is_asked() -> None:
    assert coverage().may_answer(COST)
    assert not coverage(question="do you take my old bicycle back").may_answer(COST)
    assert not coverage().may_answer(said("Trailers are not eligible."))


def test_missing_items_stand_in_a_list_below_their_line_and_borne_out_headings_stay_away() -> None:
    source = (
        "## Fees\n\nA permit costs $45 a year.\n\n## Papers\n\nPlease bring:\n\n- a passport\n- a photo\n"
    )
    rest = coverage(source).rest([COST])
    text = COST.sentence + "".join(one.sentence for one in rest)
    assert text == f"{COST.sentence}\n\n## Papers\n\nPlease bring:\n\n- a passport\n- a photo"
