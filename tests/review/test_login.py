"""Users, sessions, and how often a password may be guessed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fakes import SimulatedClock

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.review.access import Access, LoginLimits, TooManyTriesError, password_hash

from .house import House

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def stored() -> str:
    return password_hash(PASSWORD)


@pytest.fixture
def house(tmp_path: Path, stored: str) -> Iterator[House]:
    with House(tmp_path / "state", users={"anna": stored}) as house:
        yield house


@pytest.fixture
def client(house: House) -> Iterator[httpx.Client]:
    with house.client(headers={"accept": "text/html"}) as client:
        yield client


def login(client: httpx.Client, *, user: str = "anna", password: str = PASSWORD, onward: str = "/") -> httpx.Response:
    page = client.get("/login", params={"next": onward}).text
    fields = {name: page.partition(f'name="{name}" value="')[2].partition('"')[0] for name in ("csrf", "next")}
    return client.post("/login", data={"user": user, "password": password, **fields})


def test_a_page_leads_to_the_login_and_back(house: House, client: httpx.Client) -> None:
    """Whoever opens a link from a message logs in once and sees what the link meant."""
    id_ = house.happens()

    asked = client.get(f"/events/{id_}")
    assert asked.status_code == 303
    page = client.get(asked.headers["location"]).text
    onward = page.partition('name="next" value="')[2].partition('"')[0]
    answer = login(client, onward=onward)

    assert answer.headers["location"] == f"/events/{id_}"
    assert client.get(f"/events/{id_}").status_code == 200


def test_a_session_cookie_says_nothing_and_ends_with_the_logout(house: House, client: httpx.Client) -> None:
    """Random, HttpOnly, and worthless after logging out, also for who copied it."""
    cookie = login(client).headers["set-cookie"]
    copied = client.cookies["vidsense_session"]
    client.post("/logout", data={"csrf": house.csrf(client)})

    with house.client(cookies={"vidsense_session": copied}) as thief:
        answer = thief.get("/api/events")

    assert "HttpOnly" in cookie
    assert "anna" not in copied
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("user", "password"), [("anna", "wrong"), ("nobody", PASSWORD), ("anna", "x" * 5000), ("", "")]
)
def test_a_wrong_password_and_an_unknown_name_look_alike(user: str, password: str, client: httpx.Client) -> None:
    """What is said tells nobody which names exist."""
    answer = login(client, user=user, password=password)

    assert answer.status_code == 401
    assert "the name or the password is wrong" in answer.text
    assert "vidsense_session" not in client.cookies


def test_guessing_is_slowed_down(client: httpx.Client) -> None:
    """After five wrong passwords even the right one has to wait."""
    for _ in range(6):
        login(client, password="guess")

    answer = login(client)

    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


def test_the_wait_doubles_and_passes() -> None:
    """2, 4, 8 s … up to 15 minutes; then one more guess."""
    clock = SimulatedClock()
    limits = LoginLimits(clock)
    waits = []
    for _ in range(16):
        limits.note("192.168.1.9", "anna")
        try:
            limits.check("192.168.1.9", "anna")
        except TooManyTriesError as error:
            waits.append(error.wait_s)
            clock.advance(error.wait_s)

    assert waits[:4] == [2, 4, 8, 16]
    assert waits[-1] == 900
    limits.check("192.168.1.9", "anna")


def test_guessing_from_elsewhere_does_not_lock_the_owner_out_at_once() -> None:
    """An address is stopped after five; the name itself only after twenty, from however many addresses."""
    limits = LoginLimits(SimulatedClock())
    for guess in range(10):
        limits.note(f"10.0.0.{guess}", "anna")
    limits.check("192.168.1.2", "anna")

    for guess in range(20):
        limits.note(f"10.0.1.{guess}", "anna")
    with pytest.raises(TooManyTriesError):
        limits.check("192.168.1.2", "anna")


def test_logging_in_as_somebody_else_by_a_forged_form_is_refused(client: httpx.Client) -> None:
    """Login CSRF: another site must not log this browser in to an attacker's account."""
    client.get("/login")

    answer = client.post("/login", data={"user": "anna", "password": PASSWORD, "csrf": "x"})

    assert answer.status_code == 403


@pytest.mark.parametrize(
    "onward", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\nx", ""]
)
def test_a_link_to_the_login_leads_nowhere_else(onward: str, client: httpx.Client) -> None:
    """An open redirect would send whoever has just logged in to a page that looks like ours."""
    page = client.get("/login").text
    csrf = page.partition('name="csrf" value="')[2].partition('"')[0]

    answer = client.post("/login", data={"user": "anna", "password": PASSWORD, "csrf": csrf, "next": onward})

    assert answer.headers["location"] == "/"


def test_behind_https_cookies_stay_on_https(tmp_path: Path, stored: str) -> None:
    """With a public address of https the cookies are Secure, and that name is known."""
    with (
        House(tmp_path / "state", users={"anna": stored}, public_url="https://cameras.example") as house,
        house.client(headers={"host": "cameras.example"}) as client,
    ):
        answer = client.get("/login", headers={"accept": "text/html"})

    assert answer.status_code == 200
    assert "Secure" in answer.headers["set-cookie"]


def test_a_session_ends_after_a_month(stored: str) -> None:
    """A phone that was given away does not stay logged in for ever."""
    clock = SimulatedClock()
    access = Access(users={"anna": stored}, tokens={}, clock=clock)
    session = access.login("anna", PASSWORD, address="192.168.1.9")
    assert session is not None
    assert access.visitor(bearer=None, session=session, visit="") is not None

    clock.advance(31 * 24 * 3600)

    assert access.visitor(bearer=None, session=session, visit="") is None


@pytest.mark.parametrize(
    ("users", "tokens", "key"),
    [({"anna": "plain"}, {}, "review.users.anna"), ({}, {"script": "short"}, "review.tokens.script")],
)
def test_a_plain_password_or_a_short_token_is_refused(users: dict[str, str], tokens: dict[str, str], key: str) -> None:
    """The message names the key and what makes a good one, and does not repeat the secret."""
    with pytest.raises(ConfigError, match=key) as raised:
        Access(users=users, tokens=tokens, clock=SimulatedClock())

    assert "plain" not in str(raised.value)
    assert "openssl" in str(raised.value) or "vidsense" in str(raised.value)


def test_a_reload_logs_nobody_out_whose_password_stays(stored: str) -> None:
    """Open pages go on, too. Who has a new password, or is no longer a user, logs in anew."""
    clock = SimulatedClock()
    before = Access(users={"anna": stored, "ben": stored, "cleo": stored}, tokens={}, clock=clock)
    sessions = {user: before.login(user, PASSWORD, address="10.0.0.1") or "" for user in ("anna", "ben", "cleo")}

    after = Access(users={"anna": stored, "ben": password_hash("another one")}, tokens={}, clock=clock, before=before)

    assert [user for user in sessions if after.visitor(bearer=None, session=sessions[user], visit="")] == ["anna"]
    assert after.is_csrf_token(before.csrf_token(sessions["anna"]), sessions["anna"])


def test_a_reload_gives_nobody_new_tries(stored: str) -> None:
    """Whoever has guessed too often waits on."""
    clock = SimulatedClock()
    before = Access(users={"anna": stored}, tokens={}, clock=clock)
    for _ in range(5):
        before.login("anna", "wrong", address="10.0.0.1")
    after = Access(users={"anna": stored}, tokens={}, clock=clock, before=before)

    with pytest.raises(TooManyTriesError):
        after.login("anna", PASSWORD, address="10.0.0.1")
