"""Defines the errors that keep the service from starting; their messages are for the operator."""

from __future__ import annotations


class CannotStart(Exception):
    """The service cannot start or continue; the message explains the reason and a remedy."""

    exit_code = 1
    """2 where a new start would fail as well until the operator has changed something."""


class StoreProgramMissing(CannotStart):
    """No program for an embedded store was found."""


class DataFolderUnusable(CannotStart):
    """The data folder cannot be created, or belongs to another user."""

    exit_code = 2


class DataFolderInUse(CannotStart):
    """Another instance uses this folder."""


class RecordsTooNew(CannotStart):
    """An older version could not read some records."""


class EngineTooOld(CannotStart):
    """The data were written by another or a newer engine than the available one."""


class PortInUse(CannotStart):
    """The API cannot listen on the configured address."""


class HostUnusable(CannotStart):
    """The API's address does not belong to this machine."""


class StoreUnreachable(CannotStart):
    """A configured server does not respond."""


class ChildFailed(CannotStart):
    """A child did not become ready, or died too often."""


class SettingsUnusable(ChildFailed):
    """A child ended because it can never start with its settings."""

    exit_code = 2
