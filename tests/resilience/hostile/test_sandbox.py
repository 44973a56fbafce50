"""The sandbox around programs that read strangers' files: what gets out of it, tried from inside."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import pytest

from src.errors import EncodeFailed, MediaInvalid
from src.models.captured import Record
from src.services.cutting.engine.captured_runs import read_start
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.media.probe import probe
from src.services.sharing.share_links import poster_of
from src.utils.sandbox import SandboxRules, available, locked_into
from tests.tools.waiting import within

pytestmark = pytest.mark.slow

PROGRAM = Path(imageio_ffmpeg.get_ffmpeg_exe())
HERE = Path(sys.base_prefix, "lib")


def run_in(sandbox: SandboxRules, code: str) -> subprocess.CompletedProcess[str]:
    """A Python of the standard library alone, in the sandbox."""
    with locked_into(sandbox) as enter:
        return subprocess.run(
            [str(Path(sys.executable).resolve()), "-I", "-S", "-c", code],
            preexec_fn=enter,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder with an input, a work folder, and a secret beside them."""
    (tmp_path / "work").mkdir()
    (tmp_path / "input").write_text("mine")
    (tmp_path / "secret").write_text("another user's")
    yield tmp_path
    assert (tmp_path / "secret").read_text() == "another user's"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["input", "secret", "work"]


def sandbox(place: Path) -> SandboxRules:
    python = Path(sys.executable).resolve()
    return SandboxRules(reads=(place / "input", HERE), writes=(place / "work",), programs=(python,))


def test_this_kernel_has_what_the_cage_is_made_of() -> None:
    kind = available()
    assert kind.files == "landlock" and kind.network in ("namespace", "landlock"), str(kind)


def test_the_own_files_are_there(place: Path) -> None:
    code = f"""
import os
text = open({str(place / "input")!r}).read()
folder = {str(place / "work")!r}
os.mkdir(folder + "/sub")
with open(folder + "/sub/half", "w") as file: file.write(text)
os.rename(folder + "/sub/half", folder + "/whole")
os.truncate(folder + "/whole", 2)
os.rmdir(folder + "/sub")
print(os.listdir(folder))
"""
    done = run_in(sandbox(place), code)
    assert done.stdout.strip() == "['whole']", done.stderr
    assert (place / "work" / "whole").read_text() == "mi"


ATTEMPTS = {
    "read another file": "open(SECRET).read()",
    "read it through the work folder": "open(WORK + '/../secret').read()",
    "read it through a link": "os.symlink(SECRET, WORK + '/link'); open(WORK + '/link').read()",
    "link it into the work folder": "os.link(SECRET, WORK + '/hard')",
    "move it into the work folder": "os.rename(SECRET, WORK + '/moved')",
    "list the folder": "os.listdir(PLACE)",
    "list the root": "os.listdir('/')",
    "write the input": "open(INPUT, 'a')",
    "truncate the input": "os.truncate(INPUT, 0)",
    "write beside": "open(PLACE + '/new', 'w')",
    "delete another file": "os.unlink(SECRET)",
    "make a folder beside": "os.mkdir(PLACE + '/new')",
    "read the passwords": "open('/etc/passwd').read()",
    "read our environment": "open(f'/proc/{PARENT}/environ').read()",
    "read our memory": "open(f'/proc/{PARENT}/mem', 'rb')",
    "read our descriptors": "os.listdir(f'/proc/{PARENT}/fd')",
    "start a shell": "os.execv('/bin/sh', ['sh', '-c', 'echo out'])",
    "start what it wrote": "x = WORK + '/x'; open(x, 'w').write('#!/bin/sh'); os.chmod(x, 448); os.execv(x, ['x'])",
    "connect to loopback": "socket.create_connection(('127.0.0.1', PORT), 3)",
    "listen": "socket.create_server(('127.0.0.1', 0)).accept if connectable() else fail()",
    "send a datagram": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', PORT))",
    "connect over IPv6": "socket.create_connection(('::1', PORT), 3)",
    "reach a name in the abstract space": "s = socket.socket(socket.AF_UNIX); s.connect(NAME)",
    "mount": "import ctypes; ctypes.CDLL(None).mount(b'none', WORK.encode(), b'tmpfs', 0, None) == 0 or fail()",
}
PRELUDE = """
import os, socket, sys
def fail(): raise PermissionError()
def connectable():
    s = socket.create_server(('127.0.0.1', 0)); port = s.getsockname()[1]
    socket.create_connection(('127.0.0.1', port), 1); return True
"""


