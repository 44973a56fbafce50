"""gunicorn's threaded process, except that a client who does not close its connection holds up nobody else."""

from __future__ import annotations

import contextlib
from typing import Any

from gunicorn.workers.gthread import ThreadWorker


class ApiWorker(ThreadWorker):  # type: ignore[misc]
    """Connections that end are closed by the thread that answered on them.

    gunicorn closes them in the thread that accepts, and waits there for up to two seconds until the client has closed
    as well (RFC 9112, 9.6): a few clients who take their time would make everybody wait.
    """

    def handle(self, conn: Any) -> Any:
        """Answer one request; False when the connection has ended."""
        kept = super().handle(conn)
        if kept is False:
            with contextlib.suppress(OSError):  # closed already
                conn.close(graceful=True)
            conn.close = _nothing_left
        return kept


def _nothing_left(graceful: bool = False) -> None:
    """What the accepting thread does to a connection that is closed."""
