"""The fast encoder against transformers' own BertModel, on the real weights."""

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from chatbot.engine.encoder import Encoder, pack
from chatbot.engine.errors import WeightsError

TEXTS = [
    "How do I return a parcel?",
    "返品の送料は誰が払いますか",
    "أين طلبي؟",
    "मेरा ऑर्डर कब आएगा और उसका खर्च कितना होगा?",
    "ok",
    "ＡＢＣ　①  half and full width",
    "I paid with OXXO on Tuesday " * 40,
    "",
]


def reference(folder, texts: list[str]) -> np.ndarray:
    """Mean-pooled, normalised vectors by the library's documented recipe, one text at a time."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    rows = []
    with torch.no_grad():
        for text in texts:
            batch = tokenizer("query: " + text, return_tensors="pt", truncation=True, max_length=512)
            batch.pop("token_type_ids", None)
            hidden = model(**batch).last_hidden_state[0]
            rows.append(torch.nn.functional.normalize(hidden.mean(0), dim=0).numpy())
    return np.stack(rows)


def test_equals_transformers(model_folder, encoder: Encoder) -> None:
    ours = encoder.encode(TEXTS, kind="query")
    assert np.abs(ours - reference(model_folder, TEXTS)).max() < 2e-5


def test_batched_equals_unbatched(encoder: Encoder) -> None:
    together = encoder.encode(TEXTS, kind="query", batch_tokens=100_000)
    alone = np.concatenate([encoder.encode([text], kind="query") for text in TEXTS])
    assert np.abs(together - alone).max() < 2e-5


def test_bf16_keeps_the_direction(model_folder, encoder: Encoder) -> None:
    half = Encoder(model_folder, precision="bf16", threads=encoder.threads)
    cosines = (half.encode(TEXTS, kind="query") * encoder.encode(TEXTS, kind="query")).sum(axis=1)
    assert cosines.min() > 0.999


def test_vectors_are_unit_length_and_tell_kinds_apart(encoder: Encoder) -> None:
    query, passage = (encoder.encode(["Where is my order?"], kind=kind)[0] for kind in ("query", "passage"))
    assert np.linalg.norm(query) == pytest.approx(1, abs=1e-5)
    assert 0.5 < float(query @ passage) < 0.999


def test_meaning_crosses_languages(encoder: Encoder) -> None:
    question, same, other = encoder.encode(
        ["Where is my parcel?", "Wo ist mein Paket?", "Wie lösche ich mein Konto?"], kind="query"
    )
    assert question @ same > question @ other


def test_long_text_is_cut_at_the_limit(encoder: Encoder) -> None:
    assert len(encoder.tokenize(["word " * 5000], kind="query")[0]) == encoder.max_tokens == 512


def test_unknown_architecture_is_refused_by_name(tmp_path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(WeightsError, match="gpt2"):
        Encoder(tmp_path)


@pytest.mark.parametrize("budget", [1, 50, 1000])
def test_pack_keeps_every_row_once_within_the_budget(budget: int) -> None:
    lengths = [5, 300, 7, 7, 12, 150, 5, 1]
    batches = pack(lengths, budget)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        width = max(lengths[row] for row in batch)
        assert len(batch) == 1 or width * len(batch) <= budget
