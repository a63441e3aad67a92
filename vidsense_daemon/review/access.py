"""Who may look: users with passwords, programs with tokens, sessions, and how often a password may be guessed.

Sessions live in memory: a restart logs everybody out (a reload does not), and no secret that could be stolen lies on
the disk. A session is a random id in a cookie; of it only a hash is kept, so not even a dump of the memory logs anybody
in.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from vidsense_daemon.base.backoff import delay_for
from vidsense_daemon.base.clock import Clock
from vidsense_daemon.base.errors import ConfigError

SESSION_S = 30 * 24 * 3600
_MOST_SESSIONS = 1000  # beyond it the least recently used one ends: memory is bounded
_FREE_FAILURES = 5  # a typing mistake costs nothing
_FIRST_WAIT_S, _LONGEST_WAIT_S = 2.0, 900.0
_MOST_REMEMBERED = 10_000
_SHORTEST_TOKEN = 24  # characters
_LONGEST_PASSWORD = 1024  # argon2 would take a megabyte, and its time
# OWASP's password storage cheat sheet: 19 MiB, two passes, one lane; kinder to a small server than 64 MiB
_PASSES, _MEMORY_KIB, _LANES = 2, 19 * 1024, 1


def password_hash(password: str) -> str:
    """The argon2id hash to put into the configuration."""
    return _hasher().hash(password)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who sends a request."""

    name: str  # of the user or token; empty when nobody has to log in
    by_token: bool = False  # a program: it sends no cookies, so no other site can speak in its name
    session: str = ""  # what the CSRF token is bound to


class Access:
    """Users, tokens and sessions; thread-safe. Without users and tokens everybody who gets through is let in."""

    def __init__(
        self, *, users: Mapping[str, str], tokens: Mapping[str, str], clock: Clock, before: Access | None = None
    ) -> None:
        """``users`` are name → argon2 hash, ``tokens`` name → token.

        ``before`` is whose visitors come over, when a reload begins anew: who is logged in stays so while name and
        password are the same, pages that are open go on, and whoever guesses passwords waits on.

        Raises:
            ConfigError: a hash is none, or a token is so short that it can be guessed.
        """
        self._hasher = _hasher()
        self._users = dict(users)
        self._tokens = {_digest(token): name for name, token in tokens.items()}
        self._clock = clock
        self._sessions: OrderedDict[str, tuple[str, float]] = OrderedDict()  # digest → user, ends at (monotonic)
        self._lock = threading.Lock()
        # one at a time: many guesses at once would cost 19 MiB and a core each
        self._hashing = threading.Lock()
        self._failures = LoginLimits(clock)
        self._csrf_key = secrets.token_bytes(32)
        # unknown users take as long as known ones
        self._nobody = password_hash(secrets.token_hex()) if users else ""
        check_logins(users, tokens)
        if before is not None:
            self._take_over(before)

    def _take_over(self, before: Access) -> None:
        self._csrf_key, self._failures = before._csrf_key, before._failures
        with before._lock:
            sessions = list(before._sessions.items())
        for digest, (user, ends_mono_s) in sessions:
            if self._users.get(user) == before._users.get(user) is not None:
                self._sessions[digest] = (user, ends_mono_s)

    @property
    def is_open(self) -> bool:
        """Nobody has to log in."""
        return not self._users and not self._tokens

    @property
    def has_users(self) -> bool:
        return bool(self._users)

    def login(self, user: str, password: str, *, address: str) -> str | None:
        """A new session's id, or none when the two don't belong together.

        Raises:
            TooManyTriesError: guessed too often from there, or at this name.
        """
        self._failures.check(address, user)
        stored = self._users.get(user)
        if not (self._fits(stored or self._nobody, password) and stored):
            self._failures.note(address, user)
            return None
        self._failures.forget(address, user)
        session = secrets.token_urlsafe(32)
        with self._lock:
            self._sessions[_digest(session)] = (user, self._clock.mono_s() + SESSION_S)
            while len(self._sessions) > _MOST_SESSIONS:
                self._sessions.popitem(last=False)
        return session

    def logout(self, session: str) -> None:
        with self._lock:
            self._sessions.pop(_digest(session), None)

    def visitor(self, *, bearer: str | None, session: str, visit: str) -> Visitor | None:
        """Who this is by token or cookie; none when they have to log in. ``visit`` is the cookie of an open door."""
        if bearer is not None:
            name = self._tokens.get(_digest(bearer))  # looked up by hash: the time tells nothing of the token
            return None if name is None else Visitor(name, by_token=True)
        if self.is_open:
            return Visitor("", session=visit)
        with self._lock:
            user, ends_mono_s = self._sessions.get(_digest(session), ("", float("-inf")))
            if ends_mono_s < self._clock.mono_s():
                self._sessions.pop(_digest(session), None)
                return None
            self._sessions.move_to_end(_digest(session))
        return Visitor(user, session=session)

    def csrf_token(self, session: str) -> str:
        """What a page's forms must carry: other sites can send our cookie, but can't read this."""
        return hmac.new(self._csrf_key, session.encode(), hashlib.sha256).hexdigest()

    def is_csrf_token(self, token: str, session: str) -> bool:
        return bool(session) and hmac.compare_digest(token.encode(), self.csrf_token(session).encode())

    def _fits(self, stored: str, password: str) -> bool:
        if len(password) > _LONGEST_PASSWORD:
            return False
        with self._hashing:
            try:
                return self._hasher.verify(stored, password)
            except (VerificationError, InvalidHashError):
                return False


