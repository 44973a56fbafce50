"""What operators see: diagnostics that never hang, everybody's jobs, queues and counters; and who is no operator."""

from __future__ import annotations

import dataclasses
import socket
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import redis
from pymongo.database import Database

from src import app as app_module
from src import cli as command_line
from src.app import create_app
from src.bootstrap import build
from src.config import Settings, SettingsError
from src.errors import UserUnknown
from src.services.egress.policy import AllowList, Policy
from src.services.egress.proxy import EgressProxy
from src.services.operations.diagnostics import age_days
from src.services.operations.self_test import Checked
from src.utils.email import read_admins
from src.utils.sandbox import available
from tests.api.actors import LINK, Api, Person
from tests.api.conftest import api_settings, app_over
from tests.tools.fakes import RecordingNotifier
from tests.tools.waiting import HANG_SECONDS, within

pytestmark = pytest.mark.slow


@pytest.fixture
def named(mongo_database: Database[dict[str, Any]], redis_client: redis.Redis, tmp_path: Path) -> Api:
    """An app whose first person is an operator, and whose jobs wait."""
    settings = api_settings(tmp_path, admin_emails="Person1@example.com, other@example.com")
    return app_over(settings, mongo_database, redis_client, runs=False)


def operator(api: Api) -> Person:
    """The first person, who has the named address before the setting names it."""
    admin = api.person()
    api.services.admins.note_named(datetime.now(UTC))
    return admin


def waiting(person: Person) -> str:
    reply = person.post("/api/jobs/", json={"url": LINK, "media_type": "transcript"})
    assert reply.status_code == 201 and reply.json is not None
    return str(reply.json["job_uuid"])


# --- who may --------------------------------------------------------------------------------------------------------


def test_only_named_accounts_see_everybodys_jobs_and_the_diagnostics(named: Api) -> None:
    admin, other = operator(named), named.person()
    for path in ("/api/admin/jobs", "/api/diagnostics"):
        refused = other.get(path)
        assert refused.status_code == 403 and refused.json is not None and refused.json["code"] == "ADMIN_ONLY"
        assert named.call("GET", path).status_code == 401
        assert named.call("GET", path, token=named.public_token()).status_code == 401
    assert admin.get("/api/admin/jobs").status_code == 200


def test_while_nobody_is_named_any_login_sees_the_diagnostics_and_none_the_jobs(api: Api, anna: Person) -> None:
    assert anna.get("/api/diagnostics").status_code == 200
    assert anna.get("/api/admin/jobs").status_code == 403


def sees_all_jobs(person: Person) -> bool:
    return person.get("/api/admin/jobs").status_code == 200


def test_who_registers_a_named_address_later_is_nobody(named: Api, caplog: pytest.LogCaptureFixture) -> None:
    named.services.admins.note_named(datetime.now(UTC))
    command = "python -m src.cli make-admin --email person1@example.com"
    assert command in caplog.text and "other@example.com" in caplog.text
    thief = named.person()
    assert not sees_all_jobs(thief) and thief.get("/api/diagnostics").status_code == 403
    caplog.clear()
    named.services.admins.note_named(datetime.now(UTC))
    assert not sees_all_jobs(thief), "a later start of the service changes nothing"
    assert command in caplog.text
    assert named.services.admins.grant("Person1@Example.com").id == thief.id
    assert sees_all_jobs(thief), "whoever the operator's command names is one"
    told = thief.get("/api/diagnostics").json
    assert told is not None and told["admins_without_effect"] == ["other@example.com"]
    assert told["make_admin"].endswith("/python -m src.cli make-admin --email ADDRESS")
    named.services.admins.withdraw("person1@example.com")
    assert not sees_all_jobs(thief)


def test_an_account_made_while_the_database_was_away_is_too_late(named: Api) -> None:
    started_at = datetime.now(UTC) - timedelta(seconds=1)
    thief = named.person()
    named.services.admins.note_named(started_at)
    assert not sees_all_jobs(thief)


def test_an_address_counts_for_its_first_account_and_no_later_one(named: Api) -> None:
    admin = operator(named)
    assert sees_all_jobs(admin)
    named.services.database["users"].update_one({"email": admin.email}, {"$set": {"email": "gone@example.com"}})
    named.people = 0
    thief = named.person()
    assert thief.email == admin.email and not sees_all_jobs(thief)
    assert named.services.admins.without_effect() == ["other@example.com", thief.email]


