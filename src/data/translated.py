"""The border to the MongoDB driver: above this line nobody sees one of its exceptions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bson.errors import BSONError
from bson.objectid import ObjectId
from pymongo.errors import DuplicateKeyError, PyMongoError

from src.errors import RequestInvalid, StoreUnavailable


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into ours; a ``DuplicateKeyError`` passes, for the caller knows what it means.

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
    """The id that this text is, or ``None`` when it is not one (``ObjectId(None)`` would make a new id)."""
    return ObjectId(text) if isinstance(text, str) and ObjectId.is_valid(text) else None
