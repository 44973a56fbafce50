"""Formats gunicorn's log like the service's own, without the tokens of invalid requests that it quotes."""

from __future__ import annotations

from gunicorn.config import Config
from gunicorn.glogging import Logger

from src.config import Settings
from src.utils.logs import formatter


class ApiLog(Logger):  # type: ignore[misc]
    """The logger of the API processes."""

    def setup(self, cfg: Config) -> None:
        """Set the service's formatter on every handler of the error log."""
        super().setup(cfg)
        form = formatter(Settings.load().log_format)
        for handler in self.error_log.handlers:
            handler.setFormatter(form)

    def close_on_exec(self) -> None:
        """Do nothing: Python's files are closed on exec anyway, and to visit all loggers copies them in each fork."""
