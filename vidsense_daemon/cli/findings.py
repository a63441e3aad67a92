"""How findings are shown: one line each, as soon as it is known, with what mends it below; or all of them as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from vidsense_daemon.base.redact import Redactor
from vidsense_daemon.cli.output import say
from vidsense_daemon.daemon.findings import Finding, Verdict

_WIDTH = max(len(verdict) for verdict in Verdict)


def told(findings: Iterable[Finding], *, redactor: Redactor, quiet: bool) -> list[Finding]:
    """The findings without secrets, each said at once unless ``quiet``: a camera may take its time."""
    found = []
    for finding in findings:
        found.append(replace(finding, says=redactor.text(finding.says), mend=redactor.text(finding.mend)))
        if not quiet:
            _say(found[-1])
    return found


def _say(finding: Finding) -> None:
    say(f"{finding.verdict:<{_WIDTH}}  {finding.what}: {finding.says}")
    if finding.mend:
        say(f"{'':<{_WIDTH}}    → {finding.mend}")


def as_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """The findings as plain values."""
    return [asdict(finding) for finding in findings]
