"""Adapters beside one model: each reply is the one that a model with its adapter merged would write."""

import asyncio
import json

import pytest
import torch
from safetensors.torch import load, save

from chatbot.answering.composition.prompt import Prompt
from chatbot.engine.errors import GeneratorFailed, WeightsError
from chatbot.engine.generator import adapters
from chatbot.engine.generator.adapters import Adapter
from chatbot.engine.generator.attention import Step, causal
from chatbot.engine.generator.continuous import Continuous
from chatbot.engine.generator.generator import Adapted, Generator
from chatbot.engine.generator.jobs import Ear, End, Rating, Writing
from chatbot.engine.generator.low_rank import LowRank
from chatbot.engine.generator.model import CausalModel

from .conftest import collected, soon

# With these three the tiny model, with and without, says three different things to this prompt.
PROMPT, SEEDS = "Bestellungen", (11, 5)
RANK, SCALE = 3, 8.0


def adapter_for(model: CausalModel, *, seed: int) -> Adapter:
    """Return an adapter with random weights that clearly changes what a model says."""
    random = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, one in model.module.named_modules():
        if name.endswith(("q_proj", "o_proj", "down_proj")):
            tensors[f"base_model.model.{name}.lora_A.weight"] = torch.randn(
                RANK, one.in_features, generator=random
            )
            tensors[f"base_model.model.{name}.lora_B.weight"] = torch.randn(
                one.out_features, RANK, generator=random
            )
    file = save(tensors)
    bare = Adapter(
        version="",
        base=model.version,
        scale=SCALE,
        source="- {source}\n",
        prompt="{sources}{question}:",
        read=lambda: file,
    )
    return adapters.unpacked(adapters.packed(bare))


@pytest.fixture(scope="module")
def both(tiny) -> tuple[Adapter, Adapter]:
    first, second = (adapter_for(tiny, seed=seed) for seed in SEEDS)
    return first, second


@pytest.fixture(scope="module")
def merged(tiny_folder, both) -> list[CausalModel]:
    """A model for each of them, with the weights changed for good."""
    models = [CausalModel(tiny_folder, precision="fp32", threads=1) for _ in both]
    for model, adapter in zip(models, both, strict=True):
        adapters.apply(adapter, dict(model.module.named_modules()))
    return models


def states(model: CausalModel, ids: list[int], terms=None) -> torch.Tensor:
    positions, sees = causal(0, len(ids), model.device)
    step = Step(
        cache=model.new_cache(slots=1), slots=[0], starts=[0], positions=positions, sees=sees, terms=[terms]
    )
    return model.hidden([ids], step)[0]


def test_beside_the_model_is_as_in_it(tiny, both, merged) -> None:
    ids = tiny.encode(PROMPT)
    plain = states(tiny, ids)
    for adapter, model in zip(both, merged, strict=True):
        beside = states(tiny, ids, tiny.low_rank.load(adapter))
        assert torch.allclose(beside, states(model, ids), atol=1e-3, rtol=1e-3)
        assert not torch.allclose(beside, plain, atol=0.1)
    assert torch.equal(states(tiny, ids), plain), "without an adapter it is as before"


def test_the_terms_are_added_to_their_rows_alone(tiny, both) -> None:
    """Three rows of one step: with the first adapter, with none, with the second."""
    ids = tiny.encode(PROMPT)[:6]
    rows = [tiny.low_rank.load(both[0]), None, tiny.low_rank.load(both[1])]
    cache = tiny.new_cache(slots=3)
    for slot, terms in enumerate(rows):
        positions, sees = causal(0, len(ids) - 1, tiny.device)
        tiny.hidden(
            [ids[:-1]],
            Step(cache=cache, slots=[slot], starts=[0], positions=positions, sees=sees, terms=[terms]),
        )
    step = Step(cache=cache, slots=[0, 1, 2], starts=[len(ids) - 1] * 3, terms=rows)
    together = tiny.hidden([[ids[-1]]] * 3, step)[:, 0]
    for row, terms in enumerate(rows):
        assert torch.allclose(together[row], states(tiny, ids, terms)[-1], atol=1e-4)


def reply_of(model: CausalModel, terms=None) -> list[int]:
    """Return ten tokens behind the prompt, each read from its beginning anew."""
    ids = list(model.encode(PROMPT))
    for _ in range(10):
        allowed = model.vocabulary.allowed(ids)
        ids += model.vocabulary.best(states(model, ids, terms)[-1:], [allowed])
    return ids[len(model.encode(PROMPT)) :]


async def replies(backend, jobs: list[Writing]) -> list[list[int]]:
    for job in jobs:
        backend.submit(job)
    found = []
    for job in jobs:
        tokens: list[int] = []
        while isinstance(item := await asyncio.wait_for(job.ear.hear(), 60), int):
            tokens.append(item)
        assert isinstance(item, End)
        assert item.error is None
        found.append(tokens)
    return found


