"""Structured log records: one JSON object per event."""

from __future__ import annotations

import json
import logging
from typing import Any


def emit(logger: logging.Logger, level: int, event: str, **fields: Any) -> None:
    """Log an event. The message is JSON; the same fields are in ``record.andiron``."""
    if not logger.isEnabledFor(level):
        return
    body = {"event": event, **{key: value for key, value in fields.items() if value not in ("", None, (), [])}}
    logger.log(level, "%s", json.dumps(body, default=str), extra={"andiron": body})
