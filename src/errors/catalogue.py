"""Lists all errors by code."""

from __future__ import annotations

from src.errors.base import AppError
from src.errors.service import InternalError


def catalogue() -> dict[str, type[AppError]]:
    """Return all concrete errors by code, in the order of their definition."""
    found: dict[str, type[AppError]] = {}
    pending = list(AppError.__subclasses__())
    while pending:
        error = pending.pop(0)
        pending.extend(error.__subclasses__())
        found.setdefault(error.code, error)  # not the one of the same code that refuses requests
    return found


def error_from_code(code: str, message: str) -> AppError:
    """Return a stored failure as an error, for callers that ask after the job has ended."""
    return catalogue().get(code, InternalError)(message)
