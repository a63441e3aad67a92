"""A house with an open door, and one that asks for a password."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from .house import TOKEN, House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A server on loopback: nobody has to log in, and a program has a token."""
    with House(tmp_path / "state") as house:
        yield house


@pytest.fixture
def client(house: House) -> Iterator[httpx.Client]:
    """A visitor as a browser would be: keeps cookies, sends no token by itself."""
    with house.client() as client:
        yield client


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[House]:
    """A server that a program enters with a token."""
    with House(tmp_path / "state", tokens={"script": TOKEN}) as house:
        yield house


@pytest.fixture
def program(locked: House) -> Iterator[httpx.Client]:
    with locked.client(headers={"authorization": f"Bearer {TOKEN}"}) as client:
        yield client
