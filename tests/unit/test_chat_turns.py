"""Commands of chats are carried out in turn, and one whose store hangs delays the others only a little."""

from __future__ import annotations

import threading

from flask import Flask, Response

from src.middleware.chat import in_time
from tests.tools.waiting import HANG_SECONDS


def test_commands_that_hang_do_not_hold_the_others() -> None:
    app, hang, hanging = Flask("chat"), threading.Event(), threading.Semaphore(0)

    def never_ends() -> Response:
        hanging.release()
        hang.wait(HANG_SECONDS)
        return Response("late")

    def ask() -> None:
        with app.test_request_context():
            in_time(never_ends, HANG_SECONDS)

    asking = [threading.Thread(target=ask) for _ in range(8)]
    for each in asking:
        each.start()
    try:
        for _ in asking:
            assert hanging.acquire(timeout=HANG_SECONDS)
        with app.test_request_context():
            assert in_time(lambda: Response("answered"), HANG_SECONDS).get_data(as_text=True) == "answered"
    finally:
        hang.set()
        for each in asking:
            each.join()