@pytest.mark.parametrize("what", ATTEMPTS)
def test_nothing_else_is_reached(place: Path, what: str) -> None:
    name = f"\0sandbox-{os.getpid()}"
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(name)
        abstract.listen()
        known = {"PLACE": str(place), "SECRET": str(place / "secret"), "WORK": str(place / "work"), "NAME": name}
        known |= {"INPUT": str(place / "input")}
        lines = [f"{key} = {value!r}" for key, value in known.items()]
        lines += [f"PARENT = {os.getpid()}", f"PORT = {listener.getsockname()[1]}", PRELUDE, "try:"]
        code = "\n".join([*lines, f"    {ATTEMPTS[what]}", "except OSError: print('refused')", "else: print('DONE')"])
        done = run_in(sandbox(place), code)
        listener.settimeout(0.05)
        with pytest.raises(TimeoutError):
            listener.accept()
    assert done.stdout.strip() == "refused", done.stdout + done.stderr


def test_programs_outside_are_not_signalled(place: Path) -> None:
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as victim:
        try:
            done = run_in(sandbox(place), f"import os\ntry: os.kill({victim.pid}, 9)\nexcept OSError: print('refused')")
            assert done.stdout.strip() == "refused"
            assert victim.communicate(b"alive", timeout=60)[0] == b"alive"
        finally:
            victim.kill()


# --- FFmpeg -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another user's film."""
    path = tmp_path_factory.mktemp("other") / "film.ts"
    picture = ["-f", "lavfi", "-i", "testsrc=d=1:s=64x64:r=5", "-c:v", "mpeg2video"]
    FFmpeg(PROGRAM).run([*picture, "-f", "mpegts", str(path)])
    return path


MASTER = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{film}\n"
LIST = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{film}\n#EXT-X-ENDLIST\n"
DISGUISES = {
    "a playlist": LIST,
    "a playlist with a scheme": LIST.replace("{film}", "file://{film}"),
    "a playlist that goes up": LIST.replace("{film}", "{up}"),
    "a playlist of playlists": MASTER,
    "a playlist behind blank lines": "#EXTM3U\n" + "\n" * 200 + LIST.removeprefix("#EXTM3U\n"),
    "a concat script": "ffconcat version 1.0\nfile '{film}'\n",
    "a concat script with options": "ffconcat version 1.0\nfile '{film}'\noption safe 0\n",
    "a manifest": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="video/mp2t"><Representation id="1" '
    'bandwidth="1"><BaseURL>{film}</BaseURL></Representation></AdaptationSet></Period></MPD>',
    "a session description": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
}
OPEN = ["-protocol_whitelist", "file,concat,data,crypto,http,tcp,udp,rtp", "-allowed_extensions", "ALL"]


