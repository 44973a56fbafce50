"""A clip that was asked for in a chat has ended: the word about it arrives, again if it must, and nowhere else."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import pytest

from src.errors import ClipRangeInvalid
from src.services.egress.policy import AllowList, Policy
from src.services.egress.proxy import EgressProxy
from src.services.live.cutter import LiveReport
from tests.api.actors import Api, Person
from tests.engines.egress.kit import PUBLIC, Net
from tests.tools.deliveries import deliver_due
from tests.tools.offline_youtube.certificate import make_certificate

pytestmark = pytest.mark.slow

VIDEO = "dQw4w9WgXcQ"
NIGHTBOT = "https://api.nightbot.tv/1/channel/send/TVRRM05UazRNVGsyT1RnNE1TOWthWE5"
DISCORD = "https://discord.com/api/webhooks/123456789012345678/abcDEF-_0123456789abcDEF"


@dataclass
class World:
    """Everything behind our way out: the chat services' hosts and a server of the owner's, all on this machine."""

    net: Net
    own_url: str
    statuses: list[int] = field(default_factory=list)
    heard: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def told(self, host: str) -> list[bytes]:
        return [body for heard_host, _, body in self.heard if heard_host.partition(":")[0] == host]


@pytest.fixture
def world(api: Api, tmp_path: Path) -> Iterator[World]:
    heard: list[tuple[str, dict[str, str], bytes]] = []
    statuses: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((self.headers["Host"], dict(self.headers), body))
            self.send_response(statuses.pop(0) if statuses else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Silent."""

    context, authority = make_certificate(tmp_path, ("api.nightbot.tv", "discord.com"))
    secure = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    own = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    names: dict[str, list[Any]] = {"api.nightbot.tv": [[PUBLIC]], "discord.com": [[PUBLIC]]}
    net = Net(9, names, {PUBLIC: secure.server_port, "127.0.0.1": own.server_port})
    policy = Policy(AllowList.parse(f"127.0.0.1:{own.server_port}"))
    egress = EgressProxy(policy, resolver=net.resolve, connector=net.connect)
    object.__setattr__(api.services.webhooks, "_egress", egress)
    tls = ssl.create_default_context(cafile=str(authority))
    tls.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    object.__setattr__(api.services.webhooks, "_tls", tls)
    for server in (secure, own):
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield World(net, f"http://127.0.0.1:{own.server_port}/clips", statuses, heard)
    for server in (secure, own):
        server.shutdown()
        server.server_close()
    egress.close()


@pytest.fixture
def gone(api: Api) -> list[str]:
    """Moments, by their title, at which the stream was not running."""
    missing: list[str] = []

    def make(task: Any) -> LiveReport:
        if task.params.additional_message in missing:
            raise ClipRangeInvalid("The stream was not running at this moment.")
        path = task.work_dir / "clip.mp4"
        path.write_bytes(b"a clip")
        facts = {"title": "My evil.com stream", "start_time": 61.5, "youtube_video_id": VIDEO}
        return LiveReport(path, {"source": "live"}, facts)

    live: Any = api.services.runner._handlers["live_clip"]._live  # type: ignore[attr-defined]
    live.capture, live.cut = lambda task: None, make
    return missing


def clip(
    api: Api, person: Person, webhook: str | None, message: str = "wow", response_url: str = "", **more: Any
) -> str:
    """Save a clip with a new token, and return the token."""
    wish = {"stream": VIDEO, "cooldown_seconds": 0, "viewer_cooldown_seconds": 0, "webhook": webhook}
    made = person.post("/api/auth/tokens", json={**wish, **more}).json
    assert made is not None
    headers = {"Nightbot-Response-Url": response_url} if response_url else {}
    said = api.call("GET", f"/c/{made['token']}", query_string={"format": "text", "message": message}, headers=headers)
    assert said.text.startswith(f'Clip "{message}" requested')
    api.notifier.finish()
    return str(made["token"])


def deliver(api: Api) -> int:
    """Tell whoever is due, also those who are to be tried again later."""
    api.services.database["webhooks"].update_many({}, {"$set": {"due_at": datetime(2020, 1, 1, tzinfo=UTC)}})
    return deliver_due(api.services.webhooks)


