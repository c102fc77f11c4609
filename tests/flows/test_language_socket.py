"""Another language over the real socket: the offered locale, the `locale` frame, and suggestions of either."""

import uuid

from chatbot.bench.server import RunningServer
from tests.flows.client import chat


async def test_an_offer_to_switch_can_be_taken(server: RunningServer) -> None:
    async with chat(server.port, locale="en-US") as visitor:
        await visitor.hello()
        answer = await visitor.ask("¿Cómo le hago para devolver una lámpara?")
        assert (answer["lang"], answer["switch"]) == ("es-MX", "es-MX")
        await visitor.send(type="locale", locale=answer["switch"])
        assert (await visitor.until("welcome"))["locale"] == "es-MX"
        assert (await visitor.ask("How do I delete my account?"))["switch"] == "en-US"


async def test_a_pressed_suggestion_is_of_the_locale_that_made_it(server: RunningServer) -> None:
    async with chat(server.port, locale="en-US") as visitor:
        await visitor.hello()
        asked = await visitor.ask("Sobre el envío")
        assert (asked["lang"], asked["outcome"]) == ("es-MX", "clarify")
        chosen = asked["suggestions"][0]
        await visitor.send(type="choose", faq=chosen["faq"], client_id=str(uuid.uuid4()))
        assert (await visitor.until("message", role="visitor"))["text"] == chosen["question"]
        answer = await visitor.until("message", role="bot")
        assert (answer["lang"], answer["switch"], answer["sources"][0]["faq"]) == (
            "es-MX",
            "es-MX",
            chosen["faq"],
        )


async def test_another_locales_faq_cannot_be_chosen_out_of_the_blue(server: RunningServer) -> None:
    async with chat(server.port, locale="en-US") as visitor:
        await visitor.hello()
        await visitor.send(type="choose", faq="oxxo-payment", client_id=str(uuid.uuid4()))
        assert (await visitor.until("error"))["code"] == "bad_frame"
