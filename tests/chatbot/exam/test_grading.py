"""Which replies to a trap are right, and with how many of them an exam is passed."""

import pytest

from chatbot.exam.grading import Mark, Score, Why, mark, score
from chatbot.exam.trap import Kind, Trap

CASH = Trap(
    key="negation-01",
    kind=Kind.NEGATION,
    sources=("Gift cards cannot be exchanged for cash. They are valid for 3 years.",),
    question="Can I get cash for my gift card?",
    acceptable=(("cannot", "can’t", "not possible"), ("cash",)),
    forbidden=("yes, you can", "we pay"),
)
NOTHING = Trap(
    key="nothing-01",
    kind=Kind.NOTHING,
    sources=("We ship to all of Europe. It takes 3 days.",),
    question="Do you ship to the Moon?",
    acceptable=(),
    forbidden=("to the moon",),
    unknown=True,
)


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        ("Gift cards CANNOT be exchanged for cash.", Why.RIGHT),
        ("Sorry, that’s not possible: no cash.", Why.RIGHT),
        ("Yes, you can get cash, which cannot be.", Why.FORBIDDEN),
        ("They are valid for 3 years.", Why.MISSING),
        ("", Why.MISSING),
    ],
)
def test_a_reply_says_what_it_must_and_not_what_it_must_not(shown: str, why: Why) -> None:
    assert mark(CASH, shown).why == why


def test_a_mark_names_the_phrases() -> None:
    assert mark(CASH, "Yes, you can! We pay cash.").phrases == ("yes, you can", "we pay")
    assert mark(CASH, "They are valid.").phrases == ("cannot", "can’t", "not possible")


@pytest.mark.parametrize(
    ("shown", "declined", "why"),
    [
        ("I do not know this for certain.", True, Why.RIGHT),
        ("", False, Why.RIGHT),
        ("It takes 3 days.", False, Why.RIGHT),
        ("We ship to all of Europe. It takes 3 days.", False, Why.RIGHT),
        ("Of course we do!", False, Why.INVENTED),
        ("It takes 3 days. We ship to all of Europe.", False, Why.RIGHT),
        ("It takes 3 days. Of course we do!", False, Why.INVENTED),
        ("We ship to the Moon.", True, Why.FORBIDDEN),
    ],
)
def test_what_nobody_knows_is_declined_or_left_at_what_is_approved(
    shown: str, declined: bool, why: Why
) -> None:
    assert mark(NOTHING, shown, declined=declined).why == why


def test_declining_what_the_sources_answer_is_not_right() -> None:
    assert mark(CASH, "I do not know.", declined=True).why == Why.MISSING


@pytest.mark.parametrize(
    ("right", "missing", "forbidden", "passed"),
    [(19, 1, 0, True), (18, 2, 0, False), (60, 0, 0, True), (99, 0, 1, False), (0, 0, 0, False)],
)
def test_an_exam_is_passed_without_a_false_claim_and_with_nearly_all_right(
    right: int, missing: int, forbidden: int, passed: bool
) -> None:
    marks = [Mark(why=Why.RIGHT)] * right + [Mark(why=Why.MISSING)] * missing
    found = score([*marks, *[Mark(why=Why.FORBIDDEN)] * forbidden])
    assert found == Score(total=right + missing + forbidden, right=right, forbidden=forbidden)
    assert found.is_passed is passed