def test_an_address_that_the_setting_names_no_more_counts_no_more(named: Api) -> None:
    admin = operator(named)
    assert sees_all_jobs(admin)
    named.services.admins._named = frozenset()
    assert not sees_all_jobs(admin)


def test_with_an_administrator_by_command_the_diagnostics_are_not_everybody_s(api: Api, anna: Person) -> None:
    assert anna.get("/api/diagnostics").status_code == 200
    bert = api.person()
    api.services.admins.grant(bert.email)
    assert anna.get("/api/diagnostics").status_code == 403 and sees_all_jobs(bert)
    with pytest.raises(UserUnknown):
        api.services.admins.grant("nobody@example.com")


def test_a_service_that_starts_remembers_whose_the_named_addresses_are(named: Api, monkeypatch: Any) -> None:
    admin = named.person()
    monkeypatch.setattr(app_module, "build", lambda *_, **__: named.services)
    monkeypatch.setattr(Settings, "require_complete", lambda self: self)
    create_app(named.services.settings)
    assert sees_all_jobs(admin)


def test_the_command_makes_an_administrator(
    mongo_uri: str, redis_uri: str, named: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command_line, "build", lambda *_, **__: named.services)
    monkeypatch.setattr(command_line, "join", lambda settings: named.services.settings)
    named.services.admins.note_named(datetime.now(UTC))
    person = named.person()
    assert command_line.main(["make-admin", "--email", person.email]) == 0 and sees_all_jobs(person)
    assert command_line.main(["remove-admin", "--email", person.email]) == 0 and not sees_all_jobs(person)
    assert command_line.main(["make-admin", "--email", "nobody@example.com"]) == 1
    assert "is an administrator now" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["anna", "anna@example.com;bert@example.com", "@"])
def test_an_operator_without_an_address_is_told_at_the_start(text: str) -> None:
    with pytest.raises(SettingsError, match="ADMIN_EMAILS"):
        read_admins(text)


# --- jobs and queues ------------------------------------------------------------------------------------------------


def test_an_operator_sees_all_jobs_and_queues_but_not_what_was_asked_for(named: Api) -> None:
    admin, anna, bert = operator(named), named.person(), named.person()
    ids = [waiting(anna), waiting(bert), waiting(anna)]
    reply = admin.get("/api/admin/jobs?per_page=2").json
    assert reply is not None
    assert [job["job_id"] for job in reply["jobs"]] == [ids[2], ids[1]] and reply["total"] == 3
    assert {job["owner_id"] for job in reply["jobs"]} == {anna.id, bert.id}
    assert LINK not in str(reply)
    assert reply["queues"]["downloads"]["waiting"] == 3 and reply["queues"]["encodes"]["waiting"] == 0
    assert admin.get("/api/admin/jobs?per_page=2&page=2").json["jobs"][0]["job_id"] == ids[0]  # type: ignore[index]
    assert admin.get("/api/admin/jobs?kind=encode").json["total"] == 0  # type: ignore[index]
    assert admin.get("/api/admin/jobs?status=pending&kind=transcript").json["total"] == 3  # type: ignore[index]
    for query in ("status=nonsense", "kind=nonsense", "page=0", "per_page=101"):
        assert admin.get(f"/api/admin/jobs?{query}").status_code == 400


def test_prometheus_is_told_queues_durations_failures_and_programs(named: Api) -> None:
    anna = named.person()
    waiting(anna)
    named.services.runner.run(waiting(anna))
    text = named.call("GET", "/metrics").text
    assert 'ytdl_queue_depth{queue="downloads"} 1\n' in text and 'ytdl_queue_running{queue="downloads"} 0\n' in text
    assert "ytdl_capture_segments_total 0\n" in text and "ytdl_capture_pool_bytes 0\n" in text
    assert 'ytdl_queue_oldest_seconds{queue="downloads"} ' in text and "ytdl_ffmpeg_processes " in text
    assert 'ytdl_jobs_ended_total{kind="transcript",status="completed"} 1\n' in text
    assert 'ytdl_job_duration_seconds_bucket{kind="transcript",le="+Inf"} 1\n' in text
    assert 'ytdl_job_duration_seconds_count{kind="transcript"} 1\n' in text
    assert text.count("# TYPE ytdl_job_duration_seconds histogram\n") == 1
    read = named.call("GET", "/api/metrics").json
    assert read is not None and read["queues"]["downloads"] == {
        "waiting": 1,
        "running": 0,
        "oldest_seconds": read["queues"]["downloads"]["oldest_seconds"],
    }


