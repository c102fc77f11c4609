"""Evaluation: figures of rankings worked out by hand, the command on files, and the fit of what is shipped."""

import json
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from chatbot.answering.rank import weights_from_json
from chatbot.learning import fit as fit_module
from chatbot.learning.dataset import LabelledQuery
from chatbot.learning.evaluate import Ranking, measure, plain_cosine
from chatbot.learning.fit import few_entries, fewer_alternates, read_source
from tests.chatbot.learning.synthetic import material

KEYS = {
    "n", "in_scope", "out_of_scope", "hit@1", "hit@5", "mrr@10", "ndcg@10", "recall@10", "auroc", "coverage@p95", "ece",
    "embed_ms_p50", "rank_ms_p50", "train_s",
}  # fmt: skip
TOPICS = {
    "returns": ("How do I return an order?", ["send it back", "give back what I bought", "return label"]),
    "hours": ("When are you open?", ["opening hours", "are you open on Sunday", "when do you close"]),
    "cards": (
        "Which cards do you take?",
        ["can I pay with Visa", "do you accept Mastercard", "card payment"],
    ),
    "parcel": ("Where is my parcel?", ["track my order", "my package has not come", "delivery status"]),
}


def query(relevant: Sequence[str]) -> LabelledQuery:
    return LabelledQuery(key="q", text="t", relevant=dict.fromkeys(relevant, 1))


def test_measure_by_hand() -> None:
    queries = [query("a"), query("b"), query("ab"), query("")]
    rankings = [
        Ranking(keys=("a", "b"), confidence=0.9),
        Ranking(keys=("a", "b"), confidence=0.6),
        Ranking(keys=("b", "c"), confidence=0.8),
        Ranking(keys=("c", "a"), confidence=0.3),
    ]
    values = measure(queries, rankings, seed=0).values
    assert values["hit@1"] == pytest.approx(2 / 3)
    assert values["mrr@10"] == pytest.approx((1 + 1 / 2 + 1) / 3)
    assert values["recall@10"] == pytest.approx((1 + 1 + 1 / 2) / 3)
    assert values["auroc"] == 1
    assert values["coverage@p95"] == 1 / 2
    assert values["ece"] == pytest.approx((0.1 + 0.6 + 0.2 + 0.3) / 4)


def test_only_out_of_scope_leaves_the_in_scope_figures_open() -> None:
    figures = measure([query("")], [Ranking(keys=(), confidence=0.0)], seed=0)
    assert figures.values["hit@1"] is None
    assert figures.values["auroc"] is None
    assert figures.intervals["hit@1"] is None
    assert figures.values["ece"] == 0


def test_plain_cosine_is_the_largest_over_the_wordings() -> None:
    whole = material(entries=5, alternates=2)
    asked = whole.asked(7)
    (ranking,) = plain_cosine(whole, [asked])
    cosines = whole.questions @ asked.vector
    best = sorted(range(5), key=lambda entry: -max(cosines[whole.owners == entry]))
    assert ranking.keys == tuple(f"e{entry}" for entry in best)
    assert ranking.confidence == pytest.approx(1.0, abs=1e-5)


def test_variants_of_an_faq() -> None:
    whole, random = material(entries=10, alternates=5), np.random.default_rng(0)
    fewer = fewer_alternates(whole, 2, random)
    assert [len(entry.questions) for entry in fewer.entries] == [3] * 10
    assert [entry.questions[0] for entry in fewer.entries] == [entry.questions[0] for entry in whole.entries]
    small = few_entries(whole, 4, random)
    assert [len(entry.questions) for entry in small.entries] == [6] * 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two small data sets."""
    for name in ("one", "two"):
        place = tmp_path / "sets" / name
        place.mkdir(parents=True)
        rows = [
            {"id": k, "question": q, "alternates": a[:2], "answer": "So."} for k, (q, a) in TOPICS.items()
        ]
        queries = [{"id": k, "text": a[2], "relevant": {k: 2}} for k, (_, a) in TOPICS.items()]
        queries.append({"id": "o", "text": "what is the tallest mountain", "relevant": {}})
        (place / "faq.jsonl").write_text("\n".join(map(json.dumps, rows)))
        (place / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)))
        (place / "meta.json").write_text('{"locale": "en", "source": "ours"}')
    return tmp_path / "sets"


def run(*arguments: object) -> str:
    out = StringIO()
    call_command("evaluate", *map(str, arguments), stdout=out)
    return out.getvalue()


def test_the_command_prints_the_documented_keys(folder: Path, settings: Any) -> None:
    # What "auto" measures to be fastest may differ from run to run, and with it the last digits.
    settings.ENCODER_PRECISION, settings.ENCODER_THREADS = "fp32", 1
    paths = ("--faq", folder / "one/faq.jsonl", "--queries", folder / "one/queries.jsonl", "--locale", "en")
    report: dict[str, Any] = json.loads(run(*paths, "--json", "--compare", "--own"))
    assert report.keys() >= KEYS
    assert (report["n"], report["in_scope"], report["out_of_scope"]) == (5, 4, 1)
    assert report["hit@5"] == 1
    assert report["embed_ms_p50"] > 0 < report["rank_ms_p50"]
    assert report["train_s"] is None
    assert report["intervals"]["hit@1"][0] <= report["hit@1"] <= report["intervals"]["hit@1"][1]
    assert report["plain"].keys() == report["own"].keys() > {"hit@1", "ece"}
    again = json.loads(run(*paths, "--json"))
    assert again["intervals"] == report["intervals"]


def test_a_folder_gives_a_table_and_a_list(folder: Path) -> None:
    table = run(folder, "--compare")
    assert "one en: 4 in scope, 1 out of scope" in table
    assert table.count("served") == table.count("plain") == 2
    assert [report["dataset"] for report in json.loads(run(folder, "--json"))] == ["one", "two"]


def test_wrong_arguments_are_one_sentence(folder: Path) -> None:
    with pytest.raises(CommandError, match="Give --faq and --queries, or a folder"):
        run("--json")
    with pytest.raises(CommandError, match="either a folder"):
        run(folder, "--faq", folder / "one/faq.jsonl")
    with pytest.raises(CommandError, match="cannot be read"):
        run("--faq", folder / "none", "--queries", folder / "none")


def test_what_is_shipped_can_be_fitted_again(folder: Path, tmp_path: Path, model_folder: Path) -> None:
    editors = tmp_path / "faq.csv"
    lines = [f'{k},{q},"{chr(10).join(a)}",A longer answer about {k}.' for k, (q, a) in TOPICS.items()]
    editors.write_text("\n".join(["id,question,alternates,answer", *lines]))
    assert read_source(editors).voice < read_source(folder / "one").voice == 1
    written = []
    for number in range(2):
        output, background = tmp_path / f"ranker{number}.json", tmp_path / f"background{number}.json"
        arguments = [
            folder / "one",
            editors,
            "--encoder",
            model_folder,
            "--output",
            output,
            "--background",
            background,
        ]
        assert fit_module.main([str(argument) for argument in arguments]) == 0
        written.append(output.read_text())
        assert set(json.loads(background.read_text())) == {"query", "passage"}
    assert written[0] == written[1]
    assert np.isfinite(weights_from_json(json.loads(written[0])).fusion).all()


def test_a_missing_source_is_one_sentence(
    tmp_path: Path, model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fit_module.main([str(tmp_path / "none.csv"), "--encoder", str(model_folder)]) == 1
    assert "none.csv cannot be read" in capsys.readouterr().err