def test_nightbot_and_discord_hear_a_sentence_and_the_owner_a_signed_fact(
    api: Api, anna: Person, world: World, gone: list[str]
) -> None:
    clip(api, anna, DISCORD, response_url=NIGHTBOT)
    clip(api, anna, world.own_url, "first try")
    assert deliver(api) == 3 and api.services.database["webhooks"].count_documents({}) == 0
    assert [parse_qs(body.decode()) for body in world.told("api.nightbot.tv")] == [
        {"message": ['Clip "wow" saved: "My link stream"']}
    ]
    (discord,) = world.told("discord.com")
    assert json.loads(discord) == {"content": 'Clip "wow" saved: "My link stream"', "allowed_mentions": {"parse": []}}
    (own,) = world.told("127.0.0.1")
    fact = json.loads(own)
    assert (fact["event"], fact["kind"], fact["code"]) == ("job.completed", "live_clip", None)
    headers = next(headers for host, headers, _ in world.heard if host.startswith("127.0.0.1"))
    secret = (anna.get("/api/webhooks/secret").json or {})["secret"]
    moment, signature = (part.partition("=")[2] for part in headers["X-Webhook-Signature"].split(","))
    assert signature == hmac.new(secret.encode(), f"{moment}.".encode() + own, hashlib.sha256).hexdigest()
    assert all("X-Webhook-Signature" not in heard for host, heard, _ in world.heard if "127" not in host)
    assert set(world.net.asked) == {"api.nightbot.tv", "discord.com"}, "nobody else was looked for"
    assert {port for _, port in world.net.dialled} == {443, int(world.own_url.split(":")[2].split("/")[0])}


def test_a_clip_that_came_to_nothing_is_told_too(api: Api, anna: Person, world: World, gone: list[str]) -> None:
    gone.append("too late")
    clip(api, anna, DISCORD, "too late")
    assert deliver(api) == 1
    said = json.loads(world.told("discord.com")[0])["content"]
    assert said.startswith('Clip "too late" not saved: The stream was not running at this moment')


@pytest.mark.parametrize("webhook", ["nightbot", "discord", "own"])
def test_whoever_fails_is_told_again_until_he_has_heard(
    api: Api, anna: Person, world: World, gone: list[str], webhook: str
) -> None:
    url = {"nightbot": None, "discord": DISCORD, "own": world.own_url}[webhook]
    clip(api, anna, url, response_url=NIGHTBOT if webhook == "nightbot" else "")
    world.statuses += [503, 429]
    assert [deliver(api) for _ in range(4)] == [0, 0, 1, 0]
    assert len(world.heard) == 3


@pytest.mark.parametrize(
    "url",
    [
        NIGHTBOT.replace("api.nightbot.tv", "api.nightbot.tv.evil.example"),
        NIGHTBOT.replace("api.nightbot.tv", "127.0.0.1"),
        NIGHTBOT.replace("/channel/send/", "/commands/"),
        NIGHTBOT.replace("https", "http"),
    ],
)
def test_no_other_link_in_the_header_is_ever_told(
    api: Api, anna: Person, world: World, gone: list[str], url: str
) -> None:
    clip(api, anna, None, response_url=url)
    assert deliver(api) == 0 and world.heard == [] and world.net.dialled == [] and world.net.asked == []


def test_a_webhook_inside_the_network_is_never_told(api: Api, anna: Person, world: World, gone: list[str]) -> None:
    """An address that says so is refused with the token; a name that leads there is never connected to."""
    refused = anna.post("/api/auth/tokens", json={"stream": VIDEO, "webhook": "http://127.0.0.1:8080/hook"})
    assert (refused.status_code, (refused.json or {})["code"]) == (400, "WEBHOOK_INVALID")
    world.net.names["hooks.example.net"] = [["127.0.0.1"]]
    clip(api, anna, "https://hooks.example.net/hook")
    assert deliver(api) == 0 and world.heard == [] and world.net.dialled == []


def test_the_same_request_twice_at_once_is_told_once(api: Api, anna: Person, world: World, gone: list[str]) -> None:
    """Both see no clip yet, and save the same one; then both have its address told."""
    wish = {"stream": VIDEO, "cooldown_seconds": 0, "viewer_cooldown_seconds": 0, "webhook": DISCORD}
    token = (anna.post("/api/auth/tokens", json=wish).json or {})["token"]
    neither_saw_a_clip = threading.Barrier(2)
    known_live_stream = api.services.chat._streams.known_live_stream

    def known(name: Any) -> Any:
        neither_saw_a_clip.wait(60)
        return known_live_stream(name)

    query = {"format": "text", "message": "wow", "id": "one-message"}
    said: list[str] = []
    callers = [
        threading.Thread(target=lambda: said.append(api.call("GET", f"/c/{token}", query_string=query).text))
        for _ in range(2)
    ]
    object.__setattr__(api.services.chat, "_streams", SimpleNamespace(known_live_stream=known))
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    api.notifier.finish()
    assert len(said) == 2 and all(sentence.startswith('Clip "wow" requested') for sentence in said)
    assert deliver(api) == 1 and len(world.told("discord.com")) == 1


