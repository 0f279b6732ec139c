"""``activation board`` as a process: it says where it is, answers, and ends when it is told to."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from installation import NAME, Installation, installed
from starlette.testclient import TestClient

from activation_pipeline.board import create_board, open_door, open_installation
from activation_pipeline.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMAND = str(Path(sys.executable).with_name("activation"))


def board(place: Installation, *options: str) -> subprocess.Popen[str]:
    command: Sequence[str] = (COMMAND, "board", *options)
    environment = {**os.environ, **place.environment}
    return subprocess.Popen(
        command,
        env=environment,
        cwd=place.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_board_says_where_it_is_answers_and_ends(tmp_path: Path, built: Path) -> None:
    place = installed(tmp_path, built, "http://127.0.0.1:9")
    (tmp_path / "contracts" / "broken.yaml").write_text("version: [", encoding="utf-8")
    with board(place, "--json") as running:
        assert running.stdout is not None
        told = ""
        while "}" not in told:
            told += running.stdout.readline()
        url = json.loads(told)["url"]
        page = requests.get(url, timeout=10)
        assert page.status_code == 200
        assert NAME in page.text
        assert "broken" in page.text
        # Neither the folder's place nor anything of this machine is on a page.
        assert str(tmp_path) not in page.text
        place.write("written_later")
        assert "written_later" in requests.get(url, timeout=10).text
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=10) == 0


def test_a_board_that_cannot_start_says_why(tmp_path: Path, built: Path) -> None:
    place = installed(tmp_path, built, "")
    open_to_all = place.run("board", "--host", "0.0.0.0")  # noqa: S104 - refused
    assert open_to_all.exit_code == 1
    assert "ACTIVATION_BOARD_TOKEN: not set" in open_to_all.stderr
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with board(place, "--port", port) as running:
            _, told = running.communicate(timeout=30)
    assert running.returncode == 1
    assert f"port {port} is not available" in told
    assert "Traceback" not in told


def test_the_board_answers_while_somebody_writes_to_the_ledger(tmp_path: Path, built: Path) -> None:
    place = installed(tmp_path, built, "http://127.0.0.1:9")
    settings = read_settings(place.environment)
    now = datetime.now(UTC)
    with open_installation(settings, clock=lambda: now) as installation:
        door = open_door({}, "127.0.0.1", clock=lambda: now)
        app = create_board(installation, door)
        browser = TestClient(app, base_url="http://127.0.0.1")
        with closing(sqlite3.connect(tmp_path / "home" / "ledger.sqlite")) as writer:
            writer.execute("BEGIN IMMEDIATE")
            for path in ("/", f"/contracts/{NAME}"):
                assert browser.get(path).status_code == 200
            writer.execute("ROLLBACK")
