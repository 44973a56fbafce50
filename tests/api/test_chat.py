"""A chat says ``!clip``: every bot gets its sentence in time, a clip is saved once, and errors are sentences too."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from src.app import create_app
from src.bootstrap import build, prepare_database
from src.data.channel_token_data import ChannelTokenData
from src.errors import StoreUnavailable
from src.services.cache_service import CacheUnavailable
from tests.api.actors import Api, Person
from tests.api.conftest import api_settings
from tests.tools.chat_bots import BOTS, Answer, Chatter, documented_commands, first_fossabot_headers
from tests.tools.fakes import FakeEngine, RecordingNotifier
from tests.tools.waiting import HANG_SECONDS, within
from tests.unit.test_chat_words import assert_one_harmless_line, hostile_messages
from tests.unit.test_stream_names import CHANNEL, VIDEO, chat_id

pytestmark = pytest.mark.slow

TEXT = {"format": "text"}


@pytest.fixture(scope="module")
def api(mongo_uri: str, redis_uri: str, _mongo_client: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One app for all tests here; nobody runs its jobs."""
    database = _mongo_client["test_chat"]
    engine, notifier = FakeEngine(), RecordingNotifier()
    parts: dict[str, Any] = {"youtube": engine, "encoder": engine, "videos": engine}
    settings = api_settings(tmp_path_factory.mktemp("chat"), redis_uri=redis_uri, max_pending_per_user=2000)
    services = build(settings, notifier=notifier, database=database, **parts)
    prepare_database(database)
    with services.cache.client:
        yield Api(create_app(services.settings, services), services, engine, notifier)
    _mongo_client.drop_database(database)


def make_token(person: Person, **wish: Any) -> dict[str, Any]:
    body = {"cooldown_seconds": 0, "viewer_cooldown_seconds": 0, "stream": VIDEO, **wish}
    reply = person.post("/api/auth/tokens", json=body)
    assert reply.status_code == 201 and reply.json is not None, reply.text
    return dict(reply.json)


def fetch_with(api: Api) -> Any:
    def fetch(url: str, headers: Mapping[str, str]) -> Answer:
        reply = api.app.test_client().get(url.removeprefix("http://localhost"), headers=dict(headers))
        return Answer(reply.status_code, reply.content_type, reply.text)

    return fetch


def clips_of(person: Person) -> list[dict[str, Any]]:
    reply = person.get("/api/video/list")
    assert reply.json is not None
    return list(reply.json["videos"])


