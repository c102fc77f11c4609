"""Adapters for tests that run no generator, and what a training tells of them."""

import torch
from safetensors.torch import save

from chatbot import exam_records
from chatbot.answering.events import GENERATED
from chatbot.engine.generator import adapters
from chatbot.engine.generator.adapters import Adapter
from chatbot.exam.grading import Score
from chatbot.exam.versions import Key
from chatbot.learning.rewriting import gate
from chatbot.learning.rewriting.gate import Sitting, Teaching
from chatbot.training import ExamSat, Taught

BASE = "gemma@abc"
NAME = "base_model.model.model.layers.0.mlp.up_proj"


def adapter(*, base: str = BASE, seed: int = 1) -> Adapter:
    """Return an adapter of two small matrices."""
    random = torch.Generator().manual_seed(seed)
    file = save(
        {
            f"{NAME}.lora_A.weight": torch.randn(2, 8, generator=random),
            f"{NAME}.lora_B.weight": torch.randn(8, 2, generator=random),
        }
    )
    bare = Adapter(
        version="",
        base=base,
        scale=2.0,
        source="{source}\n",
        prompt="{sources}{question}",
        read=lambda: file,
    )
    return adapters.unpacked(adapters.packed(bare))


def teaching(code: str = gate.PASSED, *, right: int = 60) -> Teaching:
    """Return what was told of an adapter with so many of 64 replies right, where 58 were before."""
    return Teaching(
        code=code,
        loss_before=1.5,
        loss_after=0.75,
        exam="de-DE",
        before=Sitting(generator=BASE, score=Score(total=64, right=58, forbidden=0, own=30)),
        after=Sitting(
            generator=f"{BASE}+own@1",
            score=Score(total=64, right=right, forbidden=int(code == gate.FORBIDDEN), own=50),
        ),
        examples=120,
        steps=90,
        seconds=600.0,
    )


def taught(made: Adapter | None = None, *, key: Key | None = None) -> Taught:
    """Return what a stage ends with that has made an adapter, and an exam with one trap if there is a key."""
    found = made or adapter()
    reply = {
        "key": "negation-00",
        "kind": "negation",
        "question": "?",
        "sources": ["Secret words of the demo."],
        "shown": "Secret words of the demo.",
        "level": GENERATED,
        "level_why": "",
        "said": [],
        "why": "right",
        "phrases": [],
        "seconds": 1.0,
    }
    assert exam_records.counts_of([reply]) == {"right": 1, "forbidden": 0, "own": 1}
    exams = (ExamSat(key=key, replies=(reply,), is_of_new=True),) if key else ()
    return Taught(teaching=teaching(), file=found.read(), about=found.about(), exams=exams)
