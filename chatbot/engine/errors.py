"""What the engine refuses, by name."""


class EngineError(Exception):
    """Something the engine could not do; the subclasses say what."""


class EngineOverloaded(EngineError):
    """The queue is full: ask again in a moment."""


class EngineStopped(EngineError):
    """The engine is not running: it has not started, or the server is shutting down."""


class EngineFailed(EngineError):
    """The model failed on this batch; the cause is chained and logged."""


class WeightsError(EngineError):
    """The model's files cannot be used; the message says which file, what is wrong and what to do."""


class GeneratorError(EngineError):
    """Text that could not be generated; the subclasses say why."""


class GeneratorBusy(GeneratorError):
    """Too many requests are waiting: ask again in a moment, or answer without."""


class GeneratorStopped(GeneratorError):
    """The generator is not running: it has not started, or the server is shutting down."""


class GeneratorLate(GeneratorError):
    """The request's deadline passed before its text was complete."""


class GeneratorFailed(GeneratorError):
    """The model failed on this request; the cause is chained and logged. The next request is served."""


class PromptTooLong(GeneratorFailed):
    """The prompt and the tokens asked for do not fit into the context; the message says by how much."""
