"""The document of the API against the API: random requests that it allows and forbids, answers that it promises."""

from __future__ import annotations

from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from pymongo.database import Database
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from src.app import create_app
from src.bootstrap import build, prepare_database
from src.errors import VideoUnavailable
from tests.api.actors import Api, Person
from tests.api.conftest import api_settings
from tests.tools.fakes import FakeEngine, RecordingNotifier

pytestmark = pytest.mark.slow

EXAMPLES = 6  # of one operation; a seed is fixed, so that a failure can be repeated
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# Answered by streams that do not end, by a protocol of its own, or at the end of a job, which nothing runs here.
ENDLESS = ["/api/events", "/api/jobs/{job_id}/events", "/ws", "/audio_dl/api/auto-download/"]


@pytest.fixture(scope="module")
def contract_api(_mongo_client: Any, redis_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One app for all operations."""
    database: Database[dict[str, Any]] = _mongo_client["test_contract"]
    engine, notifier = FakeEngine(info=VideoUnavailable()), RecordingNotifier()
    services = build(
        api_settings(tmp_path_factory.mktemp("contract"), redis_uri=redis_uri, sync_wait_seconds=0),
        notifier=notifier,
        database=database,
        youtube=cast(Any, engine),
        encoder=cast(Any, engine),
        videos=cast(Any, engine),
    )
    prepare_database(database)
    yield Api(create_app(services.settings, services), services, engine, notifier)
    _mongo_client.drop_database(database)


@pytest.fixture(scope="module")
def contract_person(contract_api: Api) -> Person:
    return contract_api.person()


def test_every_answer_is_one_that_the_document_promises(contract_api: Api, contract_person: Person) -> None:
    """Without the plugin for pytest, which does not know this pytest: each operation is a hypothesis of its own."""
    document = schemathesis.openapi.from_wsgi("/openapi.json", contract_api.app)
    failures: list[str] = []
    tried = 0
    for found in document.exclude(path=ENDLESS).get_all_operations():
        operation = cast(Any, found).ok()

        def hold(case: Case[Any]) -> None:
            nonlocal tried
            tried += 1
            response = case.call(headers={"Authorization": f"Bearer {contract_person.token}"})
            case.validate_response(response, checks=CHECKS)

        test = settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )(given(case=operation.as_strategy())(hold))
        try:
            test()
        except (Exception, BaseExceptionGroup) as error:
            failures.append(f"{operation.label}: {str(error)[:1500]}")
        if operation.path in ("/api/auth/logout", "/api/auth/change-password"):
            contract_person.token = contract_api.person().token
    assert failures == [], "\n\n".join(failures)
    assert tried > 200
