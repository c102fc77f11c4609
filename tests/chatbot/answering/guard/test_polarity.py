"""A yes or no is taken off a sentence together with what parts it from the rest."""

import pytest

from chatbot.answering.guard.lexicon import lexicon_for
from chatbot.answering.guard.polarity import without_answer


@pytest.mark.parametrize(
    ("language", "sentence", "rest"),
    [
        ("en", "No, shots are given on Saturdays.", "Shots are given on Saturdays."),
        ("en", "Yes! You can turn it on.", "You can turn it on."),
        ("en", "No refunds are given.", "No refunds are given."),
        ("en", "No.", ""),
        ("de", "Nein, umbuchungen zählen nicht.", "Umbuchungen zählen nicht."),
        ("es", "Sí, el plazo es de 5 días.", "El plazo es de 5 días."),
        ("fr", "Non, le retour est gratuit.", "Le retour est gratuit."),
        ("pt", "Não, o prazo é de 5 dias.", "O prazo é de 5 dias."),
        ("zh", "不可以，积分不能兑换现金。", "积分不能兑换现金。"),
        ("ja", "いいえ、返品できません。", "返品できません。"),
        ("ko", "아니요, 반품은 무료입니다.", "반품은 무료입니다."),
        ("ar", "لا، لا يمكن ذلك.", "لا يمكن ذلك."),
        ("hi", "नहीं, वापसी मुफ़्त है।", "वापसी मुफ़्त है।"),
        ("sw", "No, it is so.", "No, it is so."),
    ],
)
def test_the_answer_is_taken_off(language: str, sentence: str, rest: str) -> None:
    assert without_answer(sentence, lexicon_for(language)) == rest
