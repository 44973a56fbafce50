"""Defines the base of all errors: a stable code, a kind, and who can act on the error."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import ClassVar

_WORD_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class ErrorKind(StrEnum):
    """The type of an error, which decides the HTTP status."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    PRECONDITION_FAILED = "precondition_failed"
    UNPROCESSABLE = "unprocessable"
    TOO_LARGE = "too_large"
    URI_TOO_LONG = "uri_too_long"
    UNSUPPORTED_TYPE = "unsupported_type"
    UPGRADE_REQUIRED = "upgrade_required"
    TOO_MANY = "too_many"
    TOO_SLOW = "too_slow"
    RANGE_NOT_SATISFIABLE = "range_not_satisfiable"
    JOB_FAILED = "job_failed"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"
    STORAGE_FULL = "storage_full"


class Remedy(StrEnum):
    """Who can act on an error. ``AppError.retried`` decides what the service retries by itself."""

    USER = "user"
    OPERATOR = "operator"
    LATER = "later"
    DEVELOPER = "developer"


class AppError(Exception):
    """Something went wrong."""

    code: ClassVar[str]
    kind: ClassVar[ErrorKind] = ErrorKind.INTERNAL
    remedy: ClassVar[Remedy] = Remedy.DEVELOPER
    passes_soon: ClassVar[bool] = True
    """Whether a temporary cause may pass within seconds; otherwise the error is reported at once, without retries."""
    retried: ClassVar[bool] = False
    """Whether the service retries by itself: by default for each ``LATER`` whose cause may pass soon."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.code = _WORD_BORDER.sub("_", cls.__name__).upper()
        if "retried" not in vars(cls):
            cls.retried = cls.remedy is Remedy.LATER and cls.passes_soon

    def __init__(self, message: str | None = None, **details: object) -> None:
        """``message`` defaults to the class docstring; ``details`` are JSON values for the caller."""
        self.message = message or (type(self).__doc__ or "").strip()
        self.details = details
        super().__init__(self.message)


AppError.code = "APP_ERROR"
