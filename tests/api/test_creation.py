"""What all creating requests can do: be sent twice with a key, and have their end told by a signed webhook."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from src.data.idempotency_data import IdempotencyData
from src.errors import EncodeFailed, QuotaExceeded, StoreUnavailable
from src.services.egress.policy import AllowList, Limits, Policy
from src.services.egress.proxy import EgressProxy
from tests.api.actors import LINK, Api, Person
from tests.tools.deliveries import deliver_due

pytestmark = pytest.mark.slow


@pytest.fixture
def body(anna: Person) -> dict[str, Any]:
    return {"url": LINK, "start_time": 60, "end_time": 120, "user_id": anna.id}


def save(api: Api, body: dict[str, Any], key: str | None, token: str) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return api.call("POST", "/api/video/save", token=token, json=body, headers=headers)


def test_a_key_has_one_effect(api: Api, anna: Person, bert: Person, body: dict[str, Any]) -> None:
    first, again = save(api, body, "k1", anna.token), save(api, body, "k1", anna.token)
    assert first.status_code == again.status_code == 201
    assert first.json == again.json and again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert (anna.get("/api/video/list").json or {})["total"] == 1
    assert save(api, body, "k2", anna.token).json != first.json
    assert save(api, body, "k1", bert.token).json != first.json
    other = save(api, {**body, "end_time": 121}, "k1", anna.token)
    assert other.status_code == 422 and other.json["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert save(api, body, "x" * 201, anna.token).status_code == 400
    assert save(api, body, None, anna.token).json != first.json


def test_a_refused_request_may_be_sent_again(api: Api, anna: Person, body: dict[str, Any]) -> None:
    wrong = {**body, "end_time": 30}
    assert [save(api, wrong, "k", anna.token).status_code for _ in range(2)] == [400, 400]
    assert save(api, body, "k", anna.token).status_code == 201


def test_a_key_at_the_same_time(api: Api, anna: Person, body: dict[str, Any]) -> None:
    replies: list[Any] = []
    threads = [threading.Thread(target=lambda: replies.append(save(api, body, "same", anna.token))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {reply.status_code for reply in replies} <= {201, 409}
    assert len({reply.json["video_id"] for reply in replies if reply.status_code == 201}) == 1
    assert (anna.get("/api/video/list").json or {})["total"] == 1


@dataclass
class Receiver:
    """A web server that is told things."""

    url: str
    statuses: list[int] = field(default_factory=list)
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


def slow_receiver(until: threading.Event) -> Iterator[tuple[str, threading.Semaphore]]:
    """The address of a web server that answers when the test says so, and how many it has heard of."""
    arrived = threading.Semaphore(0)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            arrived.release()
            until.wait(60)
            self.send_response(204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook", arrived
        until.set()
        server.shutdown()


def test_slow_receivers_of_one_account_delay_nobody_else(
    api: Api, anna: Person, bert: Person, body: dict[str, Any], receiver: Receiver
) -> None:
    answer = threading.Event()
    with contextlib.contextmanager(slow_receiver)(answer) as (slow, arrived):
        addresses = ",".join(url.split("/")[2] for url in (slow, receiver.url))
        egress = EgressProxy(Policy(AllowList.parse(addresses)))
        object.__setattr__(api.services.webhooks, "_egress", egress)
        # So that no slow receiver is given up before the test lets it answer.
        object.__setattr__(api.services.webhooks, "_timeout", 300)
        object.__setattr__(api.services.webhooks, "_limits", Limits(seconds=300))
        job = make(api, anna, body)
        for number in range(55):
            api.services.webhooks.register(job, f"{slow}?{number}", network="192.0.2.1")
        made = [(bert, "192.0.2.2"), (api.person(), "192.0.2.1")]
        begun = api.services.webhooks.start_due()
        assert arrived.acquire(timeout=60), "the slow one has been asked"
        for person, network in made:
            own = make(api, person, {**body, "user_id": person.id})
            api.services.webhooks.register(own, receiver.url, network=network)
        waited = [each.result(60) for each in api.services.webhooks.start_due()]
        assert sum(waited) == 2 and len(receiver.heard) == 2, "while the slow ones are still waited for"
        assert not any(each.done() for each in begun) and len(begun) == 2
        answer.set()
        assert sum(each.result(120) for each in begun) == 55


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    got = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            got.heard.append((dict(self.headers), content))
            self.send_response(got.statuses.pop(0) if got.statuses else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        got.url = f"http://127.0.0.1:{server.server_port}/hook"
        yield got
        server.shutdown()


def allow(api: Api, url: str) -> None:
    address = url.split("/")[2]
    egress = EgressProxy(Policy(AllowList.parse(address)))
    object.__setattr__(api.services.webhooks, "_egress", egress)


def make(api: Api, anna: Person, body: dict[str, Any], **more: str) -> str:
    video_id = str(save(api, {**body, **more}, None, anna.token).json["video_id"])
    anna.post(f"/api/video/download/{video_id}")
    api.notifier.finish()
    return video_id


def test_an_end_is_told_signed(api: Api, anna: Person, body: dict[str, Any], receiver: Receiver) -> None:
    allow(api, receiver.url)
    video_id = make(api, anna, body, webhook_url=receiver.url)
    assert deliver_due(api.services.webhooks) == 1
    headers, content = receiver.heard[0]
    told = json.loads(content)
    assert (told["event"], told["job_id"], told["kind"]) == ("job.completed", video_id, "clip")
    secret = (anna.get("/api/webhooks/secret").json or {})["secret"]
    moment, signature = (part.partition("=")[2] for part in headers["X-Webhook-Signature"].split(","))
    assert signature == hmac.new(secret.encode(), f"{moment}.".encode() + content, hashlib.sha256).hexdigest()
    assert deliver_due(api.services.webhooks) == 0


def test_what_others_ask_is_not_signed_with_the_owners_secret(
    api: Api, anna: Person, bert: Person, body: dict[str, Any], receiver: Receiver
) -> None:
    """A clip saved for the owner by another account and by nobody known, without a secret and with one."""
    allow(api, receiver.url)
    public = api.public_token()
    own_secret = "0123456789abcdef"
    for token, more in ((bert.token, {}), (public, {}), (public, {"webhook_secret": own_secret})):
        video_id = str(save(api, {**body, "webhook_url": receiver.url, **more}, None, token).json["video_id"])
        assert anna.post(f"/api/video/download/{video_id}").status_code == 200
    api.notifier.finish()
    owners = {each["owner"] for each in api.services.database["webhooks"].find()}
    assert owners == {"address:127.0.0.1"}, "not the places of the owner, nor of an account that is none of the job's"
    assert deliver_due(api.services.webhooks) == 3
    signed = [(headers.get("X-Webhook-Signature"), content) for headers, content in receiver.heard]
    assert sum(signature is None for signature, _ in signed) == 2
    ((signature, content),) = [each for each in signed if each[0] is not None]
    moment, found = (part.partition("=")[2] for part in str(signature).split(","))
    assert found == hmac.new(own_secret.encode(), f"{moment}.".encode() + content, hashlib.sha256).hexdigest()


def test_a_receiver_that_fails_is_tried_again(api: Api, anna: Person, body: dict[str, Any], receiver: Receiver) -> None:
    allow(api, receiver.url)
    receiver.statuses = [500, 204]
    make(api, anna, body, webhook_url=receiver.url, webhook_secret="0123456789abcdef")
    deliveries = api.services.database["webhooks"]
    assert deliver_due(api.services.webhooks) == 0
    waiting = deliveries.find_one() or {}
    assert waiting["attempts"] == 1
    deliveries.update_one({}, {"$set": {"due_at": waiting["due_at"].replace(year=2020)}})
    assert deliver_due(api.services.webhooks) == 1 and deliveries.count_documents({}) == 0
    assert receiver.heard[0][0]["X-Webhook-Id"] == receiver.heard[1][0]["X-Webhook-Id"]


def test_nothing_is_told_inside_the_network(api: Api, anna: Person, body: dict[str, Any], receiver: Receiver) -> None:
    api.services.webhooks.register(make(api, anna, body), receiver.url)  # before the rules were stricter, say
    assert deliver_due(api.services.webhooks) == 0
    assert receiver.heard == []


UNREACHABLE: tuple[Any, ...] = (
    *(
        "ftp://a/b",
        "nonsense",
        "",
        5,
        "https://",
        "https:///path",
        "//example.com",
        "https://exa mple.com/",
        "file:///x",
    ),
    *(
        "http://127.0.0.1/",
        "https://[::1]/",
        "http://10.1.2.3/",
        "https://192.168.0.1",
        "http://169.254.169.254/latest",
    ),
    *("http://[fd00::1]/", "http://[::ffff:127.0.0.1]/", "http://0.0.0.0/", "http://100.64.0.1/", "http://224.0.0.1/"),
    *("http://2130706433/", "http://0x7f.1/", "http://017700000001/", "http://127.1/", "http://203.0.113.9/"),
    *(
        "https://hook.invalid/",
        "https://hook.test",
        "https://hook.example./x",
        "http://a.localhost/",
        "http://localhost",
    ),
    *(
        "http://nas/",
        "http://nas.local/",
        "http://nas.internal",
        "http://x.onion/",
        "http://x.alt/",
        "http://a..b.com/",
    ),
    *("https://example.com:8443/", "http://example.com:22/", "http://example.com:0/", "http://example.com:99999/"),
    *("https://user@127.0.0.1/", "https://example.com@127.0.0.1/", "https://-a.com/", "https://" + "a" * 64 + ".com/"),
    *("https://hook.example.com/\n", "https://hook.example.com\t/", "https://ex\u00e4mple.com/"),
)


def test_an_address_that_can_never_be_reached_makes_no_job(api: Api, anna: Person, body: dict[str, Any]) -> None:
    for wrong in UNREACHABLE:
        refused = save(api, {**body, "webhook_url": wrong}, None, anna.token)
        assert refused.status_code == 400 and refused.json["code"] == "WEBHOOK_INVALID", (wrong, refused.text)
        if isinstance(wrong, str) and wrong:
            token = anna.post("/api/auth/tokens", json={"webhook": wrong})
            assert token.status_code == 400 and (token.json or {})["code"] == "WEBHOOK_INVALID", wrong
    assert anna.get("/api/video/list").json["videos"] == []  # type: ignore[index]
    for fine in (
        "https://hooks.example.com/x?y=1#z",
        "http://example.org",
        "https://93.184.215.14:443/",
        "https://EX.com./",
    ):
        assert save(api, {**body, "webhook_url": fine}, None, anna.token).status_code == 201, fine


def test_a_secret_that_cannot_be_kept_makes_no_job(api: Api, anna: Person, body: dict[str, Any]) -> None:
    for secret in ("short", "\ud800" * 16, 5):
        wrong = {**body, "webhook_url": "https://hooks.example.com/x", "webhook_secret": secret}
        refused = save(api, wrong, None, anna.token)
        assert refused.status_code == 400 and refused.json["code"] == "WEBHOOK_INVALID", refused.text
    assert anna.get("/api/video/list").json["videos"] == []  # type: ignore[index]


def test_videos_are_cancelled_retried_and_deleted(api: Api, anna: Person, bert: Person) -> None:
    api.engine.busy = True
    video_id = anna.save()
    anna.post(f"/api/video/download/{video_id}", headers={"Prefer": "respond-async"})
    assert bert.post(f"/api/video/{video_id}/cancel").status_code == 403
    cancelled = anna.post(f"/api/video/{video_id}/cancel")
    assert cancelled.status_code == 200 and (cancelled.json or {})["status"] == "cancelled"
    api.notifier.finish()
    assert anna.status(video_id)["status"] == "cancelled"
    api.engine.busy = False
    assert (anna.post(f"/api/video/{video_id}/retry").json or {})["status"] == "pending"
    api.notifier.finish()
    assert anna.status(video_id)["status"] == "completed"
    deleted = anna.api.call("DELETE", f"/api/video/{video_id}", token=anna.token)
    assert deleted.json == {"message": "Deleted", "status": "completed", "deleted": True, "video_id": video_id}
    assert anna.get(f"/api/video/status/{video_id}").status_code == 404
    saved = anna.save()
    assert (anna.api.call("DELETE", f"/api/video/{saved}", token=anna.token).json or {})["deleted"] is True


def test_encodes_too(api: Api, anna: Person) -> None:
    encode_id = (anna.upload().json or {})["encode_id"]
    api.engine.busy = True
    body = {"video_codec": "h264", "quality_preset": "high"}
    started = anna.post(f"/api/encode/start/{encode_id}", json=body, headers={"Prefer": "respond-async"})
    assert started.status_code == 202
    assert (anna.post(f"/api/encode/{encode_id}/cancel").json or {})["status"] == "cancelled"
    api.notifier.finish()
    api.engine.busy = False
    assert (anna.post(f"/api/encode/{encode_id}/retry").json or {})["status"] == "pending"
    api.notifier.finish()
    gone = anna.api.call("DELETE", f"/api/encode/{encode_id}", token=anna.token)
    assert (gone.json or {})["deleted"] is True and list(api.services.files.uploads.glob("*.avi")) == []


def test_an_encode_without_a_choice_or_a_file_is_not_retried(api: Api, anna: Person) -> None:
    encode_id = (anna.upload().json or {})["encode_id"]
    anna.post(f"/api/encode/{encode_id}/cancel")
    unchosen = anna.post(f"/api/encode/{encode_id}/retry")
    assert (unchosen.status_code, (unchosen.json or {})["code"]) == (400, "REQUEST_INVALID")
    body = {"video_codec": "h264", "quality_preset": "high"}
    api.engine.errors.append(EncodeFailed())
    anna.post(f"/api/encode/start/{encode_id}", json=body)
    api.notifier.finish()
    api.services.database["videos"].update_many({}, {"$set": {"input_file_path": None}})  # as the cleanup leaves it
    expired = anna.post(f"/api/encode/{encode_id}/retry")
    assert (expired.status_code, (expired.json or {})["code"]) == (404, "FILE_GONE")
    assert (anna.get(f"/api/encode/status/{encode_id}").json or {})["status"] == "failed"


def test_an_end_that_could_not_be_written_keeps_no_key_busy(
    api: Api, anna: Person, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database goes away in the middle of a request, and is back when the client sends it again."""

    def away(*_: Any) -> None:
        raise StoreUnavailable()

    with monkeypatch.context() as patched:
        patched.setattr(IdempotencyData, "finish", away)
        made = save(api, body, "made", anna.token)
    with monkeypatch.context() as patched:
        patched.setattr(IdempotencyData, "release", away)
        refused = save(api, {**body, "end_time": 30}, "refused", anna.token)
    assert (made.status_code, refused.status_code) == (201, 400)
    again = save(api, body, "made", anna.token)
    assert again.json == made.json and again.headers["Idempotent-Replayed"] == "true"
    assert save(api, body, "refused", anna.token).status_code == 201


def test_what_is_refused_leaves_no_job(api: Api, anna: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise QuotaExceeded(used_mb=1, quota_mb=1)

    monkeypatch.setattr(api.services.jobs, "require_room", full)
    requests: list[tuple[str, dict[str, Any]]] = [
        ("/api/video/batch", {"url": LINK, "ranges": [{"start_time": 1, "end_time": 2}]}),
        ("/audio_dl/api/auto-download/", {"url": LINK, "username": anna.email}),
        ("/jobs", {"video_id": "dQw4w9WgXcQ", "metadata_requested": False}),
    ]
    for path, wish in requests:
        assert anna.post(path, wish).status_code == 507, path
    assert api.services.jobs.page_of_all(page=1, per_page=9) == ([], 0)
