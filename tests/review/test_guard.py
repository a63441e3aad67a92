"""Attacks on the web server, each as an attacker would try it."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest
from store import scenes

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.review.guard import KnownNames

from .house import TOKEN, WAIT_S, House


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8811", "127.0.0.1.evil.example", "localhost.evil", ""])
def test_dns_rebinding_is_refused(host: str, house: House, client: httpx.Client) -> None:
    """A page on evil.example makes its name point at 127.0.0.1: the browser sends it as Host, and reads nothing."""
    house.happens()

    answer = client.get("/api/events", headers={"host": host})

    assert answer.status_code in (400, 421)
    assert "front_door" not in answer.text


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8811", "[::1]:8811"])
def test_loopback_goes_by_its_own_names(host: str, client: httpx.Client) -> None:
    """Whoever uses an ssh tunnel or another loopback name gets in."""
    assert client.get("/api/events", headers={"host": host}).status_code == 200


def test_two_hosts_are_no_host(house: House) -> None:
    """A request with two Host lines could mean one thing to a proxy and another to us."""
    assert house.server.address is not None
    with socket.create_connection(house.server.address, timeout=5) as connection:
        connection.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
        answer = connection.recv(200)

    assert answer.split()[1] in (b"400", b"421")


def test_a_forwarded_header_is_not_believed(house: House, client: httpx.Client) -> None:
    """Anybody can send X-Forwarded-Host: it opens no door."""
    answer = client.get("/api/events", headers={"host": "evil.example", "x-forwarded-host": "localhost"})

    assert answer.status_code == 421


def test_in_the_home_network_addresses_and_configured_names_are_ours() -> None:
    """Rebinding needs a name: an address can't be turned against its owner."""
    names = KnownNames(host="0.0.0.0", allowed_hosts=["Cameras.home"])

    assert names.knows("192.168.1.5:8811")
    assert names.knows("[fd00::5]:8811")
    assert names.knows("cameras.home")
    assert not names.knows("evil.example")
    assert not names.knows(None)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_another_site_cannot_write(headers: dict[str, str], house: House, client: httpx.Client) -> None:
    """CSRF: a form on another site, or on another port of this machine, deletes nothing, even with a stolen token."""
    id_ = house.happens()
    token = house.csrf(client)

    answer = client.delete(f"/api/events/{id_}", headers={"x-csrf-token": token, **headers})

    assert answer.status_code == 403
    assert not house.is_deleted(id_)


@pytest.mark.parametrize("token", ["", "0" * 64, "ü"])
def test_a_write_without_the_pages_token_is_refused(token: str, house: House, client: httpx.Client) -> None:
    """A browser too old to say where a form comes from sends no Origin: the token is what it lacks."""
    id_ = house.happens()
    house.csrf(client)

    headers = {"x-csrf-token": token.encode()} if token else {}
    answer = client.post(f"/events/{id_}/delete", data={"csrf": token} if token else {}, headers=headers)

    assert answer.status_code == 403
    assert not house.is_deleted(id_)


def test_a_token_is_bound_to_its_visit(house: House, client: httpx.Client) -> None:
    """What an attacker reads on a page of their own visit is worth nothing in another browser."""
    id_ = house.happens()
    with house.client() as attacker:
        stolen = house.csrf(attacker)
    house.csrf(client)

    answer = client.delete(f"/api/events/{id_}", headers={"x-csrf-token": stolen})

    assert answer.status_code == 403


def test_our_own_page_can_write(house: House, client: httpx.Client) -> None:
    """With the page's token as header or form field it works."""
    id_ = house.happens()
    token = house.csrf(client)

    by_script = client.patch(f"/api/events/{id_}", json={"pinned": True}, headers={"x-csrf-token": token})
    by_form = client.post(f"/events/{id_}/feedback", data={"csrf": token, "verdict": "good"})

    assert (by_script.status_code, by_form.status_code) == (200, 303)
    assert house.opinions.given([id_])[id_].verdict == "good"


