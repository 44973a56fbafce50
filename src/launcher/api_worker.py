"""gunicorn's threaded process, with connections that end in order: told to their client, and holding up nobody else."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

# gunicorn reads this much of a body that the application left; behind a longer one it ends the connection.
READ_AWAY_BYTES = 64 * 1024


class ApiWorker(ThreadWorker):  # type: ignore[misc]
    """Connections that end are closed by the thread that answered on them.

    gunicorn closes them in the thread that accepts, and waits there for up to two seconds until the client has closed
    as well (RFC 9112, 9.6): a few clients who take their time would make everybody wait.
    """

    wsgi: Callable[..., Any]

    def load_wsgi(self) -> None:
        """The application; who is refused with a body that is not read is told that the connection ends."""
        super().load_wsgi()
        self.wsgi = _tell_the_end(self.wsgi)

    def handle(self, conn: Any) -> Any:
        """Answer one request; False when the connection has ended."""
        kept = super().handle(conn)
        if kept is False:
            with contextlib.suppress(OSError):  # closed already
                conn.close(graceful=True)
            conn.close = _nothing_left
        return kept


def _tell_the_end(application: Callable[..., Any]) -> Callable[..., Any]:
    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            if status >= "4" and _may_be_left(environ):
                start_response.__self__.force_close()  # type: ignore[attr-defined]
            return start_response(status, headers, exc_info)

        return application(environ, start)

    return answer


def _may_be_left(environ: dict[str, Any]) -> bool:
    length = environ.get("CONTENT_LENGTH") or "0"
    return "HTTP_TRANSFER_ENCODING" in environ or not length.isdigit() or int(length) > READ_AWAY_BYTES


def _nothing_left(graceful: bool = False) -> None:
    """What the accepting thread does to a connection that is closed."""