# --- links ------------------------------------------------------------------------------------------------------

PUBLIC_URL = "https://clips.example.com/yt"
MOMENT = f"https://www.youtube.com/watch?v={VIDEO}&t=61s"
TITLE = '"My link stream"'


@pytest.fixture
def public(api: Api) -> None:
    """The service knows its address."""
    links: Any = api.services.webhooks._links
    links.__self__._public_url = PUBLIC_URL
    object.__setattr__(api.services.settings, "public_url", PUBLIC_URL)


def test_links_of_a_token_that_allows_them(api: Api, anna: Person, world: World, gone: list[str], public: None) -> None:
    token = clip(api, anna, DISCORD, response_url=NIGHTBOT, share=True)
    clip(api, anna, world.own_url, "mine", share=True)
    assert deliver(api) == 3
    (said,) = [parse_qs(body.decode())["message"][0] for body in world.told("api.nightbot.tv")]
    link = said.split()[0]
    assert re.sub(r"\d\d min", "29 min", said) == f'{link} Clip "wow" saved, link valid for 29 min: {TITLE} {MOMENT}'
    assert json.loads(world.told("discord.com")[0])["content"].startswith(f'{link} Clip "wow" saved, link')
    page = api.call("GET", link.removeprefix(PUBLIC_URL))
    assert link.startswith(f"{PUBLIC_URL}/s/") and page.status_code == 200 and "clip.mp4" in page.text
    fact = json.loads(world.told("127.0.0.1")[0])
    assert fact["share_url"].startswith(f"{PUBLIC_URL}/s/") and fact["share_url"] != link
    assert fact["share_expires_at"] > fact["sent_at"] and fact["moment_url"] == MOMENT
    last = api.call("GET", f"/c/{token}", query_string={"format": "text", "message": "last"})
    assert last.text.startswith(f'{fact["share_url"]} Last clip "mine", ') and last.text.endswith(MOMENT), last.text
    assert len(last.text) <= 200


def test_a_token_without_the_permission_gives_the_moment_only(
    api: Api, anna: Person, world: World, gone: list[str], public: None
) -> None:
    token = clip(api, anna, DISCORD)
    assert deliver(api) == 1
    assert json.loads(world.told("discord.com")[0])["content"] == f'{MOMENT} Clip "wow" saved: {TITLE}'
    last = api.call("GET", f"/c/{token}", query_string={"format": "text", "message": "last"})
    assert last.text.startswith(f'{MOMENT} Last clip "wow", ') and last.text.endswith(TITLE)
    assert api.services.database["shares"].count_documents({}) == 0


def test_without_a_public_url_answers_have_links_and_messages_none(
    api: Api, anna: Person, world: World, gone: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        token = clip(api, anna, DISCORD, share=True)
    assert deliver(api) == 2
    assert {json.loads(body)["content"] for body in world.told("discord.com")} == {f'Clip "wow" saved: {TITLE}'}
    assert caplog.text.count("PUBLIC_URL is not set") == 1
    last = api.call("GET", f"/c/{token}", query_string={"format": "text", "message": "last"})
    assert last.text.startswith("http://localhost/s/") and MOMENT in last.text


def test_a_message_survives_the_death_of_the_process_that_saved_its_clip(
    api: Api, anna: Person, world: World, gone: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is to be told is written down first; what was written down for nothing disappears."""

    def dies(*_: Any) -> Any:
        raise SystemExit

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(type(api.services.channel_tokens), "note_used", dies)
        clip(api, anna, DISCORD)
    api.notifier.finish()
    assert deliver(api) == 1 and len(world.told("discord.com")) == 1

    monkeypatch.setattr(type(api.services.clips), "save_moment", dies)
    with pytest.raises(SystemExit):
        clip(api, anna, DISCORD, "never")
    assert deliver(api) == 0 and api.services.database["webhooks"].count_documents({}) == 1, "the clip may come"
    api.services.database["webhooks"].update_many({}, {"$set": {"registered_at": datetime(2020, 1, 1, tzinfo=UTC)}})
    assert deliver(api) == 0 and api.services.database["webhooks"].count_documents({}) == 0