@pytest.fixture
def limits(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits that all other tests are spared."""
    monkeypatch.setattr(api.services.chat._cooldown, "_enabled", True)


# --- bots -------------------------------------------------------------------------------------------------------


HANDLE = "@yourchannel"  # as the page calls the channel


def command_of(api: Api, key: str, secret: str) -> str:
    """The page's command for a bot, as somebody pastes it: with his token and the address of his service."""
    api.engine.live[HANDLE] = VIDEO
    command = documented_commands()[key]
    return command.replace("https://clips.example.com", "http://localhost").replace("YOUR-CHANNEL-TOKEN", secret)


def test_the_page_and_the_service_give_the_same_commands(api: Api, anna: Person) -> None:
    assert documented_commands().keys() == BOTS.keys()
    made = make_token(anna, stream=HANDLE)
    assert made["commands"] == {key: command_of(api, key, made["token"]) for key in BOTS}
    assert all("format=text" in command for command in made["commands"].values()), "no bot has to be recognised"


SENDERS = [(key, form) for key in BOTS for form in ("with its headers", "without")] + [("fossabot", "of earlier years")]
# Two bots put the message into the address as it is: there "&" begins another field, and "+" is a space.
SAID = {
    "nightbottimers": "Clip requested: the last 60 s and the next 60 s.",
    "streamlabscloudbot": 'Clip "epic" requested: the last 60 s and the next 60 s.',
    "botrix": 'Clip "epic" requested: the last 60 s and the next 60 s.',
}


@pytest.mark.parametrize(("key", "form"), SENDERS, ids=" ".join)
def test_every_bot_prints_a_sentence_and_a_clip_is_saved(api: Api, anna: Person, key: str, form: str) -> None:
    command = command_of(api, key, make_token(anna)["token"])
    bot = BOTS[key]
    if form == "of earlier years":
        bot = replace(bot, headers=first_fossabot_headers)
    for text, sentence in (
        ("epic & fail +20", SAID.get(key, 'Clip "epic & fail" requested: the last 60 s and the next 80 s.')),
        ("", "Clip requested: the last 60 s and the next 60 s."),
    ):
        facts = {"chat_id": chat_id(), "video_id": VIDEO, "message_id": f"m{len(text)}"}
        said = bot.says(command, Chatter("Zoë Z", text), fetch_with(api), anonymous=form == "without", **facts)
        assert said == sentence
    saved = [anna.status(each["video_id"]) for each in clips_of(anna)]
    assert {each["youtube_video_id"] for each in saved} == {VIDEO} and saved[-1]["clip_offset"] == 60
    titles = [each["additional_message"] for each in saved]
    assert titles == ([None] if key == "nightbottimers" else [None, sentence_title(SAID.get(key, '"epic & fail"'))])
    assert api.notifier.notified, "it is captured at once"


def sentence_title(sentence: str) -> str:
    """The title in a sentence."""
    return sentence.split('"')[1]


@pytest.mark.parametrize("key", BOTS)
def test_a_slash_at_the_end_changes_nothing(api: Api, anna: Person, key: str) -> None:
    command = command_of(api, key, make_token(anna)["token"]).replace("?", "/?", 1)
    assert "/?" in command
    said = BOTS[key].says(command, Chatter(), fetch_with(api), chat_id=chat_id(), video_id=VIDEO)
    assert said == "Clip requested: the last 60 s and the next 60 s."


WRONG = ("a revoked token", "a slip", "an unfilled stream")


@pytest.mark.parametrize(
    ("key", "wrong"),
    # A timer has no message in which a slip could be.
    [(key, wrong) for key in BOTS for wrong in WRONG if (key, wrong) != ("nightbottimers", "a slip")],
)
def test_every_bot_prints_errors_as_sentences(api: Api, anna: Person, key: str, wrong: str) -> None:
    made, bot = make_token(anna), BOTS[key]
    command = command_of(api, key, made["token"])
    text = "+99999" if wrong == "a slip" else ""
    if wrong == "a revoked token":
        anna.api.call("DELETE", f"/api/auth/tokens/{made['id']}", token=anna.token)
    if wrong == "an unfilled stream":
        command = command.replace(f"/{HANDLE}", "/%24(video)")
    known: dict[str, Any] = {} if wrong == "an unfilled stream" else {"chat_id": chat_id(), "video_id": VIDEO}
    said = bot.says(command, Chatter(text=text), fetch_with(api), **known)
    assert_one_harmless_line(said)
    assert not said.startswith("["), said
    assert clips_of(anna) == []


def test_a_hostile_message_never_breaks_the_line(api: Api, anna: Person) -> None:
    secret = make_token(anna, scopes=["moderate"])["token"]
    for number, message in enumerate(hostile_messages()):
        query = {**TEXT, "message": message.encode("utf-8", "replace"), "user": str(number), "id": str(number % 40)}
        reply = api.call("GET", f"/c/{secret}", query_string=query)
        assert reply.status_code == 200 and reply.content_type == "text/plain; charset=utf-8"
        assert_one_harmless_line(reply.text, links=(f"https://www.youtube.com/watch?v={VIDEO}",))


BLOCK = 50


@pytest.mark.matrix(19)
@pytest.mark.parametrize("first", range(0, 1000, BLOCK))
@pytest.mark.parametrize("key", BOTS)
def test_a_thousand_messages_from_every_bot(api: Api, anna: Person, key: str, first: int) -> None:
    """Every answer is one harmless line with status 200, whatever the message and the viewer's name."""
    made = make_token(anna, scopes=["moderate"])
    command = command_of(api, key, made["token"])
    answers: list[Answer] = []

    def fetch(url: str, headers: Mapping[str, str]) -> Answer:
        answers.append(fetch_with(api)(url, headers))
        return answers[-1]

    for number, message in enumerate(hostile_messages()[first : first + BLOCK]):
        name = message if number % 2 else f"Viewer {number}"
        facts: dict[str, Any] = {"chat_id": chat_id(), "video_id": VIDEO, "message_id": str(number % 40)}
        BOTS[key].says(command, Chatter(name.encode("utf-8", "replace").decode(), message), fetch, **facts)
    assert len(answers) >= BLOCK * 3 // 4, "StreamElements is silent for some"
    for answer in answers:
        assert (answer.status, answer.content_type) == (200, "text/plain; charset=utf-8")
        assert_one_harmless_line(answer.body, most=BOTS[key].most, links=(f"https://www.youtube.com/watch?v={VIDEO}",))


# --- names ------------------------------------------------------------------------------------------------------


def test_a_channel_in_a_header_is_enough(api: Api, anna: Person) -> None:
    secret = make_token(anna, stream=None)["token"]
    headers = {"Nightbot-Channel": f"name=x&provider=youtube&providerId={CHANNEL}"}
    reply = api.call("GET", f"/c/{secret}", headers=headers)
    assert reply.text == "Clip requested: the last 60 s and the next 60 s."
    (listed,) = clips_of(anna)
    status = anna.status(listed["video_id"])
    assert status["youtube_video_id"] is None and CHANNEL in status["url"], "the worker looks it up"


def test_a_channel_that_is_known_costs_no_look_up(api: Api, anna: Person) -> None:
    api.engine.live["@somebody"] = VIDEO
    secret = make_token(anna)["token"]
    reply = api.call("GET", f"/c/{secret}/@SomeBody")
    assert reply.status_code == 201 and reply.json is not None
    assert reply.json["youtube_video_id"] == VIDEO


def test_a_command_needs_few_operations_of_the_database(api: Api, anna: Person, _mongo_client: Any) -> None:
    """Fifty commands at once are answered in time because of this number. The database itself counts."""
    secret, database = make_token(anna)["token"], _mongo_client["test_chat"]
    database.command("profile", 2)
    try:
        assert api.call("GET", f"/c/{secret}/{VIDEO}?format=text&id=1").status_code == 200
    finally:
        database.command("profile", 0)
    found = [each for each in database["system.profile"].find() if not each["ns"].endswith("system.profile")]
    names = [(each["ns"].partition(".")[2], each["op"], each.get("planSummary", "")) for each in found]
    assert len(names) <= 6, names
    written = [each for each in found if {"insert", "findAndModify", "u"} & each.get("command", {}).keys()]
    assert len(written) <= 2, "the clip and the use of the token"
    scanned = {name for name, _, plan in names if plan.startswith("COLLSCAN")}
    assert scanned <= {"workers"}, "a handful of documents"


def test_a_command_beyond_the_limit_leaves_nothing(api: Api, anna: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is stored and queued in one write, before the open jobs are counted."""
    secret = make_token(anna)["token"]
    monkeypatch.setattr(api.services.jobs._limits, "_most", 1)
    first = api.call("GET", f"/c/{secret}?format=text&id=1").text
    notified = len(api.notifier.notified)
    refused = api.call("GET", f"/c/{secret}?format=text&id=2").text
    assert first.startswith("Clip requested") and not refused.startswith("Clip requested")
    assert len(clips_of(anna)) == 1 and len(api.notifier.notified) == notified
    assert api.call("GET", f"/c/{secret}?format=text&id=1").text == first


def test_commands_at_once_are_counted_in_few_writes(api: Api, anna: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many writes to one document wait for each other: the first command writes for all that come meanwhile."""
    made = make_token(anna, cooldown_seconds=0, viewer_cooldown_seconds=0)
    tokens = api.services.channel_tokens
    token = tokens.identify(made["token"])
    written: list[int] = []
    write = ChannelTokenData.note_used

    def slow(data: ChannelTokenData, token_id: str, now: datetime, clips: int = 1) -> None:
        if not written:
            for _ in range(5):
                tokens.note_used(token)  # returns at once, as in other threads
        written.append(clips)
        write(data, token_id, now, clips)

    monkeypatch.setattr(ChannelTokenData, "note_used", slow)
    tokens.note_used(token)
    assert written == [1, 5]
    assert tokens.identify(made["token"]).uses == 6

    def fails(*_: Any) -> None:
        raise StoreUnavailable()

    monkeypatch.setattr(ChannelTokenData, "note_used", fails)
    with pytest.raises(StoreUnavailable):
        tokens.note_used(token)
    monkeypatch.setattr(ChannelTokenData, "note_used", write)
    tokens.note_used(token)
    assert tokens.identify(made["token"]).uses == 7, "the next one writes again"


def test_a_channel_that_is_known_not_to_be_live_is_told_at_once(api: Api, anna: Person) -> None:
    api.engine.live["@somebody"] = ""
    secret = make_token(anna)["token"]
    reply = api.call("GET", f"/c/{secret}/@somebody", query_string=TEXT)
    assert reply.text == "This channel is not live now." and clips_of(anna) == []


def test_the_documented_address_takes_every_name_and_speaks_to_bots(api: Api, anna: Person) -> None:
    base = f"/api/video/save/stream/{api.public_token()}"
    asked = {"user_id": anna.id}
    for name in (chat_id(), f"https://youtu.be/{VIDEO}", f"https%3A%2F%2Fyoutu.be%2F{VIDEO}"):
        reply = api.call("GET", f"{base}/{name}", query_string=asked)
        assert reply.status_code == 201 and reply.json is not None
        assert reply.json["youtube_video_id"] == VIDEO
    bot = {"User-Agent": "Nightbot-URL-Fetcher/0.0.3"}
    assert api.call("GET", f"{base}/{VIDEO}", query_string=asked, headers=bot).text.startswith("Clip requested")
    for path, query in ((f"{base}/123/456", asked), (f"{base}/{VIDEO}", {}), ("/api/video/save/stream/x/y", asked)):
        reply = api.call("GET", path, query_string=query, headers=bot)
        assert reply.status_code == 200
        assert_one_harmless_line(reply.text)
    secret = make_token(anna)["token"]
    assert api.call("GET", f"/api/video/save/stream/{secret}/{VIDEO}").status_code == 201, "it knows whose it is"


# --- once, and not too often ------------------------------------------------------------------------------------


def test_a_repeated_request_gives_the_same_clip(api: Api, anna: Person, limits: None) -> None:
    secret = make_token(anna, viewer_cooldown_seconds=30)["token"]
    seen = set()
    for _ in range(3):
        reply = api.call("GET", f"/c/{secret}", query_string={"id": "message-1", "user": "v"})
        assert reply.status_code == 201 and reply.json is not None
        seen.add(reply.json["video_id"])
    assert len(seen) == 1 and len(clips_of(anna)) == 1


def test_a_bot_that_repeats_in_the_next_second_makes_one_clip(
    api: Api, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a message's id; a viewer who wants the same some seconds later gets another clip."""
    secret, began = make_token(anna)["token"], datetime.now(UTC)
    said = []
    for seconds in (0, 1, 2, 6):
        clock = SimpleNamespace(now=lambda seconds=seconds: began + timedelta(seconds=seconds))
        monkeypatch.setattr(api.services.chat, "_clock", clock)
        said.append(api.call("GET", f"/c/{secret}", query_string={**TEXT, "user": "v", "message": "wow"}).text)
    assert len(set(said)) == 1 and len(clips_of(anna)) == 2


def test_many_at_once_are_one_clip(api: Api, anna: Person) -> None:
    secret = make_token(anna)["token"]
    seen: list[str] = []

    def ask() -> None:
        reply = api.call("GET", f"/c/{secret}", query_string={"id": "message-1"})
        seen.append(str(reply.json and reply.json.get("video_id")))

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 1 and len(clips_of(anna)) == 1


@pytest.mark.parametrize("redis_is_there", [True, False])
def test_a_viewer_waits_for_the_next_clip(
    api: Api, anna: Person, redis_is_there: bool, monkeypatch: Any, limits: None
) -> None:
    secret = make_token(anna, viewer_cooldown_seconds=30)["token"]
    if not redis_is_there:

        def away(*_: Any) -> Any:
            raise CacheUnavailable()

        monkeypatch.setattr(api.services.counters._cache, "attempt", away)

    def ask(viewer: str, number: int) -> str:
        query = {**TEXT, "user": viewer, "id": str(number)}
        return api.call("GET", f"/c/{secret}", query_string=query).text

    assert ask("a", 1).startswith("Clip requested") and ask("b", 2).startswith("Clip requested")
    assert ask("a", 3).startswith("You requested a clip just now; again in ")
    assert len(clips_of(anna)) == 2


def test_the_channel_waits_for_the_next_clip_and_a_refused_one_does_not_count(
    api: Api, anna: Person, limits: None
) -> None:
    secret = make_token(anna, cooldown_seconds=60)["token"]
    api.engine.live["@off"] = ""
    assert "not live" in api.call("GET", f"/c/{secret}/@off", query_string={**TEXT, "id": "0"}).text
    assert api.call("GET", f"/c/{secret}", query_string={**TEXT, "id": "1"}).text.startswith("Clip requested")
    refused = api.call("GET", f"/c/{secret}", query_string={"id": "2"})
    assert refused.status_code == 429 and refused.json is not None
    assert refused.json["code"] == "COOLDOWN_ACTIVE" and int(refused.headers["Retry-After"]) > 50


# --- moderators' words ------------------------------------------------------------------------------------------


def test_words_of_moderators(api: Api, anna: Person) -> None:
    plain, able = make_token(anna)["token"], make_token(anna, scopes=["moderate"])["token"]

    def say(secret: str, message: str, message_id: str | None = None) -> str:
        query = {**TEXT, "message": message, "id": message_id or str(next(ids))}
        return api.call("GET", f"/c/{secret}", query_string=query).text

    ids, link = itertools.count(), f"https://www.youtube.com/watch?v={VIDEO}"

    assert say(able, "delete") == "There is no clip yet."
    say(plain, "first try")
    assert say(plain, "last") == f'{link} Last clip "first try", 0 s ago: requested.'
    assert say(plain, "delete").startswith("This command may not change clips")
    assert say(able, "rename") == "Write the new title behind rename."
    assert say(able, "rename second try") == 'The last clip is now called "second try".'
    assert clips_of(anna)[0]["video_id"] and say(able, "last").startswith(f'{link} Last clip "second try"')
    assert say(able, "delete") == 'The last clip "second try" was deleted.'
    assert clips_of(anna) == []
    say(plain, "one")
    say(plain, "two")
    at_work = {"additional_message": "two"}, {"$set": {"status": "processing"}}
    api.services.database["videos"].update_one(*at_work)
    for _ in range(3):
        assert say(able, "delete", "m1") == 'The last clip "two" was deleted.', "a repetition deletes nothing"
    assert say(able, "last").startswith(f'{link} Last clip "one"'), "what is just being stopped counts as gone"
    assert len({say(able, "last", "m2") for _ in range(3)}) == 1


def test_who_a_header_says_to_be_the_owner_may_no_more_than_others(api: Api, anna: Person) -> None:
    secret = make_token(anna)["token"]
    owner = {"Nightbot-User": "name=owner&provider=youtube&userLevel=owner"}
    api.call("GET", f"/c/{secret}", headers=owner)
    reply = api.call("GET", f"/c/{secret}", query_string={"message": "delete"}, headers=owner)
    assert reply.text.startswith("This command may not change clips") and len(clips_of(anna)) == 1


# --- words about clips that are ready ---------------------------------------------------------------------------


def test_whoever_is_to_be_told_is_remembered_with_the_clip(api: Api, anna: Person) -> None:
    link = "https://api.nightbot.tv/1/channel/send/TVRRM05UazRNVGsy"
    api.services.database["webhooks"].delete_many({})
    made = make_token(anna, webhook="https://example.com/hook")
    assert made["webhook_secret"] == (anna.get("/api/webhooks/secret").json or {})["secret"]
    for url in (link, link.replace("nightbot.tv", "nightbot.tv.example"), link):
        api.call("GET", f"/c/{made['token']}", query_string={"id": url}, headers={"Nightbot-Response-Url": url})
    told = [each["url"] for each in api.services.database["webhooks"].find()]
    assert len(told) == 3 and set(told) == {link, "https://example.com/hook"}
    public = f"/api/video/save/stream/{api.public_token()}/{VIDEO}"
    api.call("GET", public, query_string={"user_id": anna.id}, headers={"Nightbot-Response-Url": link})
    assert api.services.database["webhooks"].count_documents({}) == len(told), "strangers make nobody speak"
    for url in ("ftp://example.com/", "https://discord.com/api/users/1", "nonsense"):
        wrong = anna.post("/api/auth/tokens", json={"webhook": url})
        assert wrong.status_code == 400 and wrong.json is not None and wrong.json["code"] == "WEBHOOK_INVALID"


# --- tokens -----------------------------------------------------------------------------------------------------


def test_the_life_of_a_channel_token(api: Api, anna: Person, bert: Person) -> None:
    made = make_token(anna, name="Nightbot", latency="ultra-low")
    secret, path = made["token"], f"/api/auth/tokens/{made['id']}"
    assert len(secret) == 47 and made["latency_seconds"] == 3 and made["last_used_at"] is None
    shown = anna.get("/api/auth/tokens").json
    assert shown is not None and shown["tokens"][0]["name"] == "Nightbot" and secret not in str(shown)
    assert secret not in str(list(api.services.database["channel_tokens"].find())), "only its hash is kept"
    api.call("GET", f"/c/{secret}")
    used = anna.get("/api/auth/tokens").json
    assert used is not None and used["tokens"][0]["last_used_at"] is not None and used["tokens"][0]["uses"] == 1
    filled = anna.get(f"{path}/commands", headers={"X-Channel-Token": secret}).json
    assert filled is not None and filled["commands"] == made["commands"]
    marked = anna.get(f"{path}/commands").json
    assert marked is not None and all("YOUR-CHANNEL-TOKEN" in each for each in marked["commands"].values())
    for stranger in (bert.get(f"{path}/commands"), api.call("DELETE", path, token=bert.token)):
        assert stranger.status_code == 404
    assert api.call("GET", "/api/video/list", token=secret).status_code == 401, "it saves clips and nothing else"
    assert api.call("DELETE", path, token=anna.token).status_code == 200
    assert api.call("GET", f"/c/{secret}").status_code == 401
    assert api.call("DELETE", path, token=anna.token).status_code == 404


def test_no_token_reaches_the_log(api: Api, anna: Person, caplog: pytest.LogCaptureFixture) -> None:
    secret = make_token(anna)["token"]
    with caplog.at_level(logging.DEBUG):
        for path in (
            f"/c/{secret}",
            f"/c/{secret}/@x",
            f"/api/video/save/stream/{secret}/{VIDEO}",
            f"/c/{secret}x/a/b",
        ):
            api.call("GET", path, query_string=TEXT)
            api.call("PUT", path)
    assert "/c/<token>" in caplog.text and secret not in caplog.text


# --- in time ----------------------------------------------------------------------------------------------------


def test_replies_come_at_once_with_a_site_that_never_answers(
    api: Api, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def slow(*_: Any) -> Any:
        over.wait(10 * HANG_SECONDS)
        raise AssertionError("nobody waits for this")

    for question in ("get_video_info", "live_stream", "get_available_formats"):
        monkeypatch.setattr(api.engine, question, slow)
    monkeypatch.setattr("src.middleware.chat.REPLY_SECONDS", 10 * HANG_SECONDS)  # and the reply is not given up, either
    secret = make_token(anna, stream=None)["token"]
    for number in range(120):
        name = (f"/@channel{number}", f"/{VIDEO}", f"/{CHANNEL}")[number % 3]
        with within():
            reply = api.call("GET", f"/c/{secret}{name}", query_string={**TEXT, "id": str(number)})
        assert reply.text.startswith("Clip requested")
    over.set()


def test_a_store_that_hangs_is_answered_with_a_sentence(api: Api, anna: Person, monkeypatch: Any) -> None:
    secret, over = make_token(anna)["token"], threading.Event()
    monkeypatch.setattr(type(api.services.channel_tokens), "identify", lambda *_: over.wait(10 * HANG_SECONDS))
    with within():
        reply = api.call("GET", f"/c/{secret}", query_string=TEXT)
    over.set()
    assert reply.status_code == 200
    assert reply.text.startswith("The clip service is slow right now")
