"""An index that was written and read again answers as the one that was written."""

import io
import re

import numpy as np
import pytest

from chatbot.engine import stored_index
from chatbot.engine.index import Entry, Index, Signals
from chatbot.engine.wording import Wording
from tests.chatbot.engine.test_index import faq

# Every kind of wording has parts of its own: characters, sounds, synonyms.
WORDINGS = {
    "plain": Wording(),
    "synonyms": Wording(synonyms={"parcel": ["package", "box (large)"], "配送": ["送货"]}),
    "simplified": Wording(["如何退货？货到付款"]),
    "traditional": Wording(["如何退貨？貨到付款", "請與我們聯繫"]),
    "Indic": Wording(["मेरा ऑर्डर कहाँ है", "वापसी COD"]),
}
TEXTS = ("question 3 0", "QUESTION 7 1!", "package", "如何退货", "mera order kahan hai", "")


def stored(index: Index) -> Index:
    file = io.BytesIO()
    stored_index.write(index, file)
    return stored_index.read(file.getvalue())


def assert_equal(left: Signals, right: Signals) -> None:
    for name, values in vars(left).items():
        assert np.array_equal(values, getattr(right, name)) if name != "shape" else values == right.shape


@pytest.mark.parametrize("wording", WORDINGS.values(), ids=WORDINGS.keys())
def test_it_finds_the_same(wording: Wording) -> None:
    entries, arrays = faq(entries=40)
    index = Index(entries, **arrays, wording=wording)
    again = stored(index)
    # Whatever an index is made of is there, also what is added to it one day.
    assert vars(again).keys() == vars(index).keys()
    random = np.random.default_rng(1)
    for text in TEXTS:
        vector = random.normal(size=arrays["questions"].shape[1]).astype(np.float32)
        tokens = random.integers(0, 60, 5).tolist()
        assert_equal(index.search(vector, tokens, text=text), again.search(vector, tokens, text=text))
        assert again.has_wording(text) == index.has_wording(text)
        assert again.wording.readings(text) == index.wording.readings(text)
        assert again.wording.fold(text) == index.wording.fold(text)


def test_it_knows_what_is_off_topic() -> None:
    entries, arrays = faq(entries=40)
    background = np.random.default_rng(2).normal(size=(7, arrays["questions"].shape[1])).astype(np.float32)
    index = Index(
        entries, **arrays, background=background, elsewhere=re.compile(r"(?<!\S)shop 24(?!\S)|ショップ")
    )
    again = stored(index)
    for text in ("Is SHOP 24 open?", "ショップの", "shop 241"):
        found, same = (one.search(background[3], [1], text=text) for one in (index, again))
        assert_equal(found, same)
        assert found.nearer > 0
    assert found.elsewhere is False
    assert again.search(background[3], [1], text="Is SHOP 24 open?").elsewhere


def test_its_entries_are_the_same() -> None:
    entries = [
        Entry(
            key="größe",
            questions=("Größe?", "サイズ \ud83d"),
            answer="L\n\n- M",
            category="c",
            follow_ups=("x",),
        ),
        Entry(key="x", questions=("größe?",), answer=""),
    ]
    unit = np.eye(3, dtype=np.float32)
    again = stored(Index(entries, questions=unit, passages=unit[:2], tokens=[[1], [2], [3]]))
    assert tuple(again.entries) == tuple(entries)
    assert again.entries[-1] == entries[-1]
    assert again.entries[:1] == entries[:1]
    assert dict(again.by_key) == {"größe": 0, "x": 1}
    assert again.by_key.get("y") is None
    assert "größe" in again.by_key
    with pytest.raises(IndexError):
        again.entries[2]
    # Two entries have this question, but for its case.
    found = again.search(unit[0], [1], text="GRÖSSE")
    assert found.verbatim.tolist() == [True, True]


def test_an_empty_one() -> None:
    none = np.zeros((0, 3), np.float32)
    again = stored(Index([], questions=none, passages=none, tokens=[]))
    assert len(again) == 0
    assert len(again.search(np.ones(3, np.float32), [1], text="x").entry) == 0
    assert not again.has_wording("x")


def test_its_arrays_are_not_copied() -> None:
    entries, arrays = faq(entries=5)
    file = io.BytesIO()
    stored_index.write(Index(entries, **arrays), file)
    data = file.getvalue()
    assert not stored_index.read(data)._questions.flags.owndata
    assert not stored_index.read(data)._questions.flags.writeable


def test_what_is_not_foreseen_is_not_stored() -> None:
    entries, arrays = faq(entries=5)
    index = Index(entries, **arrays)
    vars(index)["other"] = object()
    with pytest.raises(TypeError, match="object"):
        stored(index)


@pytest.mark.parametrize("data", [b"", b"{}", b"\x02\0\0\0\0\0\0\0{}", b"\x40\0\0\0\0\0\0\0{"])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"stored index|Expecting"):
        stored_index.read(data)
