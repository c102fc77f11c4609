"""How approved texts are put next to one another."""

import pytest

from chatbot.answering.composition import wording


@pytest.mark.parametrize(
    ("phrase", "text", "result"),
    [
        ("", "Text.", "Text."),
        ("Also:", "Two days.", "Also: Two days."),
        ("另外，", "两天。", "另外，两天。"),
        ("また、", "二日です。", "また、二日です。"),
        ("그리고", "이틀입니다.", "그리고 이틀입니다."),
        ("Also:", "- one\n- two", "Also:\n\n- one\n- two"),
        ("Also:", "| a |\n|---|\n| 1 |", "Also:\n\n| a |\n|---|\n| 1 |"),
        ("Also:", "1. one", "Also:\n\n1. one"),
        ("Also:", "3.5 kg are free.", "Also: 3.5 kg are free."),
    ],
)
def test_a_phrase_opens_a_text_as_its_script_does(phrase: str, text: str, result: str) -> None:
    assert wording.opened(phrase, text) == result


def test_short_answers_are_joined_by_the_first_connective_and_long_ones_stand_under_their_questions() -> None:
    questions = ["Returns?", "Cost?"]
    assert (
        wording.together(["Yes.", "$5."], questions=questions, connectives=["Also:", "Note:"])
        == "Yes.\n\nAlso: $5."
    )
    assert wording.together(["Yes.", "$5."], questions=questions, connectives=[]) == "Yes.\n\n$5."
    long = "Yes. " * 130
    assert wording.together([long, "$5."], questions=questions, connectives=["Also:"]).startswith(
        "**Returns?**\n\nYes."
    )