@pytest.mark.parametrize("what", DISGUISES)
def test_a_file_that_names_another_one_shows_nothing_of_it(what: str, film: Path, tmp_path: Path) -> None:
    upload = tmp_path / "upload.mp4"
    up = os.path.relpath(film, tmp_path)
    upload.write_text(DISGUISES[what].replace("{film}", str(film)).replace("{up}", up))
    with pytest.raises(MediaInvalid):
        probe(upload)
    work = tmp_path / "work"
    work.mkdir()
    out = work / "out.mp4"
    sandboxed = FFmpeg(PROGRAM).confined(reads=[upload], writes=[work])
    demuxer = ["-f", "hls"] if "playlist" in what else ["-f", "concat", "-safe", "0"] if "concat" in what else []
    # The worst case: everything is allowed, and only the sandbox is left.
    options = OPEN if "playlist" in what else OPEN[:2]
    with pytest.raises(EncodeFailed):
        sandboxed.run([*demuxer, *options, "-i", str(upload), "-t", "1", "-c", "copy", str(out)])
    assert not out.exists() or out.stat().st_size == 0 or film.read_bytes()[:64] not in out.read_bytes()


def test_a_poster_shows_nothing_of_another_film(film: Path) -> None:
    """A service that makes pictures of what strangers sent must not make them of their neighbours' films."""
    clip = film.with_name("clip.mp4")
    clip.write_text(DISGUISES["a concat script"].replace("{film}", film.name))
    assert poster_of(clip) is None
    shown = poster_of(film)
    assert shown is not None and shown.startswith(b"\xff\xd8")


def test_a_segment_of_a_stream_shows_nothing_of_another_film(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are captured are looked at outside of the sandbox."""
    monkeypatch.chdir(film.parent)
    (film.parent / "segment").write_text(DISGUISES["a concat script"].replace("{film}", film.name))
    starts = [
        read_start(Record(0, 1, 0, Fraction(0), Fraction(1), name), film.parent) for name in ("segment", film.name)
    ]
    assert starts[0] is None and starts[1] is not None


@pytest.mark.parametrize("what", ["a playlist", "a playlist that goes up", "a concat script"])
def test_without_the_cage_the_same_files_would_show_it(what: str, film: Path, tmp_path: Path) -> None:
    """The tricks above are real: this FFmpeg falls for them when nothing holds it back."""
    upload = tmp_path / "upload.mp4"
    upload.write_text(DISGUISES[what].replace("{film}", str(film)).replace("{up}", os.path.relpath(film, tmp_path)))
    demuxer = ["-f", "hls", *OPEN] if "playlist" in what else ["-f", "concat", "-safe", "0", *OPEN[:2]]
    out = tmp_path / "out.mp4"
    FFmpeg(PROGRAM).run([*demuxer, "-i", str(upload), "-t", "1", "-c", "copy", str(out)])
    assert out.stat().st_size > 1000


@pytest.mark.parametrize("sandboxed", [False, True])
def test_a_filter_that_opens_files_finds_nothing(sandboxed: bool, film: Path, tmp_path: Path) -> None:
    work, own = tmp_path / "work", tmp_path / "own.ts"
    work.mkdir()
    own.write_bytes(film.read_bytes())
    args = [
        "-i",
        str(own),
        "-filter_complex",
        f"movie={film}[v]",
        "-map",
        "[v]",
        "-c:v",
        "mpeg4",
        str(work / "out.mp4"),
    ]
    program = FFmpeg(PROGRAM)
    if sandboxed:
        with pytest.raises(EncodeFailed):
            program.confined(reads=[own], writes=[work]).run(args)
    else:
        program.run(args)


def test_picture_and_time_bombs_are_refused_quickly(tmp_path: Path) -> None:
    huge, far = tmp_path / "huge.mkv", tmp_path / "far.mkv"
    run = FFmpeg(PROGRAM).run
    run(["-f", "lavfi", "-i", "color=s=16000x9000:d=0.04:r=25", "-frames:v", "1", "-c:v", "mjpeg", str(huge)])
    with within(), pytest.raises(MediaInvalid):
        probe(huge)
    picture = ["-f", "lavfi", "-i", "color=s=64x64:d=0.2:r=10,setpts=N*36000/TB", "-fps_mode", "passthrough"]
    run([*picture, "-c:v", "mpeg4", str(far)])
    with within():
        assert (probe(far).duration_seconds or 0) > 30_000
