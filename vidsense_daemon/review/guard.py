"""What every request passes before any page or API sees it: one place, so no address can forget it.

    Host        a name we are known by, else 421: a page on evil.example that makes its name point at us
                (DNS rebinding) still sends `Host: evil.example`
    size        64 KiB of body, else 413; all of it within 20 s, else 408
    login       a session's cookie or a token, when there are users or tokens
    writing     from our own pages only: the browser's own word (`Origin`, `Sec-Fetch-Site`) and a token bound to the
                visitor, as header or form field; programs with a token of their own need neither
    reading     by another site's page is refused, unless it leads here by a link: it could not read the answer, but set
                work going
    leaving     the headers that forbid inline scripts, framing, sniffing and every other origin

There is no CORS: no other site may read an answer. Proxies' `X-Forwarded-*` is not believed, since anybody can send it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
from collections.abc import Sequence
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vidsense_daemon.review.access import Access, Visitor
from vidsense_daemon.review.problems import Problem, problem_response

SESSION_COOKIE = "vidsense_session"
VISIT_COOKIE = "vidsense_visit"
CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf"

_MOST_BODY_BYTES = 64 * 1024
_LONGEST_HEADER = 4096
_MOST_FIELDS = 50  # of a form; ours have a handful
_READS = frozenset({"GET", "HEAD"})
_PUBLIC = ("/healthz", "/login", "/static/")  # these say nothing that matters
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class KnownNames:
    """The names in `Host` that are ours.

    On loopback only loopback's. Bound elsewhere, any plain address too: rebinding needs a name, so an address is safe.
    """

    def __init__(self, *, host: str, allowed_hosts: Sequence[str]) -> None:
        self._names = {"localhost", host.lower(), *(name.lower() for name in allowed_hosts)}
        self._any_address = not is_loopback(host)

    def knows(self, host: str | None) -> bool:
        name = urlsplit(f"//{host}").hostname if host and host.isascii() else None
        if not name:
            return False
        return name in self._names or _is_address(name, loopback_only=not self._any_address)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that is bound to ``host``."""
    return host.lower() == "localhost" or _is_address(host.strip("[]"), loopback_only=True)


def _is_address(name: str, *, loopback_only: bool) -> bool:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or not loopback_only


class Guard:
    """ASGI middleware around everything; see the table above."""

    def __init__(
        self, app: ASGIApp, *, access: Access, names: KnownNames, secure_cookies: bool, request_limit_s: float
    ) -> None:
        self._app = app
        self._access = access
        self._names = names
        self._secure_cookies = secure_cookies
        self._request_limit_s = request_limit_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return  # no web sockets here
        headers = Headers(scope=scope)
        cookies = _cookies(headers)
        visit = cookies.get(VISIT_COOKIE, "")
        new_visit = "" if visit else secrets.token_urlsafe(32)
        # styles and scripts hold nothing private: asked for anew each time, sent only when they have changed
        caching = "no-cache" if scope["path"].startswith("/static/") else "no-store"
        sending = self._hardened(send, new_visit=new_visit, caching=caching)
        try:
            body = await _read_body_in_time(receive, headers, limit_s=self._request_limit_s)
            visitor = self._admit(scope, headers, cookies, visit or new_visit)
            if visitor is not None:
                _check_site(scope, headers, visitor)
                self._check_write(scope, headers, body, visitor)
        except Problem as problem:
            await problem_response(problem)(scope, receive, sending)
            return
        if visitor is None:
            await self._ask_to_login(scope)(scope, receive, sending)
            return
        scope["state"] = {**scope.get("state", {}), "visitor": visitor}
        await self._app(scope, _replaying(body, receive), sending)

    def _admit(self, scope: Scope, headers: Headers, cookies: dict[str, str], visit: str) -> Visitor | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._names.knows(hosts[0]):
            raise Problem(421, "this name is not in review.allowed_hosts: use the address, or add the name there")
        visitor = self._access.visitor(bearer=_bearer(headers), session=cookies.get(SESSION_COOKIE, ""), visit=visit)
        if visitor is None and scope["path"].startswith(_PUBLIC):
            return Visitor("", session=visit)  # the login form is guarded too: else others could log you in as them
        return visitor

    def _check_write(self, scope: Scope, headers: Headers, body: bytes, visitor: Visitor) -> None:
        if scope["method"] in _READS or visitor.by_token:
            return
        if not _same_origin(headers):
            raise Problem(403, "another site sent this request")
        token = headers.get(CSRF_HEADER) or _form_token(headers, body)
        if not self._access.is_csrf_token(token, visitor.session):
            raise Problem(403, "the page is too old or this is no page of ours: load it again, or use a token")

    def _ask_to_login(self, scope: Scope) -> ASGIApp:
        if "text/html" in Headers(scope=scope).get("accept", "") and self._access.has_users:
            query = scope["query_string"].decode("latin-1")
            onward = scope["path"] + (f"?{query}" if query else "")
            return RedirectResponse(f"/login?next={quote(onward, safe='')}", status_code=303)
        look = "log in at /login" if self._access.has_users else "add review.users to look with a browser"
        response = problem_response(Problem(401, f"{look}, or send `Authorization: Bearer <token>`"))
        response.headers["www-authenticate"] = "Bearer"
        return response

    def _hardened(self, send: Send, *, new_visit: str, caching: str) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", caching)
                if new_visit and headers.get("content-type", "").startswith("text/html"):
                    headers.append("set-cookie", cookie(VISIT_COOKIE, new_visit, secure=self._secure_cookies))
            await send(message)

        return sending


