"""Keeps what a query asks for out of the HTTP library's own log.

urllib3 logs each request's whole address at its most talkative level, and a query by key has
every key in it: e-mail addresses, where those are the keys. Nothing else of its log changes.
"""

from __future__ import annotations

import logging

_LOGGER = "urllib3.connectionpool"


class _WithoutQuery(logging.Filter):
    """Cuts the query off every address that a line of the log shows."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_cut(one) for one in record.args)
        return True


_WITHOUT_QUERY = _WithoutQuery()


def _cut(value: object) -> object:
    if not isinstance(value, str) or not value.startswith(("/", "http")):
        return value
    path, mark, _ = value.partition("?")
    return f"{path}?***" if mark else value


def keep_queries_out() -> None:
    """Let no query be logged from now on; asking twice changes nothing."""
    logging.getLogger(_LOGGER).addFilter(_WITHOUT_QUERY)
