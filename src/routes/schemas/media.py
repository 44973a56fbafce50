"""Defines the query of ``/media/downloads/*``."""

from __future__ import annotations

from pydantic import Field

from src.routes.schemas.common import RequestBody


class LinkQuery(RequestBody):
    """The expiry and signature of a link."""

    expires: int = Field(default=0, ge=0, le=10**11)
    signature: str = Field(default="", max_length=64)
