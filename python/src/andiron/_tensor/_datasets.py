"""Checked data sets as torch wants them. Imported when torch is there, and not before."""

from __future__ import annotations

import torch.utils.data

from ._data import CheckedIterable, CheckedSequence


class Sequence(CheckedSequence, torch.utils.data.Dataset):  # type: ignore[misc]
    """A data set by index."""


class Iterable(CheckedIterable, torch.utils.data.IterableDataset):  # type: ignore[misc]
    """An iterable data set."""
