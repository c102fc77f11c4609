"""The process that builds one large index (see `index_apart`), without torch and out of the chats' way.

It gets its order as one line of JSON on standard input, and writes the index to a file that it has inherited. On
standard output it says what it needs, a line of JSON each: texts to be embedded, whose vectors it then reads, and at
last what became of the order.
"""

import json
import os
import sys
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbot.settings")
# A large FAQ is tokenized on one core; the others are the chats'.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
django.setup()

# Django must be set up before anything that has models is imported.
import numpy as np  # noqa: E402
from django.conf import settings  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

from chatbot import background, index_builder  # noqa: E402
from chatbot.engine import stored_index  # noqa: E402
from chatbot.engine.arrays import Kind, Vectors  # noqa: E402
from chatbot.index_apart import order_from_json  # noqa: E402


def main() -> None:
    """Carry out the order on standard input."""
    background.give_way()
    request = json.loads(sys.stdin.buffer.readline())
    settings.DATABASES["default"]["NAME"] = request["database"]
    order = order_from_json(request["order"])
    tokenizer = Tokenizer.from_file(request["tokenizer"])
    tokenizer.no_padding()
    tokenizer.enable_truncation(request["max_tokens"])

    def tokenize(texts: list[str]) -> list[list[int]]:
        return [found.ids for found in tokenizer.encode_batch(texts, add_special_tokens=False)]

    def embed(texts: list[str], kind: Kind) -> Vectors:
        _say({"embed": {"kind": kind, "texts": texts}})
        data = sys.stdin.buffer.read(len(texts) * order.dim * np.dtype(np.float32).itemsize)
        return np.frombuffer(data, np.float32).reshape(len(texts), order.dim)

    built = index_builder.build(order, tokenize=tokenize, embed=embed)
    if built.index is not None:
        with os.fdopen(request["file"], "wb", closefd=False) as file:
            stored_index.write(built.index, file)
    _say({"built": {"is_whole": built.is_whole, "has_index": built.index is not None}})


def _say(message: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(message).encode() + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