# --- diagnostics ----------------------------------------------------------------------------------------------------


def test_the_diagnostics_name_every_part_and_try_it(api: Api, anna: Person) -> None:
    told = anna.get("/api/diagnostics").json
    assert told is not None
    parts = {name: part["problem"] for name, part in told["self_test"].items()}
    expected = dict.fromkeys(("encode", "sandbox", "mongodb", "redis", "egress"))
    if available().files == "none":
        del expected["sandbox"], parts["sandbox"]
    assert parts == expected
    assert told["packages"]["yt-dlp"] and told["packages"]["yt-dlp-ejs"] and told["ytdlp_age_days"] is not None
    assert told["ffmpeg"]["version"] and "libx264" in told["ffmpeg"]["encoders"]
    assert told["ffmpeg"]["path"] in [one["path"] for one in told["ffmpeg"]["programs"]] and told["ffmpeg"]["reason"]
    assert told["ffmpeg"]["hardware"] is None, "HARDWARE_ENCODING is off"
    assert told["js_runtime"].startswith("deno ")
    assert told["sandbox"] == {
        "files": available().files,
        "network": available().network,
        "reasons": list(available().reasons),
    }
    assert told["stores"]["mongodb"] and told["stores"]["redis"].startswith(("valkey ", "redis "))
    assert told["system"]["disk_free_bytes"] > 0 and set(told["queues"]) == {"captures", "downloads", "encodes"}
    assert list(api.services.files.downloads.glob(".self-test*")) == [], "nothing is left on the disk"


def test_those_who_ask_at_once_share_one_answer(api: Api, anna: Person) -> None:
    first, second = anna.get("/api/diagnostics").json, anna.get("/api/diagnostics").json
    assert first == second


class _Silent:
    """A store's port that accepts connections and never answers."""

    def __enter__(self) -> int:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=100)
        return int(self._socket.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def test_stores_that_hang_are_told_and_not_waited_for(tmp_path: Path) -> None:
    with _Silent() as port:
        services = build(
            api_settings(tmp_path, mongodb_uri=f"mongodb://127.0.0.1:{port}", redis_uri=f"redis://127.0.0.1:{port}"),
            notifier=RecordingNotifier(),
        )
        services.diagnostics._patience = 12.0
        with within():
            found = services.diagnostics.diagnose()
    broken = {part.name: part for part in found.self_test if not part.ok}
    assert not found.ok and {"mongodb", "redis"} <= set(broken)
    assert found.mongodb is None and found.redis is None
    assert any("MongoDB" in reason for reason in found.reasons)


def test_a_part_that_hangs_is_told_while_the_others_answer(api: Api) -> None:
    test = api.services.diagnostics._self_test

    free = threading.Event()

    class Hanging:
        def session(self) -> Any:
            free.wait(HANG_SECONDS)

    slow = dataclasses.replace(test, egress=cast(Any, Hanging()))
    by_name: dict[str, Checked] = {part.name: part for part in slow.run(seconds=8)}
    free.set()
    assert by_name["egress"].problem == "no answer within 8 s"
    assert by_name["mongodb"].ok and by_name["redis"].ok


def test_a_way_out_that_refuses_nothing_is_noticed(api: Api) -> None:
    test = api.services.diagnostics._self_test
    open_door = EgressProxy(Policy(AllowList.parse("127.255.255.254:80")))
    changed = dataclasses.replace(test, egress=open_door)
    by_name = {part.name: part for part in changed.run(seconds=30)}
    assert by_name["egress"].problem == "the egress proxy did not refuse a private address"


def test_the_age_of_ytdlp_is_read_from_its_name() -> None:
    assert age_days("2026.10.26", date(2026, 11, 5)) == 10
    assert age_days("2026.10.26.232938", date(2026, 11, 5)) == 10
    assert age_days("1.2", date(2026, 11, 5)) is None and age_days(None, date(2026, 11, 5)) is None
    assert age_days("2026.13.40", date(2026, 11, 5)) is None
