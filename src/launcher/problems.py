"""What can keep the service from starting; each message is meant for the person at the keyboard."""

from __future__ import annotations


class CannotStart(Exception):
    """The service cannot start, or cannot go on; the message says why and what helps."""


class StoreProgramMissing(CannotStart):
    """No program was found that could be the embedded store."""


class DataFolderUnusable(CannotStart):
    """The data folder cannot be made, or is not ours."""


class DataFolderInUse(CannotStart):
    """Another instance works on this folder."""


class EngineTooOld(CannotStart):
    """The data were written by another or a newer engine than the one at hand."""


class PortInUse(CannotStart):
    """The API cannot listen on the wanted address."""


class HostUnusable(CannotStart):
    """The API's address is none of this machine's."""


class StoreUnreachable(CannotStart):
    """A server of the settings does not answer."""


class ChildFailed(CannotStart):
    """A child did not become ready, or died too often."""
