"""Whose FAQ answers, with the real encoder and detector over a small shop in three languages."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings

from chatbot.answering import abroad, routing
from chatbot.answering.events import Answer, Delta, Question, Turn
from chatbot.answering.language import Detector
from chatbot.answering.pipeline import Bundle
from chatbot.engine import weights
from chatbot.engine.errors import GeneratorBusy
from chatbot.engine.index import Entry
from chatbot.learning.encoding import LocalEncoder
from tests.flows.isolation import BatchEncoder
from tests.flows.isolation import bundle as make_bundle

FAQS = {
    "en-US": [
        Entry(key="returns", questions=("How do I return an item?",), answer="Print the label and send it back."),
        Entry(key="shipping", questions=("How much is shipping?",), answer="Shipping is $5."),
        Entry(key="payment", questions=("Can I pay with PayPal?",), answer="Yes, PayPal is fine."),
        Entry(key="warranty", questions=("How long is the warranty?",), answer="Two years."),
        Entry(key="gift", questions=("Do you wrap gifts?", "click and collect"), answer="Yes, for free."),
    ],
    "es-MX": [
        Entry(key="returns", questions=("¿Cómo devuelvo un producto?",), answer="Imprime la etiqueta."),
        Entry(key="shipping", questions=("¿Cuánto cuesta el envío?",), answer="El envío cuesta 99 pesos."),
        Entry(key="oxxo", questions=("¿Puedo pagar en el OXXO?",), answer="Claro, en cualquier OXXO."),
    ],
    "hi-IN": [
        Entry(key="returns", questions=("सामान वापस कैसे करें?",), answer="लेबल लगाकर वापस भेज दीजिए।"),
        Entry(key="shipping", questions=("डिलीवरी चार्ज कितना है?",), answer="डिलीवरी ₹49 है।"),
        Entry(key="cancel", questions=("ऑर्डर कैंसल कैसे करें?",), answer="ऐप में कैंसल दबाइए।"),
        Entry(key="address", questions=("डिलीवरी का पता कैसे बदलें?",), answer="ऐप में पता बदल दीजिए।"),
        Entry(key="hours", questions=("आप कितने बजे तक खुले हैं?",), answer="रात नौ बजे तक।"),
        Entry(key="invoice", questions=("बिल कहाँ मिलेगा?",), answer="ईमेल में।"),
        Entry(key="size", questions=("चादर का साइज़ क्या है?",), answer="डबल बेड का।"),
        Entry(key="job", questions=("आपके यहाँ नौकरी कैसे मिलेगी?",), answer="करियर पेज देखिए।"),
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def encoder() -> LocalEncoder:
    folder = weights.prepare(None, Path(settings.MODEL_DIR))
    return LocalEncoder(folder)


@pytest.fixture(scope="module")
def shop(encoder: LocalEncoder) -> dict[str, Bundle]:
    return {
        locale: make_bundle(locale, entries, encoder, foreign_answers=locale == "hi-IN")
        for locale, entries in FAQS.items()
    }


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector()


class Visitor:
    """Asks on one locale's page, and remembers what came."""

    def __init__(self, shop: dict[str, Bundle], encoder: LocalEncoder, detector: Detector) -> None:
        self.shop, self.encoder, self.detector = shop, encoder, detector
        self.history: list[Turn] = []

    def ask(self, text: str, *, home: str = "en-US", chosen_key: str = "") -> Answer:
        *deltas, answer = asyncio.run(self._hear(text, home, chosen_key))
        assert isinstance(answer, Answer)
        assert not deltas or "".join(item.text for item in deltas if isinstance(item, Delta)) == answer.text
        self.history.append(
            Turn(
                text=text,
                lang=answer.lang,
                outcome=answer.outcome,
                answered=tuple(source.key for source in answer.sources),
                offered=tuple(source.key for source in answer.suggestions),
                switch=answer.switch,
            )
        )
        return answer

    async def _hear(self, text: str, home: str, chosen_key: str) -> Sequence[Delta | Answer]:
        question = Question(text=text, chosen_key=chosen_key, history=tuple(self.history))
        others = [bundle for locale, bundle in self.shop.items() if locale != home]
        heard = routing.answer(
            question,
            home=self.shop[home],
            others=others,
            encoder=BatchEncoder(self.encoder, [text]),
            detector=self.detector,
        )
        return [item async for item in heard]


@pytest.fixture
def visitor(shop: dict[str, Bundle], encoder: LocalEncoder, detector: Detector) -> Visitor:
    return Visitor(shop, encoder, detector)


def test_the_pages_language_is_answered_from_its_own_faq(visitor: Visitor) -> None:
    answer = visitor.ask("How do I return an item that I don't like?")
    assert (answer.lang, answer.switch) == ("en-US", "")
    assert answer.text == "Print the label and send it back."
    assert answer.traces[0].language == "en"


def test_another_locales_language_is_answered_from_that_one_which_is_offered(visitor: Visitor) -> None:
    answer = visitor.ask("¿Me dicen cuánto cuesta el envío?")
    assert (answer.outcome, answer.lang, answer.switch) == ("answered", "es-MX", "es-MX")
    assert answer.text == "El envío cuesta 99 pesos."
    assert [(trace.locale, trace.language) for trace in answer.traces] == [("es-MX", "es")]


def test_what_that_locale_does_not_know_it_declines_in_its_own_words(
    visitor: Visitor, shop: dict[str, Bundle]
) -> None:
    visitor.shop = shop | {"es-MX": speaking(shop["es-MX"], decline="No lo sé.")}
    answer = visitor.ask("¿Quién ganó el mundial de futbol en 1986?")
    assert (answer.outcome, answer.text, answer.switch) == ("declined", "No lo sé.", "es-MX")


