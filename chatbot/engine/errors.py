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
