"""Prepares the embedded stores: a private mongod and a private Valkey on unix sockets, without open ports."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from src.launcher import data_folder, programs
from src.launcher.processes import ChildSpec, Stage

DATABASE = "yt_downloader"
_LARGEST_LOG_BYTES = 5_000_000

# The needs of a small private mongod: 17 MB of disk at first instead of 301, and 85 MB of memory. Its storage engine
# clears the memory of all sessions that there may be at the start, by default of 33,000 (46 MB). An operation that runs
# has one, and a driver runs a hundred at once per process.
_MONGOD_OPTIONS = (
    "--wiredTigerCacheSizeGB=0.25",
    "--wiredTigerEngineConfigString=log=(prealloc=false,file_max=16MB),session_max=2500",
    "--setParameter=diagnosticDataCollectionEnabled=false",
    "--enableFreeMonitoring=off",  # otherwise it may send reports to MongoDB
    "--networkMessageCompressors=disabled",  # no benefit on a socket
    "--slowms=2000",
    "--quiet",
)
_VALKEY_OPTIONS = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "appendonly": "yes",
    "appendfsync": "everysec",  # a killed process loses nothing, a power failure one second
    "save": "",
    # When memory is short, only keys that expire may be evicted: the cache, never a queue.
    "maxmemory": "256mb",
    "maxmemory-policy": "volatile-ttl",
    "loglevel": "notice",
}


@dataclass(frozen=True)
class EmbeddedStores:
    """The child processes to run, and their addresses. An address is empty for a store that is not embedded."""

    children: tuple[ChildSpec, ...]
    mongodb_uri: str
    redis_uri: str


@contextmanager
def embedded_stores(
    folder: Path, *, mongodb: bool = True, redis: bool = True, mongod_options: Sequence[str] = ()
) -> Iterator[EmbeddedStores]:
    """Own the folder and prepare the wanted stores in it; a `Supervisor` starts them later.

    Raises:
        DataFolderInUse, EngineTooOld, StoreProgramMissing: the message has a remedy.
    """
    folder = data_folder.make_private(folder)
    with data_folder.only_owner(folder) as lock, data_folder.socket_folder(folder) as sockets:
        children: list[ChildSpec] = []
        mongodb_uri = redis_uri = ""
        if mongodb:
            address = sockets / "mongodb.sock"
            children.append(_mongod(folder, address, lock, mongod_options))
            mongodb_uri = f"mongodb://{quote(str(address), safe='')}/{DATABASE}"
        if redis:
            address = sockets / "redis.sock"
            children.append(_valkey(folder, address, lock))
            redis_uri = f"unix://{address}?db=0"
        yield EmbeddedStores(tuple(children), mongodb_uri, redis_uri)


def _mongod(folder: Path, address: Path, lock: int, options: Sequence[str]) -> ChildSpec:
    program = programs.find_mongodb(folder / "lib")
    data_folder.check_engine(folder, "mongodb", program)
    data = data_folder.make_private(folder / "mongodb")
    address.unlink(missing_ok=True)
    argv = [str(program.path), f"--dbpath={data}", f"--bind_ip={address}", "--nounixsocket", "--filePermissions=0600"]
    return ChildSpec(
        name="mongodb",
        argv=(*argv, *_MONGOD_OPTIONS, *options),
        stage=Stage.STORES,
        env=program.env,
        ready=lambda: _answers(address, b"", b""),
        pass_fds=(lock,),
        output=_fresh_log(folder / "mongodb.log"),
        stop_seconds=20,
    )


def _valkey(folder: Path, address: Path, lock: int) -> ChildSpec:
    program = programs.find_redis(folder / "lib")
    data_folder.check_engine(folder, "redis", program)
    data = data_folder.make_private(folder / "redis")
    address.unlink(missing_ok=True)
    options = {**_VALKEY_OPTIONS, "dir": str(data), "unixsocket": str(address)}
    return ChildSpec(
        name="redis",
        argv=(str(program.path), *(part for name, value in options.items() for part in (f"--{name}", value))),
        stage=Stage.STORES,
        env=program.env,
        # While it loads its file it accepts connections and answers -LOADING.
        ready=lambda: _answers(address, b"PING\r\n", b"+PONG"),
        pass_fds=(lock,),
        output=_fresh_log(folder / "redis.log"),
        stop_seconds=20,
    )


def _answers(address: Path, question: bytes, answer: bytes) -> bool:
    """Return whether a server listens there and, if a question is given, answers it as expected."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(address))
            if question:
                connection.sendall(question)
                return connection.recv(64).startswith(answer)
            return True
    except OSError:
        return False


def _fresh_log(path: Path) -> Path:
    """Return the log file, after renaming a long one of earlier runs."""
    if path.exists() and path.stat().st_size > _LARGEST_LOG_BYTES:
        path.replace(path.with_suffix(".old.log"))
    return path
