"""Which model answers for each profile in this process: the shipped one, or a version with its tuned layers loaded."""

import logging
from collections.abc import Collection
from dataclasses import dataclass

from chatbot import version_adapters, versions
from chatbot.answering.rank import RankerError, Weights, weights_from_json
from chatbot.engine.errors import WeightsError
from chatbot.engine.generator.adapters import Adapter
from chatbot.engine.runtime import Engine
from chatbot.engine.upper import Upper
from chatbot.models import LiveVersion, ModelVersion

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Model:
    """A version as it answers: the name that answers carry, its upper layers, its ranker (None: the shipped one).

    `adapter` is what its generator writes with, if anything.
    """

    name: str
    upper: Upper
    weights: Weights | None
    adapter: Adapter | None = None


class LiveModels:
    """The models that one engine answers with; each version is loaded once, and dropped when nobody needs it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.shipped = Model(name=engine.version, upper=engine.base, weights=None)
        self._loaded: dict[int, Model] = {}
        self._live: dict[int, int] = {}

    def refresh(self, profile_ids: Collection[int]) -> None:
        """Look at the table which versions are live, and load those that are new."""
        rows = LiveVersion.objects.filter(profile__in=profile_ids, version__isnull=False)
        self._live = dict(rows.values_list("profile_id", "version_id"))
        wanted = set(self._live.values())
        self._loaded = {pk: model for pk, model in self._loaded.items() if pk in wanted}
        for version in ModelVersion.objects.filter(pk__in=wanted - self._loaded.keys()):
            self._loaded[version.pk] = self._load(version)

    def of(self, profile_id: int) -> Model:
        """Return the model that is to answer for a profile."""
        return self._loaded.get(self._live.get(profile_id, 0), self.shipped)

    def _load(self, version: ModelVersion) -> Model:
        """Load a version; where that cannot be, the shipped model answers, for a chat without any is worse."""
        try:
            return load(version, engine=self._engine)
        except (WeightsError, RankerError) as error:
            logger.error("%s is live but cannot be loaded, so the shipped model answers: %s", version, error)  # noqa: TRY400
            return self.shipped


def load(version: ModelVersion, *, engine: Engine) -> Model:
    """Load a version. Raises WeightsError, RankerError."""
    if version.base != engine.version:
        raise WeightsError(
            f"It was trained on the encoder {version.base}, but ENCODER_MODEL is {engine.version}. Train again."
        )
    file = versions.load(version=version)
    upper = engine.base if file is None else engine.encoder.upper(version.vectors_key, file)
    return Model(
        name=version.name,
        upper=upper,
        weights=weights_from_json(version.ranker),
        adapter=version_adapters.adapter_of(version),
    )
