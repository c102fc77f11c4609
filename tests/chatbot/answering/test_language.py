"""Telling languages apart in what visitors really write: short, hurried, mixed, or in no language at all."""

import json

import pytest

from chatbot.answering.language import Detector
from tests.flows.isolation import TESTS, demo_faqs

OFFERED = ("en", "zh", "ja", "ko", "es", "pt", "fr", "de", "ar", "hi")


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("¿Cómo le hago para devolver una lámpara?", "es"),
        ("Onde está meu pedido?", "pt"),
        ("je veux retourner un article", "fr"),
        ("Was kostet der Versand nach Hamburg?", "de"),
        ("where can I see if my package is moving", "en"),
        ("quanto costa la spedizione di una libreria?", "it"),
        ("gdzie jest moja paczka", "pl"),
        ("siparişimi iade etmek istiyorum", "tr"),
        ("ik wil dit artikel graag terugsturen", "nl"),
        ("где мой заказ, сколько ещё ждать?", "ru"),
        ("tôi muốn trả hàng", "vi"),
        ("saya mau mengembalikan barang", "id"),
        ("อยากคืนสินค้า", "th"),
        ("送料はいくら", "ja"),
        ("いつ届く", "ja"),
        ("怎么退货", "zh"),
        ("我的訂單在哪裡", "zh"),
        ("배송비", "ko"),
        ("كم سعر الشحن", "ar"),
        ("मेरा ऑर्डर", "hi"),
        ("mera order kahan hai", "hi"),
        ("Apple Pay से पेमेंट कर सकते हैं?", "hi"),
        ("PayPal可以用吗", "zh"),
    ],
)
@pytest.mark.parametrize("home", ["en", "ja", "sv"])
def test_a_question_in_another_language_is_named(
    detector: Detector, text: str, language: str, home: str
) -> None:
    assert detector.detect(text, home=home, offered=OFFERED) == language


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "ok",
            "OK",
            "???",
            "👍",
            "hmm",
            "haha",
            "DHL",
            "iPhone 15 Pro",
            "TP-48213",
            "order 1Z999AA10123456784",
        ),
        *("https://tidepine.example/de/konto/bestellungen/und-retouren", "hans.mueller@beispiel.example"),
        *(
            "Maria Garcia",
            "François Dupont",
            "São Paulo",
            "System for Award Management",
            "USB-C",
            "PDF",
            "SAVE20",
        ),
    ],
)
@pytest.mark.parametrize("home", OFFERED)
def test_what_is_in_no_language_is_not_named(detector: Detector, text: str, home: str) -> None:
    assert detector.detect(text, home=home, offered=OFFERED) in ("", home)


@pytest.mark.parametrize(
    "text", ["returns", "troca", "aide", "Storno", "hola", "menu", "ciao", "bot", "no", "si"]
)
def test_a_word_of_five_letters_is_named_rightly_or_not_at_all(detector: Detector, text: str) -> None:
    right = {"returns": "en", "troca": "pt", "aide": "fr", "Storno": "de", "hola": "es", "ciao": "it"}
    for home in OFFERED:
        assert detector.detect(text, home=home, offered=OFFERED) in {"", home, right.get(text, home)}


@pytest.mark.parametrize(
    ("text", "home", "offered", "language"),
    [
        ("送料", "ja", OFFERED, "ja"),  # both write it
        ("送料", "zh", OFFERED, "zh"),
        ("送料", "en", OFFERED, ""),
        ("送料", "en", ("en", "ja"), "ja"),
        ("返品方法", "ja", OFFERED, "ja"),
        ("払込票", "en", OFFERED, "ja"),  # simplified in Japan alone
        ("什么时候发货", "ja", OFFERED, "zh"),  # simplified in China alone
        ("請問可以換貨嗎", "ja", OFFERED, "zh"),
    ],
)
def test_characters_alone_are_those_of_the_language_that_writes_them(
    detector: Detector, text: str, home: str, offered: tuple[str, ...], language: str
) -> None:
    assert detector.detect(text, home=home, offered=offered) == language


def test_a_script_that_nobody_here_writes_is_foreign_whatever_its_language(detector: Detector) -> None:
    assert detector.detect("де", home="en", offered=OFFERED) in ("und", "ru", "uk", "bg")
    assert detector.detect("де", home="ru", offered=("ru",)) in ("", "ru")


def test_one_word_of_hindi_in_latin_letters_is_enough_only_where_hindi_is_spoken(detector: Detector) -> None:
    assert detector.detect("order cancel karo", home="hi", offered=OFFERED) == "hi"
    assert detector.detect("order cancel karo", home="en", offered=OFFERED) != "hi"


def test_a_home_language_that_is_unknown_hides_what_is_in_its_script(detector: Detector) -> None:
    assert detector.detect("this is plain English, is it not?", home="tlh", offered=("tlh", "en")) == ""


@pytest.mark.parametrize("locale", sorted(demo_faqs()))
def test_the_language_of_the_page_is_not_taken_for_another(detector: Detector, locale: str) -> None:
    home = locale.split("-")[0]
    texts = [text for entry in demo_faqs()[locale] for text in entry.questions]
    for folder in ("paraphrases", "out_of_scope"):
        lines = (TESTS / folder / f"{locale}.jsonl").read_text().splitlines()
        texts += [json.loads(line)["text"] for line in lines]
    wrong = [text for text in texts if detector.detect(text, home=home, offered=OFFERED) not in ("", home)]
    # The FAQs hold a few phrases that are in English: "click and collect".
    assert len(wrong) / len(texts) < 0.01, wrong