def test_reading_changes_nothing(house: House, client: httpx.Client) -> None:
    """No address deletes or marks by GET: an image tag on any site can send those."""
    id_ = house.happens()

    for path in (f"/events/{id_}/delete", f"/events/{id_}/feedback", "/reviewed", "/logout"):
        assert client.get(path).status_code == 405
    client.get(f"/events/{id_}").raise_for_status()
    assert not house.is_deleted(id_)
    assert not house.is_reviewed(id_)
    assert house.opinions.given([id_]) == {}


@pytest.mark.parametrize(
    "path", ["/", "/live", "/api/events", "/api/openapi.json", "/metrics", "/static/style.css", "/no"]
)
def test_every_answer_forbids_scripts_and_frames(path: str, client: httpx.Client) -> None:
    """Even if a text got through unescaped, no browser would run it, nor show us in a frame."""
    headers = client.get(path, headers={"accept": "text/html"}).headers

    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


def test_no_other_origin_may_read(client: httpx.Client) -> None:
    """There is no CORS: a preflight is refused and no answer names another origin."""
    preflight = client.options(
        "/api/events", headers={"origin": "https://evil.example", "access-control-request-method": "GET"}
    )
    read = client.get("/api/events", headers={"origin": "https://evil.example"})

    assert preflight.status_code >= 400
    assert not [name for name in (*preflight.headers, *read.headers) if name.startswith("access-control")]


def test_cookies_are_out_of_reach_for_scripts_and_other_sites(client: httpx.Client) -> None:
    """HttpOnly and SameSite; the visit's cookie tells nobody who it is."""
    cookie = client.get("/", headers={"accept": "text/html"}).headers["set-cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static//etc/passwd",
        "/static/%00",
        "/api/events/../../etc/passwd/stills/0.jpg",
        "/api/events/%2e%2e%2f%2e%2e%2fvidsense.db/stills/0.jpg",
        "/api/events/x/stills/..%2f..%2fvidsense.db",
        "/api/cameras/..%2f..%2fvidsense.db/still.jpg",
        "/events/%2e%2e",
        f"/api/events/{'9' * 5000}",
    ],
)
def test_no_path_leads_out(path: str, house: House) -> None:
    """Traversal, encoded or not, NUL and over-long ids: nothing but an error comes back."""
    assert house.server.address is not None
    with socket.create_connection(house.server.address, timeout=5) as connection:
        # by hand: a client library would tidy the path up first
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert int(answer.split()[1]) in (400, 404, 422)
    assert b"SQLite format" not in answer
    assert b"build_app" not in answer
    assert b"root:" not in answer


def test_a_form_of_very_many_fields_is_refused(client: httpx.Client) -> None:
    """Ours have a handful: who sends hundreds to the login page is answered, and no traceback fills the log."""
    answer = client.post("/login", data={f"field_{number}": "1" for number in range(100)})

    assert answer.status_code == 422
    assert answer.json()["detail"] == "the form has too many fields"


def test_a_large_body_is_refused(house: House, client: httpx.Client) -> None:
    """64 KiB are enough for any form; a gigabyte must not be kept in memory, declared or not."""
    token = house.csrf(client)
    headers = {"x-csrf-token": token}

    declared = client.post("/reviewed", content=b"x" * 100_000, headers=headers)
    chunked = client.post("/reviewed", content=iter([b"x" * 50_000] * 2), headers=headers)

    assert (declared.status_code, chunked.status_code) == (413, 413)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "cameras.home"])
def test_an_open_door_to_the_network_is_refused_at_the_start(host: str, tmp_path: Path) -> None:
    """Without users or tokens the daemon does not even start on an address that others reach."""
    with pytest.raises(ConfigError, match=r"review\.users"):
        House(tmp_path / "state", host=host)


