"""Checks training data where they are loaded."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ._checker import Checker, Mode
from ._given import is_tensor
from ._schema import Schema
from ._validate import SchemaLike, as_schema

Fields = Sequence[str] | None


class Samples:
    """Finds the tensors of a sample: inputs and labels of the schema by name.

    A mapping has them by name; a tuple or list has them in the order of fields, which
    by default are the inputs and then the labels, as the schema has them. A field that
    is ``None`` or empty is not checked. A number of Python is the tensor that
    ``default_collate`` makes of it.
    """

    def __init__(self, schema: Schema, fields: Fields, mode: Mode | None, where: str) -> None:
        self.schema = schema
        self.known = {name: group for group in ("labels", "inputs") for name in schema.groups[group]}
        self.fields = tuple(schema.groups["inputs"]) + tuple(schema.groups["labels"]) if fields is None else fields
        for name in self.fields:
            if name and name not in self.known:
                raise ValueError(f"field {name!r} is no input or label of the schema: {', '.join(self.known)}")
        self.checker = Checker(schema, where, mode=mode)

    def check(self, sample: Any, where: str) -> Any:
        """Check a sample, and return it. Raises TensorValidationError."""
        named = self.named(sample)
        dims: dict[str, int] = {}
        for group in ("inputs", "labels"):
            values = {name: number(v) for name, v in named.items() if self.known.get(name, "inputs") == group}
            if self.schema.groups[group]:
                dims = self.checker.check(group, values, dims, where=where)
        return sample

    def named(self, sample: Any) -> dict[str, Any]:
        if isinstance(sample, Mapping):
            # What is no tensor, such as a file's name, is nobody's business.
            return {str(k): v for k, v in sample.items() if v is not None and (k in self.known or is_tensor(v))}
        if isinstance(sample, (tuple, list)):
            if len(sample) != len(self.fields):
                raise ValueError(f"a sample has {len(sample)} fields, not {len(self.fields)}: {', '.join(self.fields)}")
            return {name: value for name, value in zip(self.fields, sample, strict=True) if name}
        return {self.fields[0]: sample} if self.fields else {}


def number(value: Any) -> Any:
    """Return a number of Python as torch or numpy has it, and all else as it is."""
    if type(value) not in (int, float, bool):
        return value
    torch = sys.modules.get("torch")
    try:
        if torch is not None:
            return torch.tensor(value, dtype=torch.float64 if type(value) is float else None)
        numpy = sys.modules.get("numpy")
        return value if numpy is None else numpy.array(value)
    except (OverflowError, RuntimeError, ValueError):  # no int64
        return value


def checked_collate(
    schema: SchemaLike,
    collate: Callable[[list[Any]], Any] | None = None,
    *,
    fields: Fields = None,
    mode: Mode | None = None,
) -> Callable[[list[Any]], Any]:
    """Return a ``collate_fn`` whose batches are checked against a schema.

    collate: makes the batch; default is torch's ``default_collate``.
    fields: the names of what a batch has, where it is a tuple; default are the inputs
        and then the labels, in the order of the schema. An empty name is not checked.
    mode: ``enforce`` raises, ``shadow`` only logs; default is what the schema says.

    Raises TensorValidationError when a batch is made; SchemaError or ValueError at once.
    """
    samples = Samples(as_schema(schema), fields, mode, "collate")
    return CheckedCollate(samples, collate)


class CheckedCollate:
    """Makes batches, and checks them. Workers of a DataLoader get a copy."""

    def __init__(self, samples: Samples, collate: Callable[[list[Any]], Any] | None) -> None:
        self.samples = samples
        self.collate = collate

    def __call__(self, batch: list[Any]) -> Any:
        collate = self.collate or importlib.import_module("torch.utils.data").default_collate
        return self.samples.check(collate(batch), f"batch of {len(batch)}")


def checked_dataset(dataset: Any, schema: SchemaLike, *, fields: Fields = None, mode: Mode | None = None) -> Any:
    """Return a data set whose samples are checked against a schema as they are read.

    dataset: one of torch, by index or iterable, or any sequence.
    schema: one that was read, or the path of its file. It is about single samples: a
        schema of batches is for :func:`checked_collate`.
    fields: the names of what a sample has, where it is a tuple; default are the inputs
        and then the labels, in the order of the schema. An empty name is not checked.
    mode: ``enforce`` raises, ``shadow`` only logs; default is what the schema says.

    Raises TensorValidationError, whose ``where`` names the sample, when one is read;
    SchemaError or ValueError at once.
    """
    samples = Samples(as_schema(schema), fields, mode, type(dataset).__qualname__)
    torch = sys.modules.get("torch")
    iterable = not hasattr(dataset, "__getitem__")
    if torch is not None and isinstance(dataset, torch.utils.data.IterableDataset):
        iterable = True
    return _kind(torch, iterable)(dataset, samples)


class CheckedSequence:
    """A data set by index."""

    def __init__(self, dataset: Any, samples: Samples) -> None:
        self.dataset = dataset
        self.samples = samples

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: Any) -> Any:
        return self.samples.check(self.dataset[index], f"{self.samples.checker.where}[{index}]")

    def __getitems__(self, indices: list[Any]) -> list[Any]:
        return [self[index] for index in indices]


class CheckedIterable:
    """An iterable data set."""

    def __init__(self, dataset: Any, samples: Samples) -> None:
        self.dataset = dataset
        self.samples = samples

    def __iter__(self) -> Iterator[Any]:
        for n, sample in enumerate(self.dataset):
            yield self.samples.check(sample, f"sample {n} of {self.samples.checker.where}")


def _kind(torch: Any, iterable: bool) -> Any:
    """Return a class that DataLoader takes for what it is."""
    base = CheckedIterable if iterable else CheckedSequence
    if torch is None:
        return base
    from . import _datasets

    return _datasets.Iterable if iterable else _datasets.Sequence
