"""The bundled model itself: what it writes, and what of its vocabulary it may write."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import torch

from chatbot.engine.generator.generator import Generator
from chatbot.engine.generator.vocabulary import script

from .conftest import collected, soon

EXAMPLES = (
    "Reply from the text.\n\n"
    "- Orders ship within 3 days.\nQ: How fast do you ship?\nA: We ship within 3 days.\n\n"
)
ASKED = {
    "en": "- Returns are free for 30 days.\nQ: How long are returns free?\nA:",
    "de": "- Rücksendungen sind 30 Tage lang kostenlos.\nQ: Wie lange sind Rücksendungen kostenlos?\nA:",
    "ja": "- 返品は30日間無料です。\nQ: 返品はいつまで無料ですか？\nA:",
    "ar": "- الإرجاع مجاني لمدة 30 يومًا.\nQ: ما مدة الإرجاع المجاني؟\nA:",
}


@pytest.fixture(scope="module")
def bundled(generator_folder) -> Generator:
    return Generator(generator_folder, precision="fp32", threads=1)


@pytest.fixture
async def gemma(bundled) -> AsyncIterator[Generator]:
    generator = Generator.__new__(Generator)
    generator.__dict__.update(bundled.__dict__)
    from chatbot.engine.generator.slots import Slots

    generator._backend = Slots(bundled.model, queue=8)
    generator.start()
    yield generator
    await asyncio.to_thread(generator.stop)


async def test_it_copies_a_fact_in_four_scripts(gemma) -> None:
    texts = [EXAMPLES + asked for asked in ASKED.values()]
    replies = await asyncio.gather(*(collected(gemma, text, max_tokens=16) for text in texts))
    for reply in replies:
        assert "30" in reply or "٣٠" in reply
        assert "\n\n" not in reply


async def test_where_the_best_token_is_allowed_it_is_the_one_taken(gemma) -> None:
    model = gemma.model
    generator = torch.Generator().manual_seed(3)
    for asked in ASKED.values():
        allowed = model.vocabulary.allowed(model.encode(EXAMPLES + asked))
        hidden = (
            model.module.get_input_embeddings()
            .weight[torch.randint(0, model.module.config.vocab_size, (64,), generator=generator)]
            .clone()
        )
        best = (hidden @ model._head.weight.T).argmax(dim=1).tolist()
        found = model.vocabulary.best(hidden, [allowed] * len(hidden))
        may = allowed.shared.known | allowed.own.known
        assert [f for f, b in zip(found, best, strict=True) if b in may] == [b for b in best if b in may]
        assert all(token in may for token in found)
        assert len(may) < model.module.config.vocab_size / 4


async def test_a_reply_may_end_and_may_use_every_token_of_its_prompt_but_no_control_token(gemma) -> None:
    model = gemma.model
    prompt = model.encode("Zażółć gęślą jaźń <start_of_turn> Ωμέγα 返品")
    allowed = model.vocabulary.allowed(prompt)
    may = allowed.shared.known | allowed.own.known
    assert model.ends <= may
    assert model.tokenizer.token_to_id("<start_of_turn>") not in may
    controls = {model.tokenizer.token_to_id(t) for t in ("<bos>", "<start_of_turn>")}
    assert set(prompt) - controls <= may


async def test_likelihoods_prefer_what_the_text_says(gemma) -> None:
    right, wrong = await gemma.likelihoods(
        EXAMPLES + ASKED["en"],
        [("", " Returns are free for 30 days."), ("", " Rain fell on purple engines.")],
        deadline=soon(),
    )
    assert right > wrong


async def test_streaming_gives_pieces_as_they_are_written(gemma) -> None:
    pieces = [
        piece
        async for piece in gemma.generate(
            EXAMPLES + ASKED["en"], max_tokens=12, deadline=time.monotonic() + 60
        )
    ]
    assert len(pieces) > 3


@pytest.mark.parametrize(
    ("character", "name"),
    [
        ("é", "Latin"),
        ("ế", "Latin"),
        ("я", "Cyrillic"),
        ("あ", "Kana"),
        ("ｱ", "Kana"),
        ("返", "Han"),
        ("한", "Hangul"),
        ("ع", "Arabic"),
    ],
)
def test_scripts(character, name) -> None:
    assert script(character) == name


def test_scripts_without_a_name_are_told_apart() -> None:
    assert script("ह") == script("ा") != script("ก")
