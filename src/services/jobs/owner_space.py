"""Limits the space that an owner's files may take, including space reserved for data that is still arriving.

Each account has a quota (``USER_QUOTA_MB``). Owners without an account (guest sessions and addresses) have a quota each
(``ANONYMOUS_QUOTA_MB``) and share a part of the disk (``ANONYMOUS_DISK_PERCENT``). The archive of callers that need no
token belongs to the operator and has no quota (ADR 9).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta

from src.data.archive_data import ArchiveData
from src.data.space_data import Held, SpaceData
from src.data.video_data import VideoData
from src.errors import QuotaExceeded
from src.models.video import Owner, OwnerKind
from src.services.file_store import FileStore
from src.utils.clock import Clock

# A reservation that is not extended belonged to a process that died.
HOLD_SECONDS = 900.0
_ALL_ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Usage:
    """The bytes of an owner's files, including reservations, and the quota (``None``: unlimited)."""

    used_bytes: int
    quota_bytes: int | None


@dataclass(frozen=True, slots=True)
class _Limit:
    """One quota that applies to an owner: its size, and a function that counts the owner's files except some ids."""

    name: str
    quota_bytes: int
    files: Callable[[Collection[str]], int]
    message: str | None = None


class OwnerSpace:
    """Checks quotas and reserves space. Every method may raise ``StoreUnavailable``. A limit of 0 is off."""

    def __init__(
        self,
        space: SpaceData,
        jobs: VideoData,
        archive: ArchiveData,
        files: FileStore,
        clock: Clock,
        *,
        user_quota_bytes: int = 0,
        anonymous_quota_bytes: int = 0,
        anonymous_percent: float = 0,
    ) -> None:
        """Set the limits. ``anonymous_percent``: share of the ``DOWNLOADS_DIR`` disk for all anonymous owners."""
        self._space, self._jobs, self._archive, self._files, self._clock = space, jobs, archive, files, clock
        self._user_quota, self._anonymous_quota = user_quota_bytes, anonymous_quota_bytes
        self._anonymous_percent = anonymous_percent

    def usage(self, owner: Owner) -> Usage:
        """Return the used bytes and the quota of an owner."""
        name = _name(owner)
        held = self._space.read(name, self._clock.now()).holds
        used = self._files_of(owner, held) + sum(each.size_bytes for each in held.values())
        return Usage(used, next((limit.quota_bytes for limit in self._limits(owner) if limit.name == name), None))

    def require(self, owner: Owner, more_bytes: int = 0, *, without: str = "") -> None:
        """Refuse new work, or a file of ``more_bytes``, that the owner has no room for. ``without``: the id of a
        reservation that was made for this file already.

        Raises:
            QuotaExceeded: the owner's files take the whole quota, or would exceed it with this file.
        """
        for limit in self._limits(owner):
            held = dict(self._space.read(limit.name, self._clock.now()).holds)
            used = limit.files(held)
            held.pop(without, None)
            used += sum(each.size_bytes for each in held.values())
            if used >= limit.quota_bytes or used + more_bytes > limit.quota_bytes:
                raise _exceeded(limit, used)

    def hold(self, owner: Owner, hold_id: str, size_bytes: int, *, seconds: float = HOLD_SECONDS) -> None:
        """Reserve ``size_bytes`` in all for an upload or a job. ``hold_id`` is the id of the record that will name the
        file: once it does, the file counts instead of the reservation.

        Raises:
            QuotaExceeded: the owner, or all anonymous owners together, would exceed a quota.
        """
        taken: list[_Limit] = []
        for limit in self._limits(owner):
            try:
                self._hold(limit, hold_id, size_bytes, seconds)
            except QuotaExceeded:
                for earlier in taken:
                    self._drop(earlier.name, hold_id)
                raise
            taken.append(limit)

    def release(self, owner: Owner, hold_id: str) -> None:
        """Release the reservation of an upload or a job: its file has a record, or will not exist."""
        for name in self._limit_names(owner):
            self._drop(name, hold_id)

    def is_limited(self, owner: Owner) -> bool:
        """Whether this owner has a quota besides the free disk space."""
        return bool(self._limit_names(owner))

    def _hold(self, limit: _Limit, hold_id: str, size_bytes: int, seconds: float) -> None:
        while True:
            now = self._clock.now()
            share = self._space.read(limit.name, now)
            # Files are counted after the share is read, and each reservation counts instead of its file: data that
            # becomes a file meanwhile is counted once, and a release meanwhile changes the version.
            others = {key: held for key, held in share.holds.items() if key != hold_id}
            used = limit.files([*share.holds, hold_id]) + sum(held.size_bytes for held in others.values())
            if used + size_bytes > limit.quota_bytes:
                raise _exceeded(limit, used)
            mine = {hold_id: Held(size_bytes, now + timedelta(seconds=seconds))}
            if self._space.write(share, {**others, **mine}):
                return

    def _drop(self, name: str, hold_id: str) -> None:
        while True:
            share = self._space.read(name, self._clock.now())
            if hold_id not in share.holds:
                return
            if self._space.write(share, {key: held for key, held in share.holds.items() if key != hold_id}):
                return

    def _limit_names(self, owner: Owner) -> list[str]:
        """The names of the quotas that apply. Unlike ``_limits`` this reads no disk and cannot fail."""
        if owner.kind is OwnerKind.USER:
            return [_name(owner)] if self._user_quota else []
        if not owner.is_anonymous:
            return []
        quotas = {_name(owner): self._anonymous_quota, _ALL_ANONYMOUS: self._anonymous_percent}
        return [name for name, quota in quotas.items() if quota]

    def _limits(self, owner: Owner) -> Iterator[_Limit]:
        for name in self._limit_names(owner):
            if name != _ALL_ANONYMOUS:
                quota = self._user_quota if owner.kind is OwnerKind.USER else self._anonymous_quota
                yield _Limit(name, quota, lambda without: self._files_of(owner, without))
                continue
            disk = shutil.disk_usage(self._files.downloads).total
            yield _Limit(
                _ALL_ANONYMOUS,
                int(disk * self._anonymous_percent / 100),
                self._jobs.bytes_of_anonymous,
                "Downloads without an account have used up their shared disk space: try again later.",
            )

    def _files_of(self, owner: Owner, without: Collection[str]) -> int:
        return self._jobs.bytes_of(owner, without) + self._archive.uploaded_bytes(owner, without)


def _name(owner: Owner) -> str:
    return f"{owner.kind.value}:{owner.id}"


def _exceeded(limit: _Limit, used: int) -> QuotaExceeded:
    if limit.message is not None:  # the usage of other owners is private
        return QuotaExceeded(limit.message)
    quota = limit.quota_bytes / 1e6
    return QuotaExceeded(used_mb=round(used / 1e6, 1), quota_mb=int(quota) if quota.is_integer() else round(quota, 1))
