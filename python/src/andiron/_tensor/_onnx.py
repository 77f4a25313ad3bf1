"""What an export to ONNX leaves out: every check, because nothing in ONNX refuses an input.

The normalisation and the zeros for tiny values are carried.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from .._record import emit

if TYPE_CHECKING:
    from ._checker import Checker


def in_onnx() -> bool:
    """Tell whether the graph that is made is for ONNX. torch.onnx.export(dynamo=True) of old versions does not say."""
    return bool(sys.modules["torch"].onnx.is_in_onnx_export())


# What makes other graphs takes the answer for a constant.
in_onnx._dynamo_marked_constant = True  # type: ignore[attr-defined]


def left_out(checker: Checker, group: str) -> None:
    """Log that the checks of a group are not in the export."""
    emit(
        checker.logger, logging.WARNING, "tensor", outcome="left out of ONNX", where=checker.where,
        schema=checker.schema.sha256, rules=[f"all of {s.name}" for s in checker.schema.specs(group)],
    )  # fmt: skip