def speaking(bundle: Bundle, **phrases: str) -> Bundle:
    return replace(bundle, manners=replace(bundle.manners, phrases=dict(bundle.manners.phrases) | phrases))


def test_a_language_that_nobody_here_speaks_is_declined_in_the_pages(visitor: Visitor) -> None:
    answer = visitor.ask("Quanto costa la spedizione, per favore?")
    assert (answer.outcome, answer.text, answer.lang, answer.switch) == (
        "declined", "foreign_question", "en-US", "",
    )  # fmt: skip
    assert answer.traces[0].language == "it"


def test_a_profile_of_before_declines_as_it_always_did(visitor: Visitor, shop: dict[str, Bundle]) -> None:
    visitor.shop = shop | {"en-US": speaking(shop["en-US"], foreign_question="")}
    assert visitor.ask("Quanto costa la spedizione, per favore?").text == "decline"


def test_a_wording_of_the_page_is_in_its_language_whatever_it_looks_like(
    visitor: Visitor, shop: dict[str, Bundle]
) -> None:
    assert visitor.ask("Click and collect", home="en-US").lang == "en-US"
    assert visitor.ask("¿Puedo pagar en el OXXO?", home="es-MX").switch == ""


def test_a_short_message_goes_on_in_the_language_of_the_one_before(visitor: Visitor) -> None:
    visitor.ask("¿Cómo puedo devolver un producto?")
    assert visitor.ask("OXXO").lang == "es-MX"
    back = visitor.ask("Sorry, can I also pay with PayPal?")
    assert (back.lang, back.switch) == ("en-US", "")
    assert visitor.ask("OXXO").lang == "en-US"


def test_a_pressed_suggestion_is_answered_by_the_locale_that_offered_it(visitor: Visitor) -> None:
    offered = Turn(text="?", lang="es-MX", outcome="clarify", offered=("returns", "oxxo"), switch="es-MX")
    visitor.history.append(offered)
    assert visitor.ask("x", chosen_key="returns").text == "Imprime la etiqueta."
    assert visitor.ask("x", chosen_key="oxxo").lang == "es-MX"


def test_the_whole_of_what_another_locale_answered_may_be_asked_for(visitor: Visitor) -> None:
    visitor.history.append(Turn(text="?", lang="es-MX", outcome="answered", answered=("returns",)))
    answer = visitor.ask("x", chosen_key="returns")
    assert (answer.text, answer.lang) == ("Imprime la etiqueta.", "es-MX")


def test_another_locales_faq_cannot_be_chosen_unless_it_was_offered(visitor: Visitor) -> None:
    assert visitor.ask("x", chosen_key="oxxo").lang == "en-US"
    assert visitor.ask("x", chosen_key="returns").text == "Print the label and send it back."


def test_a_foreign_answer_says_so_where_the_profile_allows_it(visitor: Visitor) -> None:
    answer = visitor.ask("क्या मैं पेपैल (PayPal) से भुगतान कर सकता हूँ?", home="hi-IN")
    assert (answer.outcome, answer.lang, answer.switch) == ("answered", "en-US", "")
    assert answer.text == "foreign_answer\n\nYes, PayPal is fine."
    assert [trace.locale for trace in answer.traces] == ["hi-IN", "en-US"]
    assert answer.suggestions == ()


@pytest.mark.parametrize("allowed", [False, True])
def test_without_permission_or_words_for_it_no_foreign_answer_is_given(
    visitor: Visitor, shop: dict[str, Bundle], allowed: bool
) -> None:
    host = shop["hi-IN"]
    silent = replace(host, manners=replace(host.manners, foreign_answers=allowed, phrases={"decline": "नहीं"}))
    visitor.shop = shop | {"hi-IN": silent}
    answer = visitor.ask("क्या मैं पेपैल (PayPal) से भुगतान कर सकता हूँ?", home="hi-IN")
    assert (answer.outcome, answer.text, answer.lang) == ("declined", "नहीं", "hi-IN")


def test_what_nobody_knows_is_not_answered_where_foreign_answers_are_allowed_either(visitor: Visitor) -> None:
    answer = visitor.ask("भारत की राजधानी क्या है?", home="hi-IN")
    assert answer.outcome != "answered"
    assert answer.lang == "hi-IN"
    assert {source.key for source in answer.suggestions} <= {entry.key for entry in FAQS["hi-IN"]}


def test_emoji_are_not_searched_for_abroad(visitor: Visitor) -> None:
    answer = visitor.ask("👍", home="hi-IN")
    assert (answer.text, answer.lang) == ("only_symbols", "hi-IN")


def test_the_fewer_wrong_answers_are_allowed_the_surer_a_foreign_one_must_be(shop: dict[str, Bundle]) -> None:
    manners = shop["hi-IN"].manners
    strict = abroad.ranker(replace(manners, max_wrong_percent=2))
    assert strict.answer_from > abroad.ranker(manners).answer_from == pytest.approx(0.85)


def test_a_writer_with_too_much_to_do_is_not_waited_for(
    shop: dict[str, Bundle], encoder: LocalEncoder, detector: Detector
) -> None:
    def busy(_bundle: Bundle) -> None:
        raise GeneratorBusy("8 requests are waiting already, as many as may.")

    async def asked() -> Answer:
        home = replace(shop["en-US"], may_generate=True)
        said = routing.answer(
            Question(text="How much is shipping? And can I pay with PayPal?"),
            home=home,
            others=[],
            encoder=BatchEncoder(encoder, []),
            detector=detector,
            writer_for=busy,
        )
        *_, answer = [item async for item in said]
        assert isinstance(answer, Answer)
        return answer

    answer = asyncio.run(asked())
    assert "$5" in answer.text
    assert "PayPal" in answer.text
    assert answer.composition is not None
    assert answer.composition.why == "busy"
