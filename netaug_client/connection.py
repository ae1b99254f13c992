"""HTTP to one server: time-outs, retries of what may be sent again, problems as exceptions."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx2
import stamina
from pydantic import ValidationError

from netaug_client.errors import BY_STATUS, ApiError, Problem, ServerUnreachable, Unavailable

TIMEOUT = httpx2.Timeout(30.0, connect=5.0)
STREAM_TIMEOUT = httpx2.Timeout(60.0, connect=5.0)  # the server pings every 15 seconds
ATTEMPTS = 6
LONGEST_RETRY_S = 45.0
LONGEST_PAUSE_S = 10.0

Query = Mapping[str, str | int | bool | list[str] | None]


class Connection:
    """A server's address, and the key to it."""

    def __init__(self, url: str, api_key: str) -> None:
        self.url = url.rstrip("/")
        self._http = httpx2.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {api_key}"},
            timeout=TIMEOUT,
            follow_redirects=False,
        )

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, query: Query | None = None) -> httpx2.Response:
        return self._send("GET", path, query=query)

    def post(
        self,
        path: str,
        body: object = None,
        *,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """POST that may be sent again: verbs are idempotent, a submit carries its key."""
        return self._send("POST", path, query=query, body=body, headers=headers)

    def delete(self, path: str) -> httpx2.Response:
        return self._send("DELETE", path)

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        given: dict[str, Any] = {"params": _present(query), "headers": dict(headers or {})}
        if body is not None:
            given["content"] = json.dumps(body)
            given["headers"]["Content-Type"] = "application/json"
        for attempt in stamina.retry_context(
            on=_pause, attempts=ATTEMPTS, timeout=LONGEST_RETRY_S, wait_initial=0.2
        ):
            with attempt:
                return self._once(method, path, given)
        raise AssertionError("retry_context returns or raises")  # pragma: no cover

    def _once(self, method: str, path: str, given: dict[str, Any]) -> httpx2.Response:
        try:
            response = self._http.request(method, path, **given)
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error
        raise_for_problem(response)
        return response

    def _unreachable(self, error: Exception) -> ServerUnreachable:
        return ServerUnreachable(
            f"{self.url} does not answer ({error}); is the platform up? `netaug up` starts one here"
        )

    @contextmanager
    def stream(
        self, path: str, *, query: Query | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[httpx2.Response]:
        """An answer whose body is read as it comes. Follows one redirect, without the key."""
        request = self._http.build_request(
            "GET", path, params=_present(query), headers=headers, timeout=STREAM_TIMEOUT
        )
        try:
            response = self._http.send(request, stream=True)
            if response.status_code == HTTPStatus.TEMPORARY_REDIRECT:
                address = response.headers["location"]
                response.close()
                with httpx2.stream("GET", address, timeout=STREAM_TIMEOUT) as elsewhere:
                    elsewhere.raise_for_status()
                    yield elsewhere
                return
            try:
                if response.is_error:
                    response.read()
                raise_for_problem(response)
                yield response
            finally:
                response.close()
        except (httpx2.TransportError, httpx2.HTTPStatusError) as error:
            raise self._unreachable(error) from error


def raise_for_problem(response: httpx2.Response) -> None:
    """Raise the ApiError that an error answer stands for."""
    if not response.is_error:
        return
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        title = f"HTTP {response.status_code} {response.reason_phrase}"
        problem = Problem(type="about:blank", title=title, status=response.status_code)
    kind = BY_STATUS.get(response.status_code, ApiError)
    raise kind(problem, retry_after_s=_seconds(response.headers.get("retry-after")))


def _seconds(header: str | None) -> float | None:
    # A date is allowed too; our server sends seconds, and without them the backoff serves.
    return float(header) if header is not None and header.isascii() and header.isdigit() else None


def _pause(error: Exception) -> bool | float:
    """Whether to send again; the seconds to wait before, if the server has named them."""
    if isinstance(error, Unavailable) and error.retry_after_s is not None:
        return min(error.retry_after_s, LONGEST_PAUSE_S)
    return isinstance(error, ServerUnreachable | Unavailable)


def part(text: str) -> str:
    """A piece of a path, whatever characters it has."""
    return quote(text, safe="")


def _present(query: Query | None) -> dict[str, Any]:
    return {name: _text(value) for name, value in (query or {}).items() if value is not None}


def _text(value: str | int | bool | list[str]) -> str | int | list[str]:
    return str(value).lower() if isinstance(value, bool) else value
