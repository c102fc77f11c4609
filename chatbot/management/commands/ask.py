"""Ask one question as a visitor would, and print the answer."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatbot.answering.events import Answer, Question
from chatbot.answering.frame import render_markdown
from chatbot.answering.routing import decide
from customers.models import LocaleProfile


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
            for text in options["text"]:
                answer = asyncio.run(
                    decide(
                        Question(text=text),
                        home=serving.bundle(profile.pk),
                        others=serving.others(profile.pk),
                        encoder=serving.running_engine(),
                        detector=serving.running_detector(),
                    )
                )
                self.stdout.write(
                    json.dumps(_event(answer, profile.tenant.image_hosts), ensure_ascii=False)
                    if options["json"]
                    else _lines(answer)
                )
        finally:
            serving.stop()


def _event(answer: Answer, image_hosts: Sequence[str]) -> dict[str, object]:
    """Return the answer as PROTOCOL's bot message, less what only a stored event has."""
    return {
        "type": "message",
        "role": "bot",
        "text": answer.text,
        "html": render_markdown(answer.text, image_hosts=image_hosts),
        "lang": answer.lang,
        "outcome": answer.outcome,
        "composed": answer.composed or None,
        "confidence": answer.confidence,
        "sources": [{"faq": s.key, "question": s.question, "score": s.score} for s in answer.sources],
        "suggestions": [{"faq": s.key, "question": s.question} for s in answer.suggestions],
        "model": answer.model,
        "switch": answer.switch or None,
    }


def _lines(answer: Answer) -> str:
    """Return the answer for a person to read."""
    confidence = "" if answer.confidence is None else f" {answer.confidence:.0%}"
    offer = f", offers {answer.switch}" if answer.switch else ""
    lines = [f"[{answer.outcome}{confidence}, {answer.lang}{offer}] {answer.text}"]
    lines += [f"  source: {source.key}: {source.question}" for source in answer.sources]
    lines += [f"  suggestion: {choice.key}: {choice.question}" for choice in answer.suggestions]
    return "\n".join(lines)
