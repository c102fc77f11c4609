"""What a message's own words say, in ten languages as they are typed."""

import tomllib

import pytest

from chatbot.answering import utterance
from chatbot.answering.utterance import FOLDER, OPENERS, clauses, cues_for, holds, length, understand
from customers.culture import language_of
from customers.demo.load import profile_drafts

LANGUAGES = sorted({language_of(draft.locale) for draft in profile_drafts()})
KEYS = {*OPENERS, "ordinals", "interjections", "refer", "refer_last", "part", "and", "and_endings"} | {
    *("ask", "ask_first", "ask_endings", "unfinished", "unfinished_endings"),
    *("follow_word", "follow_prefix", "no_follow_prefix"),
}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_a_cue_file_holds_known_keys_and_no_empty_cue(path) -> None:
    file = tomllib.loads(path.read_text())
    assert file.keys() <= KEYS
    phrases = [phrase for key, value in file.items() if key != "ordinals" for phrase in value]
    assert all(utterance._normal(phrase) for phrase in phrases)
    assert all(utterance._normal(phrase) for place in file.get("ordinals", ()) for phrase in place)


def test_every_language_of_the_demo_has_cues() -> None:
    assert {path.stem for path in FOLDER.glob("*.toml")} >= {"und", *LANGUAGES}


@pytest.mark.parametrize(
    ("language", "text"),
    [
        *[("en", text) for text in ("yes", "Yes please!", "ok", "yep 👍", "that's right", "Sure, thanks")],
        *[("zh", text) for text in ("是的", "好的谢谢", "嗯嗯", "对，就是这个")],
        *[("ja", text) for text in ("はい", "うん", "はい、お願いします", "そうです！")],
        *[("ko", text) for text in ("네", "ㅇㅇ", "넵 감사합니다", "네 맞아요")],
        *[("es", text) for text in ("sí", "Si, por favor", "claro que sí", "sale")],
        *[("pt", text) for text in ("sim", "isso mesmo", "blz", "Quero sim, obrigado")],
        *[("fr", text) for text in ("oui", "ouais", "c'est ça", "Oui, merci")],
        *[("de", text) for text in ("ja", "Ja bitte", "genau", "Jo, passt")],
        *[("ar", text) for text in ("نعم", "ايوه", "إي والله", "نَعَم")],
        *[("hi", text) for text in ("हाँ", "haan", "ji haan", "ठीक है", "theek hai")],
        ("tr", "okay"),
    ],
)
def test_yes_is_yes(language: str, text: str) -> None:
    said = understand(text, cues_for(language))
    assert said.is_bare
    assert said.affirms
    assert not said.denies


@pytest.mark.parametrize(
    ("language", "text"),
    [
        *[("en", text) for text in ("no", "nope, not that", "that's not what I meant", "none of these")],
        *[("zh", text) for text in ("不是", "都不是", "不是这个")],
        *[("ja", text) for text in ("いいえ", "違います", "いや、それじゃないです")],
        *[("ko", text) for text in ("아니요", "ㄴㄴ", "그거 말고요")],
        *[("es", text) for text in ("no", "ninguna de esas", "No, eso no")],
        *[("pt", text) for text in ("não", "nao e isso", "Não, nenhum desses")],
        *[("fr", text) for text in ("non", "Non, ce n'est pas ça", "aucun des deux")],
        *[("de", text) for text in ("nein", "nee", "Nein, das meinte ich nicht")],
        *[("ar", text) for text in ("لا", "مو هذا", "لا لا")],
        *[("hi", text) for text in ("नहीं", "nahi", "nahi ji", "ye wala nahi")],
    ],
)
def test_no_is_no(language: str, text: str) -> None:
    said = understand(text, cues_for(language))
    assert said.is_bare
    assert said.denies
    assert not said.affirms


@pytest.mark.parametrize(
    ("language", "text", "place"),
    [
        ("en", "the second one please", 1),
        ("en", "2", 1),
        ("en", "Yes, the first one", 0),
        ("en", "the last one", -1),
        ("zh", "第二个", 1),
        ("zh", "对，第一个吧", 0),
        ("ja", "二つ目でお願いします", 1),
        ("ko", "두 번째요", 1),
        ("ko", "3번이요", 2),
        ("es", "la segunda, por favor", 1),
        ("pt", "o primeiro", 0),
        ("fr", "la deuxième svp", 1),
        ("de", "Das zweite bitte", 1),
        ("ar", "الثاني", 1),
        ("ar", "٢", 1),
        ("hi", "doosra wala", 1),
        ("hi", "दूसरा वाला", 1),
        ("tr", "2.", 1),
    ],
)
def test_a_place_is_pointed_at(language: str, text: str, place: int) -> None:
    said = understand(text, cues_for(language))
    assert (said.place, said.is_bare) == (place, True)


