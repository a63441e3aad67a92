"""What a check has found: the common form of `vidsense check` and `vidsense doctor`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How it is, from good to bad."""

    OK = "ok"
    WARNING = "warning"  # it works, but not as well or as long as it could
    FAILED = "failed"  # it does not work


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one thing that was looked at; whoever shows it masks the secrets first."""

    what: str
    verdict: Verdict
    says: str
    mend: str = ""  # the command, or the one thing to do; none when nothing is to be done


def good(what: str, says: str) -> Finding:
    """All is well."""
    return Finding(what, Verdict.OK, says)


def doubtful(what: str, says: str, mend: str = "") -> Finding:
    """It works, but somebody should know."""
    return Finding(what, Verdict.WARNING, says, mend)


def bad(what: str, says: str, mend: str = "") -> Finding:
    """It does not work."""
    return Finding(what, Verdict.FAILED, says, mend)


def worst(findings: Iterable[Finding]) -> Verdict:
    """The verdict on all of them."""
    found = {finding.verdict for finding in findings}
    return next((verdict for verdict in (Verdict.FAILED, Verdict.WARNING) if verdict in found), Verdict.OK)
