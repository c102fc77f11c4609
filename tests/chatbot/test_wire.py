"""Client frames: what is understood, and what is refused with which code."""

import json
import uuid

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from chatbot import wire
from chatbot.wire import Hello, Message, Refused, Signal, SwitchLocale

ID = "6f1c1f0e-2f1c-4e0c-9d8d-000000000001"


def parse(**frame: object) -> wire.Frame:
    return wire.parse_frame(json.dumps(frame))


def understood(text: str) -> tuple[wire.Frame | None, Refused | None]:
    """Return the frame or the refusal, which must be one that the protocol knows."""
    try:
        return wire.parse_frame(text), None
    except Refused as refused:
        if refused.code not in {"bad_frame", "too_long", "bad_token"}:
            raise
        return None, refused


def refusal(text: str | None) -> Refused:
    with pytest.raises(Refused) as caught:
        wire.parse_frame(text)
    return caught.value


def test_every_frame_of_the_protocol_is_understood() -> None:
    assert parse(type="hello", version=1, token=None, last_seq=0) == Hello(token=None, last_seq=0)
    assert parse(type="hello", version=1, token="abc", last_seq=7) == Hello(token="abc", last_seq=7)
    assert parse(type="message", client_id=ID, text="Hi") == Message(client_id=uuid.UUID(ID), text="Hi")
    assert parse(type="choose", client_id=ID, faq="returns") == Message(
        client_id=uuid.UUID(ID), faq="returns"
    )
    assert parse(type="locale", locale="ja-JP") == SwitchLocale(locale="ja-JP")
    for name in ("stop", "ping", "typing", "rate", "handoff"):
        assert parse(type=name) == Signal(name=name)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "hello",
        "[]",
        "null",
        "{}",
        '{"type": "nonsense"}',
        '{"type": ["hello"]}',
        '{"type": "hello"}',
        '{"type": "hello", "version": 2}',
        '{"type": "hello", "version": 1, "last_seq": -1}',
        '{"type": "hello", "version": 1, "last_seq": true}',
        '{"type": "hello", "version": 1, "last_seq": 1.5}',
        '{"type": "hello", "version": 1, "last_seq": 2147483648}',
        f'{{"type": "hello", "version": 1, "last_seq": {"9" * 5000}}}',
        '{"type": "message", "text": "Hi"}',
        '{"type": "message", "text": "Hi", "client_id": 5}',
        '{"type": "message", "text": "Hi", "client_id": "not a UUID"}',
        f'{{"type": "message", "client_id": "{ID}"}}',
        f'{{"type": "message", "client_id": "{ID}", "text": 5}}',
        f'{{"type": "message", "client_id": "{ID}", "text": "  \\n\\t "}}',
        f'{{"type": "message", "client_id": "{ID}", "text": "\\u0000\\ud800"}}',
        f'{{"type": "choose", "client_id": "{ID}", "faq": ""}}',
        f'{{"type": "choose", "client_id": "{ID}", "faq": "a\\u0000b"}}',
        f'{{"type": "choose", "client_id": "{ID}", "faq": "{"x" * 201}"}}',
        '{"type": "locale", "locale": null}',
        '{"type": "locale", "locale": "de\\ud800"}',
        "[" * 5000,
    ],
)
def test_malformed_frames_are_refused_by_code(text: str | None) -> None:
    assert refusal(text).code == "bad_frame"


@pytest.mark.parametrize("token", ["", "x" * 129, 5, "\\ud800", "tökén"])
def test_a_token_that_cannot_be_one_is_refused(token: object) -> None:
    frame = json.dumps({"type": "hello", "version": 1, "token": token}).replace("\\\\", "\\")
    assert refusal(frame).code == "bad_token"


def test_frames_are_measured_in_bytes_and_questions_in_characters() -> None:
    exact = "字" * settings.MESSAGE_MAX_CHARS
    message = parse(type="message", client_id=ID, text=exact)
    assert isinstance(message, Message)
    assert message.text == exact
    too_long = refusal(json.dumps({"type": "message", "client_id": ID, "text": exact + "字"}))
    assert too_long.code == "too_long"
    assert str(settings.MESSAGE_MAX_CHARS) in too_long.text
    # 6,000 characters, but three bytes each.
    assert refusal("字" * 6000).code == "too_long"
    assert refusal("x" * settings.FRAME_MAX_BYTES).code == "bad_frame"


def test_question_loses_only_what_cannot_be_stored_or_seen() -> None:
    message = parse(
        type="message", client_id=ID, text=" \x00Wo\x1b ist\n\tmein\u0085 Paket\ud800 👩\u200d🚀? "
    )
    assert isinstance(message, Message)
    assert message.text == "Wo ist\n\tmein Paket 👩\u200d🚀?"


@given(
    st.text() | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(json.dumps)
)
def test_any_text_is_a_frame_or_a_refusal(text: str) -> None:
    _frame, refused = understood(text)
    assert refused is None or refused.text


@given(
    st.dictionaries(
        st.sampled_from(["type", "version", "token", "last_seq", "client_id", "text", "faq", "locale"]),
        st.sampled_from(["hello", "message", "choose", "locale", ID, "\ud800", "\x00"])
        | st.integers()
        | st.text()
        | st.none()
        | st.lists(st.text()),
    )
)
def test_any_object_is_a_frame_that_can_be_stored_or_a_refusal(frame: dict[str, object]) -> None:
    parsed, _refused = understood(json.dumps(frame))
    texts = "".join(value for value in vars(parsed).values() if isinstance(value, str)) if parsed else ""
    assert "\x00" not in texts
    texts.encode()  # raises where a lone surrogate is left


def test_refusals_say_when_to_try_again() -> None:
    assert Refused("closed", "No.").frame() == {"type": "error", "code": "closed", "text": "No."}
    assert Refused("rate_limited", "Wait.", retry_after=0.2).frame()["retry_after"] == 1
    assert Refused("rate_limited", "Wait.", retry_after=2.6).frame()["retry_after"] == 3


def test_frames_are_sent_compact_with_their_characters_as_they_are() -> None:
    assert wire.encode({"type": "delta", "text": "返品\u2028"}) == '{"type":"delta","text":"返品\u2028"}'
