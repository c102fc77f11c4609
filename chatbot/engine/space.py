"""The space that one FAQ is searched in: what all its questions share is taken away, what tells them apart is kept.

Sentence encoders put all texts of one FAQ into a narrow cone, so plain cosines differ in the second decimal. Vectors
are centred (Mu and Viswanath, All-but-the-Top, ICLR 2018) and whitened by how the wordings of one entry vary among
themselves (Hatch, Kajarekar and Stolcke, Within-class covariance normalization, Interspeech 2006).
"""

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chatbot.engine.arrays import Kind, Vectors

# Share of the within-entry covariance beside the identity: more removes more of how wordings vary.
WITHIN = 0.3
# Prototype refinement: softmax temperature, step, pull back to the mean, steps, and the work it may take.
TEMPERATURE = 8.0
STEP = 0.5
PULL = 0.03
STEPS = 10
WORK = 24_000_000
CHUNK = 2048
# An FAQ's own centre is as good as the general one from this many entries on.
GENERAL_ENTRIES = 3
# Means of any two kinds of text are nearly parallel under one encoder, and unrelated under two.
SAME_ENCODER_COSINE = 0.5
BACKGROUND = Path(__file__).with_name("background.json")


@dataclass(frozen=True, kw_only=True)
class Space:
    """Turns encoder vectors into vectors of one FAQ's space."""

    centre: Vectors
    whitening: Vectors

    def __call__(self, vectors: Vectors) -> Vectors:
        """Return unit vectors in this space: [..., dim] -> [..., dim]."""
        return unit((vectors - self.centre) @ self.whitening)


@functools.cache
def background(kind: Kind) -> Vectors:
    """Return the mean vector [dim] of public questions or passages under the bundled encoder."""
    return np.array(json.loads(BACKGROUND.read_text())[kind], np.float32)


def centre_of(means: NDArray[np.floating], kind: Kind) -> Vectors:
    """Return the centre [dim] of an FAQ from its entries' mean vectors [entries, dim].

    A handful of entries are mostly centred on what is general, for their own mean would take away what they are
    about; an encoder that the background is not of gets the plain mean.
    """
    own = means.mean(0, dtype=np.float32)
    general = background(kind)
    if general.shape != own.shape or unit(general) @ unit(own) < SAME_ENCODER_COSINE:
        return own
    share = len(means) / (len(means) + GENERAL_ENTRIES)
    return (share * own + (1 - share) * general).astype(np.float32)


def unit(vectors: NDArray[np.floating]) -> Vectors:
    """Return vectors of length one; a vector of zeros stays."""
    return (vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)).astype(np.float32)


def fit_space(questions: Vectors, starts: NDArray[np.int64], centre: Vectors) -> Space:
    """Fit the space to questions [n, dim], whose entries begin at `starts`, around a centre [dim]."""
    dim = questions.shape[1]
    counts = np.diff(np.append(starts, len(questions)))
    means = np.add.reduceat(questions, starts) / counts[:, None]
    spread = questions - np.repeat(means, counts, axis=0)
    within = spread.T @ spread
    scale = float(np.trace(within)) / dim
    if len(questions) == len(starts) or scale < 1e-9:
        return Space(centre=centre, whitening=np.eye(dim, dtype=np.float32))
    values, axes = np.linalg.eigh(np.eye(dim) + WITHIN * within.astype(np.float64) / scale)
    return Space(centre=centre, whitening=(axes / np.sqrt(values)).astype(np.float32))


def prototypes(questions: Vectors, starts: NDArray[np.int64]) -> Vectors:
    """Return one vector per entry [entries, dim] for unit questions of the space [n, dim].

    It begins as the mean direction and is moved, by a few accelerated gradient steps on the softmax over entries, away
    from the questions of others; entries weigh the same however many wordings they have. The work is bounded: a very
    large FAQ gets fewer steps, or none.
    """
    counts = np.diff(np.append(starts, len(questions)))
    first = unit(np.add.reduceat(questions, starts))
    steps = min(STEPS, WORK // max(len(questions) * len(starts), 1))
    owners = np.repeat(np.arange(len(starts)), counts)
    weights = (STEP / counts[owners]).astype(np.float32)[:, None]
    now = before = first
    for step in range(steps):
        ahead = now + (step / (step + 3)) * (now - before)
        slope = np.zeros_like(first)
        for begin in range(0, len(questions), CHUNK):
            rows = slice(begin, begin + CHUNK)
            errors = softmax(TEMPERATURE * (questions[rows] @ ahead.T))
            errors[np.arange(len(errors)), owners[rows]] -= 1
            slope += (errors * weights[rows]).T @ questions[rows]
        before, now = now, ahead - slope - PULL * (ahead - first)
    return now.astype(np.float32)


def softmax(scores: Vectors) -> Vectors:
    """Return each row's softmax: [rows, n] -> [rows, n]."""
    shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)
