"""gunicorn writes its own log as we write ours: what it quotes of a broken request holds no token."""

from __future__ import annotations

from gunicorn.config import Config
from gunicorn.glogging import Logger

from src.config import Settings
from src.utils.logs import formatter


class ApiLog(Logger):  # type: ignore[misc]
    """The logger of the API's processes."""

    def setup(self, cfg: Config) -> None:
        """Give every handler of the error log our own form."""
        super().setup(cfg)
        form = formatter(Settings.load().log_format)
        for handler in self.error_log.handlers:
            handler.setFormatter(form)
