"""Ask one question as a visitor would, and print the answer."""

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatbot.answering.events import Answer, Question
from chatbot.answering.frame import render_markdown
from chatbot.answering.routing import answer
from customers.models import LocaleProfile

if TYPE_CHECKING:
    # Importing it takes torch.
    from chatbot.serving import Serving


class Command(BaseCommand):
    """Answer questions with the served code, without storing a conversation."""

    help = "Answer one or more questions as the chat would; nothing is stored."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("text", nargs="+", help="a question; several are answered one after the other")
        parser.add_argument("--tenant", required=True, help="the tenant's slug")
        parser.add_argument("--locale", required=True, help="the locale, such as ja-JP")
        parser.add_argument("--json", action="store_true", help="print each final event as one line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        from chatbot.serving import Serving

        profile = (
            LocaleProfile.objects.select_related("tenant")
            .filter(tenant__slug=options["tenant"], locale__iexact=options["locale"], is_active=True)
            .first()
        )
        if profile is None:
            raise CommandError(
                f"Tenant “{options['tenant']}” has no active locale “{options['locale']}”. "
                "`manage.py demo` loads the tenant “demo”."
            )
        serving = Serving()
        serving.start(listen=False)
        try:
            serving.refresh_changed(only=profile.pk)
            serving.load_generator()
            for text in options["text"]:
                final = asyncio.run(_ask(text, serving=serving, profile_id=profile.pk))
                self.stdout.write(
                    json.dumps(_event(final, profile.tenant.image_hosts), ensure_ascii=False)
                    if options["json"]
                    else _lines(final)
                )
        finally:
            serving.stop()


async def _ask(text: str, *, serving: "Serving", profile_id: int) -> Answer:
    """Return the final answer to a question on a profile's page."""
    *_deltas, final = [
        item
        async for item in answer(
            Question(text=text),
            home=serving.bundle(profile_id),
            others=serving.others(profile_id),
            encoder=serving.running_engine(),
            detector=serving.running_detector(),
            writer_for=serving.writer_for,
        )
    ]
    assert isinstance(final, Answer)
    return final


def _event(final: Answer, image_hosts: Sequence[str]) -> dict[str, object]:
    """Return the answer as PROTOCOL's bot message, less what only a stored event has."""
    return {
        "type": "message",
        "role": "bot",
        "text": final.text,
        "html": render_markdown(final.text, image_hosts=image_hosts),
        "lang": final.lang,
        "outcome": final.outcome,
        "composed": final.composed or None,
        "confidence": final.confidence,
        "sources": [{"faq": s.key, "question": s.question, "score": s.score} for s in final.sources],
        "suggestions": [{"faq": s.key, "question": s.question} for s in final.suggestions],
        "model": final.model,
        "switch": final.switch or None,
    }


def _lines(final: Answer) -> str:
    """Return the answer for a person to read."""
    confidence = "" if final.confidence is None else f" {final.confidence:.0%}"
    composed = f", {final.composed}" if final.composed else ""
    offer = f", offers {final.switch}" if final.switch else ""
    lines = [f"[{final.outcome}{confidence}{composed}, {final.lang}{offer}] {final.text}"]
    lines += [f"  source: {source.key}: {source.question}" for source in final.sources]
    lines += [f"  suggestion: {choice.key}: {choice.question}" for choice in final.suggestions]
    return "\n".join(lines)