async def test_replies_written_together_are_each_their_own_models(tiny_folder, tiny, both, merged) -> None:
    """The same prompt from everybody: what one adapter has read of it is no beginning for another."""
    generator = Generator(tiny_folder, precision="fp32", threads=1, queue=20)
    generator.start()
    speakers: list[Generator | Adapted] = [generator, *(generator.adapted(adapter) for adapter in both)]
    try:
        for _ in range(2):  # the second time their prompts have been read
            said = await asyncio.gather(*(collected(speaker, PROMPT, max_tokens=10) for speaker in speakers))
            expected = [reply_of(model) for model in (tiny, *merged)]
            decoded = [
                tiny.tokenizer.decode([token for token in tokens if token not in tiny.ends])
                for tokens in expected
            ]
            # Half of a character is never shown.
            assert said == [text.replace("�", "") for text in decoded]
        assert len(set(said)) == 3
        pairs = [("", " yes"), ("", " no")]
        rated = [await one.likelihoods(PROMPT, pairs, deadline=soon()) for one in speakers]
        assert rated[1:] == [pytest.approx(rated[0])] * 2, "that is asked of the model alone"
    finally:
        await asyncio.to_thread(generator.stop)


def test_an_adapted_generator_names_and_renders_as_its_adapter(tiny_folder, both) -> None:
    generator = Generator(tiny_folder, precision="fp32", threads=1)
    adapted = generator.adapted(both[0])
    assert adapted.version == f"{generator.version}+{both[0].version}"
    assert both[0].version.startswith("own@")
    prompt = Prompt(
        instructions="", examples=(), sources=("A.", "B."), question="a?", locale="en-US", unknown="-"
    )
    assert adapted.render(prompt) == "- A.\n- B.\na?:"
    assert generator.render(prompt) != adapted.render(prompt)


async def test_beside_continuous_batching_they_run_over_slots(tiny, both, merged) -> None:
    backend = Continuous(tiny, queue=2, streams=2, context_tokens=256)
    backend.start()
    terms = [None, *(tiny.low_rank.load(adapter) for adapter in both)]
    try:
        jobs = [
            Writing(ids=tiny.encode(PROMPT), ear=Ear(), deadline=soon(), terms=one, max_tokens=10)
            for one in terms
        ]
        found = await replies(backend, jobs)
        assert found[1:] == [
            [token for token in reply_of(model) if token not in tiny.ends] for model in merged
        ]
        assert found[0] != found[1] != found[2]
        tiny.has_slots = False
        with pytest.raises(GeneratorFailed, match="takes no adapter"):
            backend.submit(jobs[1])
        with pytest.raises(GeneratorFailed, match="rates nothing"):
            backend.submit(Rating(ids=[2], ear=Ear(), deadline=soon(), pairs=[([], [3])]))
    finally:
        tiny.has_slots = True
        await asyncio.to_thread(backend.stop)


def test_no_more_are_kept_than_may_be(tiny, both) -> None:
    third = adapter_for(tiny, seed=3)
    few = LowRank(tiny.module, most=2)
    first = few.load(both[0])
    few.load(both[1])
    assert few.load(both[0]) is first
    few.load(third)
    assert few.load(both[0]) is first, "the one unused longest went"
    assert set(few._kept) == {both[0].version, third.version}
    small = LowRank(tiny.module, most_bytes=first.bytes)
    small.load(both[0])
    small.load(both[1])
    assert set(small._kept) == {both[1].version}


async def test_one_that_cannot_be_read_fails_its_own_replies(tiny_folder, tiny, both) -> None:
    def gone() -> bytes:
        raise WeightsError("It was deleted.")

    broken = adapters.described(both[0].about(), sha256="0" * 64, read=gone)
    unfit = adapter_for(tiny, seed=4)
    state = {name.replace("layers.0", "layers.9"): one for name, one in load(unfit.read()).items()}
    other = adapters.described(unfit.about(), sha256="1" * 64, read=lambda: save(state))
    generator = Generator(tiny_folder, precision="fp32", threads=1)
    generator.start()
    try:
        with pytest.raises(GeneratorFailed, match="It was deleted"):
            await collected(generator.adapted(broken), PROMPT)
        with pytest.raises(GeneratorFailed, match="has not"):
            await collected(generator.adapted(other), PROMPT)
        assert await collected(generator, PROMPT)
    finally:
        await asyncio.to_thread(generator.stop)


# ---------------------------------------------------------------- the one file


def test_a_file_says_what_it_is_for(tiny) -> None:
    adapter = adapter_for(tiny, seed=5)
    again = adapters.unpacked(adapter.read())
    assert again == adapter
    assert adapters.packed(adapter) == adapter.read()


@pytest.mark.parametrize("change", [{"prompt": "{sources}"}, {"source": "x"}, {"scale": float("inf")}])
def test_a_file_that_does_not_say_how_it_is_used_is_refused(tiny, change) -> None:
    adapter = adapter_for(tiny, seed=5)
    about = json.dumps(adapter.about() | change)
    with pytest.raises(WeightsError, match="does not say"):
        adapters.unpacked(save(load(adapter.read()), metadata={adapters.ABOUT: about}))


def test_hostile_files_are_refused(tiny) -> None:
    adapter = adapter_for(tiny, seed=5)
    data, about = adapter.read(), {adapters.ABOUT: json.dumps(adapter.about())}
    state = load(data)
    first = next(name for name in state if "lora_A" in name)
    for bad in (
        b"",
        b"not safetensors",
        (2**40).to_bytes(8, "little") + data[8:],
        data[:-5],
        save(state),
        save({}, metadata=about),
        save({first: state[first]}, metadata=about),
        save(state | {first: state[first][:1]}, metadata=about),
        save(state | {first: torch.full_like(state[first], float("nan"))}, metadata=about),
    ):
        with pytest.raises(WeightsError):
            adapters.unpacked(bad)
