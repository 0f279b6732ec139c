"""A real browser for tests: Debian's Chromium without a window, spoken to by its own protocol.

A test opens an address, fills in a form, presses a button and reads what is shown. Every wait has
an end, and everything that was started is stopped.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from websockets.sync.client import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.client import ClientConnection

_WITHIN_S = 30
_LARGEST = 1 << 26
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-port=0",
)


def installed_chromium() -> str:
    """Find the browser, or skip the test and say why."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    return found


@dataclass
class Tab:
    """One page of the browser."""

    connection: ClientConnection
    session: str
    _sent: int = field(default=0)

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and wait for its answer; events that come before it are dropped."""
        self._sent += 1
        command = {"id": self._sent, "method": method, "params": params}
        if self.session:
            command["sessionId"] = self.session
        self.connection.send(json.dumps(command))
        while True:
            answer = json.loads(self.connection.recv(timeout=_WITHIN_S))
            if answer.get("id") == self._sent:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def run(self, script: str) -> Any:
        """Run a line of script in the page, as a person's hands: the page itself has none."""
        found = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def open(self, address: str) -> None:
        self.ask("Page.navigate", url=address)
        self.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'")

    def wait_for(self, claim: str) -> None:
        """Look until a claim about the page holds."""
        end = time.monotonic() + _WITHIN_S
        while not self.run(f"Boolean({claim})"):
            assert time.monotonic() < end, (
                f"{claim}: not within {_WITHIN_S} s: {self.text()[:2000]}"
            )
            time.sleep(0.1)  # a browser has no clock that a test could move

    def text(self) -> str:
        return str(self.run("document.body.innerText"))

    def fill(self, form: str, **values: str) -> None:
        """Write into the fields of a form, found by its selector."""
        for name, value in values.items():
            place = f"document.querySelector({json.dumps(f'{form} [name={name}]')})"
            self.run(f"{place}.value = {json.dumps(value)}")

    def press(self, selector: str) -> None:
        """Press a button as a mouse does, which sends its form; then wait for the next page."""
        self.run("window.isOld = true")
        self.run(f"document.querySelector({json.dumps(selector)}).click()")
        self.wait_for("window.isOld === undefined && document.readyState === 'complete'")

    def resize(self, width: int, height: int, *, dark: bool = False) -> None:
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, file: Path, *, whole: bool = False) -> None:
        found = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(found["data"]))


@contextmanager
def running_tab() -> Iterator[Tab]:
    """Run a browser with one empty page while the block lasts; skips where there is none."""
    binary = installed_chromium()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [binary, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with connect(_address(Path(profile), running), max_size=_LARGEST) as connection:
                whole = Tab(connection, "")
                pages = whole.ask("Target.getTargets")["targetInfos"]
                page = next(each["targetId"] for each in pages if each["type"] == "page")
                attached = whole.ask("Target.attachToTarget", targetId=page, flatten=True)
                yield Tab(connection, attached["sessionId"], 1000)
        finally:
            running.terminate()
            running.wait(timeout=_WITHIN_S)


def _address(profile: Path, running: subprocess.Popen[bytes]) -> str:
    """Read where the browser listens, which it writes down once it does."""
    file, end = profile / "DevToolsActivePort", time.monotonic() + _WITHIN_S
    while running.poll() is None and time.monotonic() < end:
        lines = file.read_text(encoding="utf-8").split() if file.is_file() else []
        if len(lines) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.05)  # the browser starts in its own time
    pytest.skip(f"chromium did not start (exit code {running.poll()})")