@pytest.mark.parametrize(
    ("language", "text", "content"),
    [
        ("en", "no, I meant the refund", "the refund"),
        ("en", "Oops, sorry, I meant Café au lait", "Café au lait"),
        ("zh", "不是，我是说退款", "退款"),
        ("ja", "いや、返金のことです", "返金のことです"),
        ("ko", "아뇨 주소요", "주소요"),
        ("es", "no, me refería a la devolución", "la devolución"),
        ("de", "Nein, ich meinte die Rückgabe", "die Rückgabe"),
        ("ar", "لا، أقصد الاسترجاع", "الاسترجاع"),
        ("hi", "nahi, mera matlab refund", "refund"),
    ],
)
def test_a_correction_is_what_stands_behind_the_no(language: str, text: str, content: str) -> None:
    said = understand(text, cues_for(language))
    assert said.corrects
    assert said.content == content


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "no printer at home, how do I return it"),
        ("en", "first time customer, any discount?"),
        ("en", "yes I got the wrong size"),
        ("es", "no me ha llegado el paquete"),
        ("zh", "不是会员可以买吗"),
        ("ar", "لا يعمل كود الخصم"),
        ("de", "keine Ahnung wo mein Paket ist"),
    ],
)
def test_a_message_that_only_begins_with_such_a_word_is_whole(language: str, text: str) -> None:
    said = understand(text, cues_for(language))
    assert said.content == text
    assert (said.corrects, said.affirms, said.place) == (False, False, None)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "and how long does that take?"),
        ("en", "What about Canada?"),
        ("zh", "那分期呢？"),
        ("ja", "じゃあ、送料は？"),
        ("ko", "그럼 택배비는요?"),
        ("es", "¿y en Monterrey?"),
        ("pt", "e quanto custa?"),
        ("fr", "et pour la Belgique ?"),
        ("de", "Und wie lange dauert das?"),
        ("ar", "وكم ياخذ؟"),
        ("hi", "और कितना टाइम लगेगा?"),
    ],
)
def test_a_follow_up_opens_like_one(language: str, text: str) -> None:
    assert understand(text, cues_for(language)).follows


@pytest.mark.parametrize(
    ("language", "text"), [("ar", "وين طلبي؟"), ("ar", "وصلني الطلب"), ("en", "Andorra?")]
)
def test_a_word_that_looks_like_an_opener_is_none(language: str, text: str) -> None:
    assert not understand(text, cues_for(language)).follows


@pytest.mark.parametrize(
    ("language", "text", "is_complete"),
    [
        ("en", "where is my order", True),
        ("en", "Where is my order?", True),
        ("en", "yes", True),
        ("en", "I want to return a lamp.", True),
        ("en", "my teapot just got here", False),
        ("en", "how do I return it and", False),
        ("en", "so, wait...", False),
        ("zh", "退款几天到账", True),
        ("zh", "茶壶收到了", False),
        ("ko", "그릇 받았는데요", False),
        ("ko", "취소 가능할까요", True),
        ("es", "es que mi casa no tiene número", False),
        ("tr", "iade?", True),
        ("tr", "iade", False),
    ],
)
def test_a_complete_message_waits_for_nothing(language: str, text: str, is_complete: bool) -> None:
    assert understand(text, cues_for(language)).is_complete is is_complete


def test_clauses_are_where_a_second_question_may_begin() -> None:
    english = cues_for("en")
    assert clauses("How much is shipping, and how long does it take?", english) == [
        "How much is shipping,",
        "and how long does it take?",
    ]
    assert clauses("Hi! I paid $3.50. Was that right", english) == ["Hi!", "I paid $3.50.", "Was that right"]
    assert clauses("one\ntwo", english) == ["one", "two"]
    assert clauses("运费多少，大概几天能到？还有退货呢", cues_for("zh")) == [
        "运费多少,",
        "大概几天能到?",
        "还有退货呢",
    ]
    assert clauses("?!", english) == []


def test_words_are_counted_in_any_script() -> None:
    assert [length(text) for text in ("", "two words", "退款几天", "iPhone 手机壳", "두 번째요")] == [
        0,
        2,
        2,
        2.5,
        2,
    ]


def test_a_text_holds_words_whatever_their_endings() -> None:
    assert holds("Do you offer a student discount?", "Discounts")
    assert holds("礼品卡怎么买？", "礼品卡")
    assert holds("كيف أشتري بطاقة الهدية؟", "بطاقة هدية")
    assert not holds("How do I buy a gift card?", "gift wrap")
    assert not holds("I want to rediscount", "discount")


def test_a_hostile_message_is_read_in_no_time() -> None:
    for text in ("no, " * 500, "a" * 2000, "是" * 2000, "and " * 500, ", " * 1000, "the second one " * 130):
        understand(text, cues_for("en"))
        clauses(text, cues_for("en"))
