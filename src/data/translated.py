"""Translates exceptions of the MongoDB driver into errors of this project."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bson.errors import BSONError
from bson.objectid import ObjectId
from pymongo.errors import DuplicateKeyError, PyMongoError

from src.errors import RequestInvalid, StoreUnavailable


@contextmanager
def translated() -> Iterator[None]:
    """Translate the driver's errors; a ``DuplicateKeyError`` passes, because its meaning depends on the caller.
    Raises:
        StoreUnavailable: the server cannot be reached or refused the operation.
        RequestInvalid: a value that MongoDB cannot hold (an integer above 64 bits, a lone surrogate).
    """
    try:
        yield
    except DuplicateKeyError:
        raise
    except PyMongoError as error:
        raise StoreUnavailable() from error
    except (BSONError, OverflowError, UnicodeError) as error:
        raise RequestInvalid("A value in the request cannot be stored.") from error


def object_id(text: object) -> ObjectId | None:
    """Return the text as an id, or ``None`` when it is not one (``ObjectId(None)`` would create a new id)."""
    return ObjectId(text) if isinstance(text, str) and ObjectId.is_valid(text) else None