class TooManyTriesError(Exception):
    """Wait before the next guess."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"too many wrong passwords: wait {wait_s:.0f} s")
        self.wait_s = wait_s


class LoginLimits:
    """How often a password may be guessed from one address and at one name; thread-safe.

    The first five failures are free, then each doubles the wait, up to 15 minutes. A name is given four times as many,
    so that whoever guesses from elsewhere does not soon lock its owner out.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()  # key → failures, free again at (mono_s)

    def check(self, address: str, user: str) -> None:
        now_mono_s = self._clock.mono_s()
        with self._lock:
            free_mono_s = max(self._failures.get(key, (0, 0.0))[1] for key, _ in _keys(address, user))
        if free_mono_s > now_mono_s:
            raise TooManyTriesError(free_mono_s - now_mono_s)

    def note(self, address: str, user: str) -> None:
        """It was wrong."""
        now_mono_s = self._clock.mono_s()
        with self._lock:
            for key, free in _keys(address, user):
                failures = self._failures.get(key, (0, 0.0))[0] + 1
                beyond = failures - free
                wait_s = delay_for(beyond, first_s=_FIRST_WAIT_S, cap_s=_LONGEST_WAIT_S) if beyond >= 0 else 0.0
                self._failures[key] = (failures, now_mono_s + wait_s)
                self._failures.move_to_end(key)
            while len(self._failures) > _MOST_REMEMBERED:
                self._failures.popitem(last=False)

    def forget(self, address: str, user: str) -> None:
        with self._lock:
            for key, _ in _keys(address, user):
                self._failures.pop(key, None)


def _keys(address: str, user: str) -> tuple[tuple[str, int], ...]:
    return (f"from {address}", _FREE_FAILURES), (f"at {_digest(user)}", 4 * _FREE_FAILURES)


def _hasher() -> PasswordHasher:
    return PasswordHasher(time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=_LANES, type=Type.ID)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def check_logins(users: Mapping[str, str], tokens: Mapping[str, str]) -> None:
    """Refuse a hash that is none, and a token that can be guessed, with a ConfigError."""
    for name, stored in users.items():
        if not stored.startswith("$argon2id$"):
            raise ConfigError(f"review.users.{name}: found no argon2id hash; `vidsense review password` makes one")
    for name, token in tokens.items():
        if len(token) < _SHORTEST_TOKEN:
            raise ConfigError(
                f"review.tokens.{name}: shorter than {_SHORTEST_TOKEN} characters; `openssl rand -hex 32` makes one"
            )
