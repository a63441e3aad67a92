"""HTTP answers that end: what a server sends beyond a size that no answer has is an error, not memory.

The clients of both kinds of servers gather a line until its end comes: measured, a server that sent none took 2 GB in
half a minute, and a stop waited for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx

_MOST_BYTES = 16 * 1024 * 1024  # a word at a time, each in 200 bytes of JSON, an answer has less than a megabyte


class BoundedTransport(httpx.AsyncHTTPTransport):
    """What httpx sends and receives with; `verify` and `trust_env` are given here and not to the client."""

    def __init__(self, *, verify: bool, most_bytes: int = _MOST_BYTES) -> None:
        super().__init__(verify=verify, trust_env=False)
        self._most_bytes = most_bytes

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As httpx does; reading the answer raises `httpx.ReadError` when it grows too large."""
        answer = await super().handle_async_request(request)
        assert isinstance(answer.stream, httpx.AsyncByteStream)
        answer.stream = _Bounded(answer.stream, self._most_bytes)
        return answer


class _Bounded(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, most_bytes: int) -> None:
        self._stream = stream
        self._most_bytes = most_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._most_bytes
        async for piece in self._stream:
            left -= len(piece)
            if left < 0:
                raise httpx.ReadError(f"it sent more than {self._most_bytes // 2**20} MB in one answer")
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()
