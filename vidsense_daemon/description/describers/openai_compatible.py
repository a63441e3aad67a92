"""Any server that speaks OpenAI's chat API with pictures: llama-server, vLLM, LM Studio, and Ollama's own `/v1`.

The same questions, schema and limits as for Ollama; the pictures stand where the `[img]` marks stand in the text. A
server of this kind has its context set at its own start, so it cannot be asked for here, only kept within.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import aclosing
from typing import Any, NoReturn, TypeVar

import httpx

from vidsense_daemon.base.errors import DescriberError, DescriberUnavailableError, PermanentError
from vidsense_daemon.base.redact import url_credentials
from vidsense_daemon.description.cleaning import plain
from vidsense_daemon.description.describers.bounded import BoundedTransport
from vidsense_daemon.description.describers.private_loop import PrivateLoop
from vidsense_daemon.description.describers.server import (
    CONNECT_TIMEOUT_S,
    LONGEST_REASON,
    LOOK_TIMEOUT_S,
    WRITE_TIMEOUT_S,
    LoadedModel,
    Question,
    Reply,
    ServedModel,
)
from vidsense_daemon.description.families import family_of

BACKEND = "openai"

_MARK = "[img]"
_DATA = "data:"
_DONE = "[DONE]"
# malformed answers, and answers of another shape than the API's
_UNREADABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)

T = TypeVar("T")


class OpenAiCompatible:
    """One model on one server; see `ModelServer`. ``url`` ends before `/chat/completions`, mostly in `/v1`."""

    backend = BACKEND

    def __init__(
        self,
        *,
        url: str,
        model: str,
        api_key: str = "",
        num_ctx: int | None = None,
        first_token_timeout_s: float = 600.0,
        idle_timeout_s: float = 60.0,
    ) -> None:
        self.model = model
        self.num_ctx = num_ctx
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._first_token_timeout_s = first_token_timeout_s
        self._idle_timeout_s = idle_timeout_s
        self._loop = PrivateLoop()

    def look(self) -> ServedModel:
        async def names(client: httpx.AsyncClient) -> list[str]:
            answer = await client.get(f"{self._url}/models")
            await _raise_for_status(answer)
            return [str(row["id"]) for row in answer.json()["data"]]

        served = self._run(names, timeout_s=LOOK_TIMEOUT_S)
        if self.model not in served:
            raise DescriberUnavailableError(
                f"{self._where} does not serve {self.model}, but {', '.join(served[:5]) or 'no model'}; "
                "start it with that model or correct describer.model"
            )
        return ServedModel(family=family_of(model=self.model), marks=True, thinks=False)

    def load(self, served: ServedModel, *, timeout_s: float) -> None:
        question = Question(system="", text="Say yes.", jpegs=(), schema=None, temperature=0.0, most_tokens=1)
        self.ask(served, question, timeout_s=timeout_s)

    def ask(self, served: ServedModel, question: Question, *, timeout_s: float) -> Reply:  # noqa: ARG002 - the port's
        return self._run(lambda client: self._chat(client, question), timeout_s=timeout_s)

    def loaded(self) -> list[LoadedModel]:
        return []  # the API has no word for it

    def close(self) -> None:
        self._loop.close()

    async def _chat(self, client: httpx.AsyncClient, question: Question) -> Reply:
        body = _body(self.model, question)
        text, finished = "", ""
        usage: Mapping[str, Any] = {}
        request = client.build_request("POST", f"{self._url}/chat/completions", json=body)
        async with asyncio.timeout(self._first_token_timeout_s):
            answer = await client.send(request, stream=True)
        async with aclosing(answer):
            await _raise_for_status(answer)
            async for part in self._parts(answer):
                if "error" in part:
                    raise ValueError(str(part["error"]))
                usage = part.get("usage") or usage
                for choice in part.get("choices") or []:
                    text += choice["delta"].get("content") or ""
                    finished = choice.get("finish_reason") or finished
                if len(text) > question.longest_text:
                    finished = "length"
                    break
        if not finished:
            raise ValueError("the answer broke off")
        return Reply(
            text=text,
            complete=finished != "length",
            prompt_tokens=_new_tokens(usage),
            answer_tokens=usage.get("completion_tokens"),
        )

    async def _parts(self, answer: httpx.Response) -> AsyncIterator[Mapping[str, Any]]:
        """The events of the stream, each within its time limit; other lines are comments and keep-alives."""
        lines = answer.aiter_lines()
        limit_s = self._first_token_timeout_s
        while True:
            async with asyncio.timeout(limit_s):
                line = await anext(lines, None)
            if line is None or line == f"{_DATA} {_DONE}":
                return
            if line.startswith(_DATA):
                limit_s = self._idle_timeout_s
                yield json.loads(line.removeprefix(_DATA))

    def _run(self, request: Callable[[httpx.AsyncClient], Coroutine[Any, Any, T]], *, timeout_s: float) -> T:
        async def with_client() -> T:
            timeout = httpx.Timeout(None, connect=CONNECT_TIMEOUT_S, write=WRITE_TIMEOUT_S)
            async with httpx.AsyncClient(
                timeout=timeout,
                headers=self._headers,
                trust_env=False,
                transport=BoundedTransport(verify=self._url.startswith("https:")),
            ) as client:
                return await request(client)

        try:
            return self._loop.run(with_client, timeout_s=timeout_s)
        except TimeoutError:
            raise DescriberError(f"{self._where} did not answer in time") from None
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise DescriberUnavailableError(f"no server at {self._where}; start it or correct describer.url") from None
        except httpx.HTTPStatusError as error:
            self._raise_of_status(error.response)
        except (httpx.HTTPError, *_UNREADABLE) as error:
            raise DescriberError(f"{self._where} failed: {_cut(str(error)) or type(error).__name__}") from None

    def _raise_of_status(self, answer: httpx.Response) -> NoReturn:
        status, reason = answer.status_code, _reason_of(answer)
        if status in {400, 413, 422}:
            raise PermanentError(f"{self._where} cannot take this event: {reason}") from None
        if status in {401, 403}:
            raise DescriberUnavailableError(f"{self._where} wants another API key: {reason}") from None
        if status in {429, 503}:
            raise DescriberUnavailableError(f"{self._where} is busy: {reason}") from None
        if status < 500:
            raise DescriberUnavailableError(
                f"{self._where} has no chat API: HTTP {status}; describer.url mostly ends in /v1"
            ) from None
        raise DescriberError(f"{self._where} failed: HTTP {status}, {reason}") from None

    @property
    def _where(self) -> str:
        return url_credentials(self._url)


def _body(model: str, question: Question) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [{"role": "user", "content": list(_content(question))}]
    if question.system:
        messages.insert(0, {"role": "system", "content": question.system})
    body: dict[str, Any] = {
        "model": model,
        "messages": messages,
        "temperature": question.temperature,
        "max_tokens": question.most_tokens,
        "seed": 1,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if question.schema:
        schema = {"name": "event", "strict": True, "schema": dict(question.schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


def _content(question: Question) -> Iterator[dict[str, Any]]:
    """Text and pictures in their places; pictures without a mark come first, as Ollama puts them."""
    texts = question.text.split(_MARK)
    marked = min(len(texts) - 1, len(question.jpegs))
    unmarked = len(question.jpegs) - marked
    for jpeg in question.jpegs[:unmarked]:
        yield _picture(jpeg)
    for index, text in enumerate(texts):
        if text:
            yield {"type": "text", "text": text}
        if index < marked:
            yield _picture(question.jpegs[unmarked + index])


def _picture(jpeg: bytes) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"}}


async def _raise_for_status(answer: httpx.Response) -> None:
    if not answer.is_success:
        await answer.aread()
        answer.raise_for_status()


def _new_tokens(usage: Mapping[str, Any]) -> int | None:
    """The prompt's tokens without those from the cache, when the server tells them apart."""
    if "prompt_tokens" not in usage:
        return None
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    return int(usage["prompt_tokens"]) - int(cached)


def _reason_of(answer: httpx.Response) -> str:
    try:
        error = answer.json()["error"]
        return _cut(str(error.get("message", error) if isinstance(error, Mapping) else error))
    except _UNREADABLE:
        return _cut(answer.text)


def _cut(text: str) -> str:
    return plain(url_credentials(text), LONGEST_REASON)
