"""One request to one address and whatever comes back; nothing is repeated or judged here.

Sessions are lent to one thread at a time, so several threads may ask at once. Redirects are
not followed, because they would carry the credential elsewhere, and no error quotes an
address, a body or a credential.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import requests
from requests.auth import AuthBase
from urllib3.exceptions import NewConnectionError

from activation_pipeline.destinations._settings import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from requests.structures import CaseInsensitiveDict

_USER_AGENT = "activation-pipeline"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one request is tried before it is given up.

    ``tries`` and ``total_s`` in all, where ``total_s`` leaves out the waits for a limit that
    the vendor named, which have ``throttled_s``. A host with several addresses is given
    ``connect_s`` for each of them.
    """

    tries: int = 6
    total_s: float = 55.0
    connect_s: float = 5.0
    read_s: float = 30.0
    first_wait_s: float = 0.5
    throttled_s: float = 90.0


DEFAULT_PATIENCE = Patience()


@dataclass(frozen=True, slots=True)
class Clockwork:
    """How a client waits and measures; tests pass their own.

    ``today`` tells seconds since 1970, as every process of the machine does; a clock that is
    not the system's own tells that time too.
    """

    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    @property
    def today(self) -> Callable[[], float]:
        """Tell the time in a way that processes share."""
        return time.time if self.clock is time.monotonic else self.clock


DEFAULT_CLOCKWORK = Clockwork()


class NotJsonError(ValueError):
    """A body that is empty, cut short or a page for people."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, the raw body and the headers."""

    status: int
    body: bytes
    headers: CaseInsensitiveDict[str]

    def json(self) -> Any:
        """Parse the body.

        Raises:
            NotJsonError: the body cannot be trusted.
        """
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            message = f"a body of {len(self.body)} bytes that is not JSON"
            raise NotJsonError(message) from None

    def parsed(self) -> Any:
        """Parse the body, or answer None where it is not JSON."""
        try:
            return self.json()
        except NotJsonError:
            return None


class BearerAuth(AuthBase):
    """Puts the current token on each request; also keeps a ``.netrc`` from replacing it."""

    def __init__(self, token: str = "") -> None:
        """Start with a token, or with none until the first renewal."""
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign one request."""
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request

    def __repr__(self) -> str:
        """Show that there is a token, never the token."""
        return "BearerAuth(token=***)" if self.token else "BearerAuth(no token)"


@dataclass(frozen=True, slots=True)
class Request:
    """One request below the address of a ``Line``; ``path`` is percent-encoded."""

    method: str
    path: str
    body: bytes | None
    params: Mapping[str, str] | None
    headers: Mapping[str, str]


class NoAnswerError(Exception):
    """Nothing came back; ``applied`` says whether the request may have been carried out."""

    def __init__(self, kind: str, *, applied: bool) -> None:
        """Keep the kind of the failure: the library's own text has the whole address."""
        self.applied = applied
        super().__init__(f"no answer ({kind})")


class UntrustedError(Exception):
    """The far side's certificate is not trusted."""


class Line:
    """Sends requests below one address, from any number of threads."""

    def __init__(self, base_url: str, auth: AuthBase | None) -> None:
        """Prepare; nothing is sent."""
        self._base_url = base_url
        self._auth = auth
        self._idle: deque[requests.Session] = deque()

    def send(self, request: Request, *, connect_s: float, read_s: float) -> Answer:
        """Send one request and bring back the answer, whatever it says.

        Raises:
            NoAnswerError: refused, cut or out of time.
            UntrustedError: the certificate is not trusted.
        """
        session = self._lent()
        try:
            response = session.request(
                request.method,
                self._base_url + request.path,
                params=request.params,
                data=request.body,
                headers=request.headers,
                timeout=(connect_s, read_s),
                allow_redirects=False,
            )
        except requests.exceptions.SSLError:
            raise UntrustedError from None
        except requests.RequestException as error:
            applied = not _is_surely_unsent(error)
            raise NoAnswerError(type(error).__name__, applied=applied) from None
        finally:
            self._idle.append(session)
        return Answer(response.status_code, response.content, response.headers)

    def close(self) -> None:
        """Give back the connections."""
        while self._idle:
            self._idle.pop().close()

    def _lent(self) -> requests.Session:
        try:
            return self._idle.pop()
        except IndexError:
            pass
        session = requests.Session()
        # No proxy ever stands between two programs of one machine, and looking for one costs
        # a tenth of a millisecond per request.
        session.trust_env = not is_loopback(self._base_url)
        session.auth = self._auth
        session.headers.update({"User-Agent": _USER_AGENT, "Accept": "application/json"})
        return session


def _is_surely_unsent(error: requests.RequestException) -> bool:
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", None), NewConnectionError)