def cookie(name: str, value: str, *, secure: bool, max_age_s: int | None = None) -> str:
    """A `Set-Cookie` value that no script can read and no other site's request carries.

    Lax and not Strict: a link in a message to the phone must find its reader logged in; reading changes nothing.
    """
    parts = [f"{name}={value}", "Path=/", "HttpOnly", "SameSite=Lax"]
    parts += ["Secure"] if secure else []
    parts += [] if max_age_s is None else [f"Max-Age={max_age_s}"]
    return "; ".join(parts)


def _check_site(scope: Scope, headers: Headers, visitor: Visitor) -> None:
    """By the browser's own word, which no page can change; programs say nothing of the kind."""
    led_here = scope["method"] in _READS and headers.get("sec-fetch-mode") == "navigate"
    ours = headers.get("sec-fetch-site", "none") in ("same-origin", "none")
    if not (ours or led_here or visitor.by_token):
        raise Problem(403, "another site sent this request")


def _same_origin(headers: Headers) -> bool:
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


def _bearer(headers: Headers) -> str | None:
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def _cookies(headers: Headers) -> dict[str, str]:
    text = headers.get("cookie", "")
    if len(text) > _LONGEST_HEADER:
        return {}
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(text).items()}
    except CookieError:
        return {}


def _form_token(headers: Headers, body: bytes) -> str:
    if not headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return ""
    try:
        return parse_qs(body.decode("latin-1"), max_num_fields=_MOST_FIELDS).get(CSRF_FIELD, [""])[0]
    except ValueError as error:
        raise Problem(422, "the form has too many fields") from error


async def _read_body_in_time(receive: Receive, headers: Headers, *, limit_s: float) -> bytes:
    try:
        async with asyncio.timeout(limit_s):
            return await _read_body(receive, headers)
    except TimeoutError as error:
        raise Problem(408, f"the request took longer than {limit_s:.0f} s to arrive") from error


async def _read_body(receive: Receive, headers: Headers) -> bytes:
    declared = headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > _MOST_BODY_BYTES:
        raise Problem(413, f"at most {_MOST_BODY_BYTES} bytes are taken")
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Problem(400, "the connection ended within the request")
        body += message.get("body", b"")
        if len(body) > _MOST_BODY_BYTES:
            raise Problem(413, f"at most {_MOST_BODY_BYTES} bytes are taken")
        if not message.get("more_body", False):
            return bytes(body)


def _replaying(body: bytes, receive: Receive) -> Receive:
    """Hand the body that was read on, then whatever else comes: a disconnect."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
