"""The query of ``/media/downloads/*``."""

from __future__ import annotations

from pydantic import Field

from src.routes.schemas.common import RequestBody


class LinkQuery(RequestBody):
    """What opens a link; made by this service."""

    expires: int = Field(default=0, ge=0, le=10**11)
    signature: str = Field(default="", max_length=64)
