"""The same range asked for by several people is fetched once; each has a file of its own."""

from __future__ import annotations

import pytest

from tests.api.actors import Api, Person
from tests.api.conftest import anna, api, bert

__all__ = ["anna", "api", "bert"]

pytestmark = pytest.mark.slow


def test_what_exists_is_not_made_twice(api: Api, anna: Person, bert: Person) -> None:
    first, same, other = anna.save(), bert.save(), bert.save(end_time=121)
    made = anna.post(f"/api/video/download/{first}")
    shared = bert.post(f"/api/video/download/{same}")
    assert made.data == shared.data and len(api.engine.calls) == 1
    assert f"video_{same}.mp4" in shared.headers["Content-Disposition"]
    assert bert.status(same)["title"] == "A film" and bert.status(same)["actual"] == anna.status(first)["actual"]
    bert.post(f"/api/video/download/{other}")
    assert len(api.engine.calls) == 2
    paths = [api.services.jobs.find_any(each).artifact for each in (first, same)]
    assert paths[0] and paths[1] and paths[0].path.samefile(paths[1].path) and paths[0].path != paths[1].path
    assert api.call("DELETE", f"/api/video/{first}", token=anna.token).status_code == 200
    assert bert.post(f"/api/video/download/{same}").data == shared.data
    assert bert.get(f"/api/video/download/{first}").status_code in (403, 404)


def test_another_format_is_another_file(api: Api, anna: Person, bert: Person) -> None:
    first, second = anna.save(), bert.save()
    anna.post(f"/api/video/download/{first}")
    bert.post(f"/api/video/download/{second}", json={"format_preference": "webm"})
    assert len(api.engine.calls) == 2
