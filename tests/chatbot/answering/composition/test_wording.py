"""How approved texts are put next to one another."""

import pytest

from chatbot.answering.composition import wording
from chatbot.answering.composition.sentences import sentences


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


@pytest.mark.parametrize(
    ("shown", "sentence", "result"),
    [
        ("", "Yes.", "Yes."),
        ("Yes.", "Two days.", " Two days."),
        ("はい。", "二日です。", "二日です。"),
        ("Yes.\n", "Two days.", "Two days."),
        ("Go to **Orders**", "Returns are free.", "\n\nReturns are free."),
        ("First. Go to **Orders**", "Returns are free.", "\n\nReturns are free."),
        (
            "申込券をお持ちください（必要です）",
            "**現金**でお支払いください。",
            "\n\n**現金**でお支払いください。",
        ),
        ("الدفع نقدًا", "التوصيل مجاني.", "\n\nالتوصيل مجاني."),
    ],
)
def test_a_sentence_is_never_run_into_an_item_that_has_no_final_point(
    shown: str, sentence: str, result: str
) -> None:
    assert wording.after(shown, sentence) == result
    parts = [part.strip() for part in sentences(shown + result)]
    assert sentence in parts
