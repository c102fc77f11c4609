"""Every sentence of the chat page that does not come from a tenant's own profile."""

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _


def chat_strings() -> dict[str, str]:
    """Return the chat page's sentences in the active locale, keyed by their use in the page.

    `{name}`-style placeholders are filled in the browser; numbers and times arrive there already
    formatted by CLDR, so that no sentence has to agree with a count.
    """
    return {**_page_strings(), **_message_strings(), **_connection_strings()}


def chat_config(
    *,
    tenant_slug: str,
    locale: str,
    direction: str,
    persona_name: str,
    max_chars: int,
    foreign_answer: str = "",
    locales: Sequence[Mapping[str, str]] = (),
) -> dict[str, object]:
    """Return what the chat page's script needs, ready for `json_script`.

    `max_chars` counts code points; `locales` are the tenant's: locale, dir, name, and go_on, the offer to go on there;
    `foreign_answer` is the persona's sentence above an answer in another language.
    """
    return {
        "tenant": tenant_slug,
        "locale": locale,
        "dir": direction,
        "locales": list(locales),
        "persona": persona_name,
        "max_chars": max_chars,
        # What the socket does not take yet is not shown either.
        "offers": {"rating": False, "handoff": False},
        "socket_path": f"/ws/chat/{tenant_slug}/{locale}/",
        "foreign_answer": foreign_answer,
        "strings": chat_strings(),
    }


def _page_strings() -> dict[str, str]:
    return {
        "customer_service": _("Customer service"),
        "skip_to_message": _("Skip to the message field"),
        "no_script": _("The chat needs JavaScript. Please switch it on and load this page again."),
        "ai_badge": _("AI"),
        "ai_assistant": _("AI assistant"),
        "hours": _("When our team is here"),
        "good_to_know": _("Good to know"),
        "language_menu": _("Language and country"),
        "theme_dark": _("Switch to dark colours"),
        "theme_light": _("Switch to light colours"),
        "talk_to_person": _("Talk to a person"),
        "welcome_title": _("How can we help you?"),
        "suggestions": _("Frequently asked"),
        "conversation": _("Conversation"),
        "newest_message": _("Go to the newest message"),
        "message_label": _("Your message"),
        "message_placeholder": _("Write a message…"),
        "send": _("Send message"),
        "stop": _("Stop answering"),
        "keyboard_hint": _("Enter sends, Shift + Enter starts a new line."),
        "characters_left": _("Characters left: {count}"),
        "characters_over": _("Characters over the limit: {count}"),
        "close": _("Close"),
    }


def _message_strings() -> dict[str, str]:
    return {
        "you": _("You"),
        "person": _("Support team"),
        "said": _("{name}: {text}"),
        "writing": _("{name} is writing…"),
        "sending": _("Sending…"),
        "sent": _("Sent"),
        "not_sent": _("Not sent"),
        "try_again": _("Try again"),
        "ask_again": _("Ask again"),
        "sources": _("Sources"),
        "sources_note": _("This answer is based on these questions from our help pages:"),
        "choices": _("Suggested questions"),
        "whole_answer": _("Show the whole answer"),
        "composed_extractive": _("Shortened"),
        "composed_extractive_note": _("The part of our answer that fits your question, word for word."),
        "composed_generated": _("Summarised"),
        "composed_generated_note": _(
            "Our answer, put together for your question and checked against our help pages."
        ),
        "outcome_stopped": _("Stopped"),
        "outcome_failed": _("Not answered"),
        "rate": _("Rate this answer"),
        "rate_up": _("This answer helped"),
        "rate_down": _("This answer did not help"),
        "rate_reason": _("What was wrong or missing? (optional)"),
        "rate_send": _("Send feedback"),
        "rate_thanks": _("Thank you for your feedback."),
        "status_waiting": _("We are fetching a person for you. You can keep writing here."),
        "status_agent": _("You are now talking to a person from our team."),
        "status_bot": _("The AI assistant is answering again."),
        "status_closed": _("This conversation has ended."),
        "new_conversation": _("Start a new conversation"),
    }


def _connection_strings() -> dict[str, str]:
    return {
        "connecting": _("Connecting…"),
        "online": _("Online"),
        "offline": _("Offline"),
        "banner_offline": _("You are offline. What you write now is sent as soon as you are back."),
        "banner_reconnecting": _("The connection was lost. Reconnecting…"),
        "reconnect_now": _("Reconnect now"),
        "refused": _("The chat is not available here at the moment."),
        "error": _("That did not work. Please try again."),
        "next_attempt": _("Next attempt: {when}"),
    }
