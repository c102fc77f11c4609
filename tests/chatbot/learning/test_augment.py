"""Slips of every script: which are made, which never, and that every text survives them."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.answering.retrieve import prepare
from chatbot.learning.augment import SLIPS, augment
from chatbot.learning.keystrokes import DATA, neighbours_of
from chatbot.learning.slip_rules import language_of

LOCALES = (
    "en-US",
    "de-DE",
    "fr-FR",
    "es-MX",
    "pt-BR",
    "ar-SA",
    "hi-IN",
    "ko-KR",
    "ja-JP",
    "zh-CN",
    "ru-RU",
    "xx",
)


def made(text: str, locale: str, *, times: int = 1500, **synonyms: list[str]) -> set[str]:
    random = np.random.default_rng(0)
    return {augment(text, locale=locale, random=random, synonyms=synonyms) for _ in range(times)}


@pytest.mark.parametrize(
    ("locale", "text", "expected"),
    [
        (
            "en-US",
            "Where is your refund?",
            {
                "Where is your refund",
                "where is your refund?",
                "Where is ur refund?",
                "Where is you're refund?",
            }
            | {
                "Where is your refudn?",
                "Where isyour refund?",
                "WHERE IS YOUR REFUND?",
                "Where your refund?",
            },
        ),
        ("en-GB", "I don't know", {"I dont know", "i don't know"}),
        (
            "de-DE",
            "Rückgabe der Größe",
            {"Rueckgabe der Größe", "Ruckgabe der Große", "Rueckgabe der Groesse", "Rückgabe der Grösse"}
            | {"Rückgabe Größe", "Rückgabe der Grüße"},
        ),
        (
            "fr-FR",
            "Où est le colis ?",
            {"Ou est le colis ?", "Où et le colis ?", "Où est colis ?", "où est le colis ?"},
        ),
        ("fr-CA", "où acheter", {"ou acheter", "où acheté", "où achetez"}),
        (
            "es-MX",
            "¿Cuándo llega el envío?",
            {
                "¿Cuando llega el envio?",
                "Cuándo llega el envío",
                "¿Cuándo llega envío?",
                "¿Cuándo yega el envío?",
            }
            | {"¿Cuándo llega el enbío?"},
        ),
        (
            "pt-BR",
            "você não tem cartão?",
            {"vc não tem cartão?", "voce nao tem cartao?", "você n tem cartão?", "você não tem cartao?"},
        ),
        (
            "ar-SA",
            "هل أستطيع إرجاع الساعة؟",
            {
                "هل استطيع إرجاع الساعة؟",
                "هل أستطيع ارجاع الساعة؟",
                "هل أستطيع إرجاع الساعه؟",
                "أستطيع إرجاع الساعة؟",
            }
            | {"هل أستطيع إرجاع الساعة"},
        ),
        (
            "hi-IN",
            "मेरा ऑर्डर कहाँ है?",
            {"मेरा आर्डर कहाँ है?", "मेरा ऑर्डर कहां है?", "mera ordar kaha hai?", "ऑर्डर कहाँ है?"},
        ),
        (
            "ko-KR",
            "배송비는 왜 안 내요",
            {
                "배송비는왜안내요",
                "베송비는 왜 안 내요",
                "배송비는 웨 안 내요",
                "배송비는 왜 않 내요",
                "배송비 왜 안 내요",
            }
            | {"배송비느 왜 안 내요", "뱌송비는 왜 안 내요"},
        ),
        (
            "ja-JP",
            "送料はいくらですか",
            {
                "総量はいくらですか",
                "送料わいくらですか",
                "送料はいくらてすか",
                "送料いくらですか",
                "送料はいくら",
            }
            | {"送料はいくらdすか", "送料はいうらですか"},
        ),
        ("ja-JP", "キャンセル", {"ｷｬﾝｾﾙ", "キヤンセル", "キャセル"}),
        (
            "zh-CN",
            "请问怎么退换货的",
            {"请问怎么推换货的", "请问怎么退还货的", "请问咋退换货的", "怎么退换货的", "請問怎麼退換貨的"},
        ),
        ("zh-TW", "怎麼退貨", {"怎么退货"}),
        ("zh-CN", "只换同款", {"只換同款"}),
        ("ru-RU", "Где мой заказ?", {"Где мой зказ?", "где мой заказ?", "Где мойзаказ?", "Где мой хаказ?"}),
        ("he-IL", "איפה ההזמנה", {"איפה ההזמה", "איפה הזהמנה"}),
        ("th-TH", "คำสั่งซื้อ", {"คำสั่งซื้", "คำสั่่งซื้อ"}),
    ],
)
def test_slips(locale: str, text: str, expected: set[str]) -> None:
    assert expected - made(text, locale) == set()


@pytest.mark.parametrize(
    ("locale", "text", "never"),
    [
        # Short words and numbers are left alone, for they would say something else.
        ("en-US", "not 30", {"now 30", "nit 30", "not 39", "not 3", "no 30", "to 30"}),
        # Not only folding: й and и are other keys.
        ("ru-RU", "мой", {"мои"}),
        # Nobody types a vowel sign where a letter should stand, nor begins a word with one.
        ("hi-IN", "कितना", {"िकतना", "ितना"}),
        # Chinese characters are typed by sound: nobody exchanges two.
        ("zh-CN", "不想要了", {"想不要了", "不要想了", "想要了"}),
        # Japanese has characters of both kinds and converts neither.
        ("ja-JP", "国の会員", {"國の會員"}),
        # A synonym is a whole word.
        ("en-US", "boxing day", {"parceling day"}),
        ("de-DE", "Maße", {"MaSse", "maSSe"}),
    ],
)
def test_slips_that_nobody_makes(locale: str, text: str, never: set[str]) -> None:
    assert made(text, locale, parcel=["box"]) & never == set()


def test_synonyms_stand_for_one_another_in_the_case_of_the_text() -> None:
    found = made("Where is my Package", "en-US", package=["parcel", "QR label"])
    assert {"Where is my Parcel", "Where is my QR label"} <= found
    assert "Where is my package" in made("Where is my parcel", "en-US", package=["parcel"])
    assert "配送料はいくらですか" in made("送料はいくらですか", "ja-JP", 送料=["配送料"])


def test_a_lone_character_or_mark_stays() -> None:
    for text in ("", "?", "42", "😀", "是"):
        assert made(text, "zh-CN", times=50) <= {text, "市", "时", "事", "式", "？", "４２", "???"}


@settings(deadline=None)
@given(
    st.one_of(st.text(max_size=60), st.text("कि़ं्ा한ㅎがっャーن أẞß İı'’-?。 a1", max_size=30)),
    st.sampled_from(LOCALES),
    st.integers(0, 2**32 - 1),
)
def test_every_text_survives_and_the_same_seed_makes_the_same_slip(text: str, locale: str, seed: int) -> None:
    synonyms = {"a": ["b", ""], "": [], "送料": ["a b"]}
    first = augment(text, locale=locale, random=np.random.default_rng(seed), synonyms=synonyms)
    second = augment(text, locale=locale, random=np.random.default_rng(seed), synonyms=synonyms)
    assert first == second
    assert bool(first.strip()) == bool(text.strip())
    first.encode("utf-8", "surrogatepass")


def test_most_slips_are_seen_by_the_search() -> None:
    random = np.random.default_rng(0)
    for locale, text in (
        ("en-US", "where can I return my order"),
        ("ja-JP", "返品はどうすればいいですか"),
        ("zh-CN", "怎么取消我的订单"),
    ):
        slipped = [prepare(augment(text, locale=locale, random=random)) for _ in range(300)]
        assert np.mean([other != prepare(text) for other in slipped]) > 0.8


def test_data_files_are_complete_and_well_formed() -> None:
    for path in DATA.glob("??.toml"):
        language = language_of(path.stem)
        neighbours_of(language.keyboard)
        assert set(language.kinds) <= {*SLIPS, "synonym"}, path.name
        for forms in (language.alike, language.words):
            for form in forms.forms:
                assert form.text, path.name
                assert form.others, (path.name, form.text)
                assert form.text not in form.others or form.starts or form.ends, (path.name, form.text)
                assert unicodedata.normalize("NFC", form.text) == form.text, (path.name, form.text)


def test_a_tag_without_data_is_typed_in_general() -> None:
    assert language_of("xx-YY").kinds == language_of("xx").kinds
    assert language_of("xx").keyboard == "qwerty"
    assert language_of("de_AT").keyboard == language_of("de").keyboard == "qwertz"
    assert language_of("../default").keyboard == "qwerty"