@pytest.mark.parametrize(
    "path", ["/", "/api/events", "/metrics", "/api/openapi.json", "/events/x", "/api/events/stream"]
)
def test_a_locked_house_shows_nothing_without_a_token(path: str, locked: House) -> None:
    """No page, no number, no schema; a wrong token is as good as none."""
    locked.happens()
    with locked.client() as stranger:
        nothing = stranger.get(path)
        wrong = stranger.get(path, headers={"authorization": f"Bearer {TOKEN}x"})

    assert (nothing.status_code, wrong.status_code) == (401, 401)
    assert "front_door" not in nothing.text + wrong.text


def test_health_needs_no_login_and_says_little(locked: House) -> None:
    """A monitor may ask; it learns whether the daemon is well, and no camera's name."""
    with locked.client() as stranger:
        answer = stranger.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "stuck": []})


MARKUP = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'{{7*7}}\u202e"


def test_what_cameras_and_models_say_is_text(house: House, client: httpx.Client) -> None:
    """A sign before the camera, a model's words, a note, a search: shown as written, never run."""
    words = scenes.words(MARKUP)
    words.details["claims"] = [{"claim": MARKUP, "support": 0.2, "certain": True}]  # type: ignore[index]
    words.details["visible_text"] = MARKUP  # type: ignore[index]
    id_ = house.happens(words=words, trigger="t<b>")
    client.post(f"/events/{id_}/feedback", data={"csrf": house.csrf(client), "verdict": "bad", "note": MARKUP})

    pages = [client.get(path, params={"q": MARKUP} if path == "/" else {}).text for path in ("/", f"/events/{id_}")]
    pages.append(client.get("/", params={"label": MARKUP, "show": "all"}).text)

    for page in pages:
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "{{7*7}}" in page
        assert "<b>" not in page.replace("<b>front_door</b>", "")


def test_odd_details_of_a_model_break_no_page(house: House, client: httpx.Client) -> None:
    """The stored answer has another form than any schema: the page shows what it can."""
    words = scenes.words()
    odd = {"claims": [{"claim": 5}, "x", None], "objects": "van", "actions": [None, {"a": 1}], "observations": 7}
    words.details.update(odd)  # type: ignore[attr-defined]
    id_ = house.happens(words=words)

    assert client.get(f"/events/{id_}").status_code == 200
    assert client.get("/", params={"label": "van"}).status_code == 200


def test_another_sites_page_sets_no_work_going(house: House, client: httpx.Client) -> None:
    """It could not read the answer, but keep the describer busy or take a place in the stream; links lead here."""
    other = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}

    assert client.get("/api/digest", headers=other).status_code == 403
    assert client.get("/live", headers=other | {"sec-fetch-mode": "navigate"}).status_code == 200
    assert client.get("/live", headers={"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}).status_code == 200


def test_who_never_finishes_asking_keeps_no_place(tmp_path: Path) -> None:
    """140 connections with half a request each would shut everybody else out: they are ended, a slow body too."""
    with House(tmp_path / "state", request_limit_s=0.3) as house:
        assert house.server.address is not None
        head = b"POST /login HTTP/1.1\r\nHost: localhost\r\n"
        with (
            socket.create_connection(house.server.address, timeout=WAIT_S) as half,
            socket.create_connection(house.server.address, timeout=WAIT_S) as slow,
        ):
            half.sendall(head)
            slow.sendall(head + b"Content-Length: 100\r\n\r\nuser=")

            assert half.recv(100) == b""
            assert slow.recv(100).split()[1] == b"408"


def test_a_wrong_method_is_told_the_right_ones(locked: House, program: httpx.Client) -> None:
    """All that the address takes, not only the first of them."""
    answer = program.put(f"/api/events/{locked.happens()}")

    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, GET, HEAD, PATCH")


def test_styles_and_scripts_travel_once(client: httpx.Client) -> None:
    """A slow connection is not made slower by files that have not changed."""
    first = client.get("/static/style.css")
    again = client.get("/static/style.css", headers={"if-none-match": first.headers["etag"]})

    assert first.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content) == (304, b"")
