"""The one generator of this process: loaded when a profile may use it, in the background, so that no chat waits."""

import functools
import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from chatbot.engine import weights
from chatbot.engine.errors import WeightsError

if TYPE_CHECKING:
    # Importing it takes torch and transformers, seconds that a site which starts has no time for.
    from chatbot.engine.generator.adapters import Adapter
    from chatbot.engine.generator.generator import Adapted, Generator

logger = logging.getLogger(__name__)

NONE = "none"
NICENESS = 10
STOP_SECONDS = 60.0
LOOK_SECONDS = 0.5


class Generation:
    """Loads the generator beside the site, and holds it; None until then, and where none is set or can be had."""

    def __init__(self) -> None:
        self.generator: Generator | None = None
        self._has_failed = False
        self._stopping = threading.Event()
        self._wanted = threading.Event()
        self._after: threading.Event | None = None
        self._loader = self._new_loader()

    def start(self, *, after: threading.Event | None = None) -> None:
        """Begin to load once it is wanted and `after` is set, and return at once."""
        self._after = after
        self._has_failed = False
        self._stopping.clear()
        if self._loader.ident is not None:
            self._loader = self._new_loader()
        self._loader.start()

    def want(self) -> None:
        """Have the generator loaded, if it is not: a gigabyte is not held for answers that need none."""
        self._wanted.set()

    @property
    def state(self) -> str:
        """Return how far it is: "none" where nobody may use one (yet), "loading", "ready", or "failed" to load."""
        if self.generator is not None:
            return "ready"
        if self._has_failed:
            return "failed"
        return "loading" if self._wanted.is_set() and self._loader.is_alive() else "none"

    def speaking(self, adapter: "Adapter | None") -> "Generator | Adapted | None":
        """Return the generator, with a profile's own adapter if it has one; None until it is loaded."""
        if self.generator is None or adapter is None or adapter.base != self.generator.version:
            return self.generator
        return self.generator.adapted(adapter)

    def wait(self) -> None:
        """Return when the loading that was begun has come to an end; at once where the generator is not wanted."""
        if self._wanted.is_set():
            self._loader.join()

    def stop(self) -> None:
        """End the generator; what it writes fails with GeneratorStopped."""
        self._stopping.set()
        if self._loader.is_alive():
            self._loader.join(STOP_SECONDS)
        if self.generator is not None:
            self.generator.stop()
            self.generator = None

    def _new_loader(self) -> threading.Thread:
        return threading.Thread(target=self._load, name="generator-loader", daemon=True)

    def _load(self) -> None:
        for needed in filter(None, (self._wanted, self._after)):
            while not needed.wait(LOOK_SECONDS):
                if self._stopping.is_set():
                    return
        from chatbot.engine import hardware

        hardware.give_way(NICENESS)
        try:
            generator = load()
        except WeightsError as error:
            self._has_failed = True
            logger.error("Answers are composed without a generator: %s", error)  # noqa: TRY400 -- says it all
            return
        except Exception:
            self._has_failed = True
            logger.exception("The generator could not be loaded; answers are composed without")
            return
        if generator is None or self._stopping.is_set():
            return
        generator.start()
        self.generator = generator
        model = generator.model
        logger.info(
            "Generator %s on %s, %s, %d threads", model.version, model.device, model.precision, model.threads
        )


def version_for(locale: str) -> str:
    """Return the version of the generator that writes in a locale; empty where none is installed (yet).

    One generator writes in all of them; nothing is loaded, converted or fetched for this.
    """
    folder = _place()
    if not locale or folder is None:
        return ""
    if not (folder / weights.WEIGHTS).is_file():
        version = "" if settings.GENERATOR_MODEL else weights.GENERATOR.version
    else:
        version = _fingerprint(folder, (folder / weights.WEIGHTS).stat().st_mtime_ns)
    adapter = shared_adapter()
    if adapter is None or not version:
        return version
    try:
        return f"{version}+{weights.adapter_version(adapter)}"
    except WeightsError as error:
        logger.error("Answers are composed without a generator: %s", error)  # noqa: TRY400 -- says it all
        return ""


def version_with(adapter: "Adapter | None", *, locale: str) -> str:
    """Return the version of what writes in a locale for a profile with an adapter of its own.

    Where that is of another generator than is installed, the installed one writes without.
    """
    version = version_for(locale)
    return f"{version}+{adapter.version}" if adapter is not None and adapter.base == version else version


@functools.lru_cache(maxsize=4)
def _fingerprint(folder: Path, _changed_ns: int) -> str:
    return weights.fingerprint(folder)


def load(locale: str = "", *, seconds: float | None = None) -> "Generator | None":
    """Load the generator (some 10 s), and return it not yet started; None where none is set. Raises WeightsError.

    One generator writes in all locales; the locale is whose it is asked for. `seconds` bound one reply, and how long it
    may wait to be begun; by default as for visitors.
    """
    folder = prepare()
    if folder is None:
        return None
    from chatbot.engine.generator.generator import Generator

    return Generator(
        folder,
        precision=settings.GENERATOR_PRECISION,
        threads=settings.GENERATOR_THREADS,
        adapter=shared_adapter(),
        queue=settings.GENERATOR_QUEUE,
        wait=seconds or settings.GENERATOR_WAIT_SECONDS,
        max_tokens=settings.GENERATOR_MAX_TOKENS,
        seconds=seconds or settings.GENERATOR_DEADLINE_SECONDS,
    )


def prepare() -> Path | None:
    """Return the checked folder of the model that the settings choose, made or fetched first. Raises WeightsError."""
    if _place() is None:
        return None
    return weights.prepare(
        settings.GENERATOR_MODEL or None,
        settings.MODEL_DIR,
        pinned_sha256=settings.GENERATOR_SHA256 or None,
        shipped=weights.GENERATOR,
    )


def shared_adapter() -> Path | None:
    """Return the folder of the adapter in the weights of the generator; the bundled model has one of its own."""
    if settings.GENERATOR_ADAPTER == NONE:
        return None
    if settings.GENERATOR_ADAPTER:
        return Path(settings.GENERATOR_ADAPTER)
    return None if settings.GENERATOR_MODEL else weights.GENERATOR_ADAPTER


def _place() -> Path | None:
    """Return the folder of the model that the settings choose, or None where they choose none."""
    if settings.GENERATOR_MODEL == NONE:
        return None
    return weights.place(settings.GENERATOR_MODEL or None, settings.MODEL_DIR, shipped=weights.GENERATOR)


generation = Generation()
