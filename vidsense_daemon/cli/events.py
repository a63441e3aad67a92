"""`vidsense events list|show|tail|export|feedback|ack|pin|unpin|delete`: what happened."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from vidsense_daemon.base.errors import EXIT_FAILED, EXIT_OK, PermanentError
from vidsense_daemon.cli.context import Subparsers, add_json_option, count, moment, open_storage_to_read
from vidsense_daemon.cli.event_json import event_json
from vidsense_daemon.cli.output import note, say, say_json, say_table, some
from vidsense_daemon.domain.events import EventRecord, Source, Verdict
from vidsense_daemon.settings.mistakes import no_such

if TYPE_CHECKING:
    from vidsense_daemon.store.archive import EventArchive

_TAIL_EVERY_S = 0.5
_LATEST = 500  # events in which a camera and a trigger that are in use occur


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("events", help="what happened: list, show, tail, export, feedback, ack, pin, delete")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    listing = actions.add_parser("list", help="the newest events, newest first")
    listing.add_argument("--camera", help="of this camera only")
    listing.add_argument("--trigger", help="of this trigger only")
    listing.add_argument("--source", choices=[source.value for source in Source], help="live events, or replayed ones")
    listing.add_argument("--verdict", choices=[verdict.value for verdict in Verdict], help="that were called so")
    listing.add_argument("--since", type=moment, metavar="WHEN", help="not before, such as 7d, 90m or 2026-11-22T18:00")
    listing.add_argument("--until", type=moment, metavar="WHEN", help="before")
    listing.add_argument("--limit", type=count, default=50, help="at most so many (default: %(default)s)")
    add_json_option(listing)
    listing.set_defaults(run=_list)

    show = actions.add_parser("show", help="one event with everything that is known about it")
    show.add_argument("id", help="the event's id")
    add_json_option(show)
    show.set_defaults(run=_show)

    tail = actions.add_parser("tail", help="each change as it is stored, until Ctrl-C")
    tail.add_argument("--last", type=count, default=5, metavar="N", help="begin with the last N events (default: 5)")
    add_json_option(tail)
    tail.set_defaults(run=_tail)

    export = actions.add_parser("export", help="events as CSV, JSON or Parquet, for other tools")
    export.add_argument("--format", choices=["csv", "json", "parquet"], default="csv", help="default: %(default)s")
    export.add_argument("--out", type=Path, metavar="FILE", help="default: standard output")
    export.add_argument("--camera", help="of this camera only")
    export.add_argument("--since", type=moment, metavar="WHEN", help="not before")
    export.add_argument("--until", type=moment, metavar="WHEN", help="before")
    export.set_defaults(run=_export)

    feedback = actions.add_parser("feedback", help="say whether an event was worth telling: triggers learn from it")
    feedback.add_argument("id", metavar="ID")
    feedback.add_argument("verdict", nargs="?", choices=[verdict.value for verdict in Verdict])
    feedback.add_argument("--note", help="your own words; without it an earlier note stays")
    feedback.add_argument("--clear", action="store_true", help="take back what was said")
    feedback.set_defaults(run=_feedback)

    for name, action, words in (
        ("ack", _acknowledge, "somebody has seen to it: hooks tell nobody of these events any more"),
        ("pin", _pin, "keep events for ever"),
        ("unpin", _unpin, "let the retention have events again"),
        ("delete", _delete, "delete events with their stills, now"),
    ):
        parser = actions.add_parser(name, help=words)
        parser.add_argument("ids", nargs="+", metavar="ID")
        parser.set_defaults(run=action)


def _list(args: argparse.Namespace) -> int:
    storage = open_storage_to_read()
    records = storage.archive.find(
        camera=args.camera,
        trigger=args.trigger,
        source=Source(args.source) if args.source else None,
        verdict=Verdict(args.verdict) if args.verdict else None,
        since=args.since,
        until=args.until,
        limit=args.limit,
    )
    if args.json:
        say_json([event_json(record) for record in records], indent=2)
    elif records:
        say_table(("time", "camera", "trigger", "s", "id", "verdict", "description"), map(_row, records))
    else:
        say("no events")
    if not records:
        _doubt_names(storage.archive, args)
    return 0


def _doubt_names(archive: EventArchive, args: argparse.Namespace) -> None:
    """Where nothing was found a name may be misspelt: cameras and triggers are those that have events, here or gone."""
    latest = [record.event for record in archive.find(limit=_LATEST)]
    for kind, name, known in (
        ("camera", args.camera, {event.camera for event in latest}),
        ("trigger", args.trigger, {event.trigger for event in latest}),
    ):
        if name is not None and known and name not in known:
            note(f"among the latest events {no_such(kind, name, sorted(known))}")


def _show(args: argparse.Namespace) -> int:
    storage = open_storage_to_read()
    record = storage.archive.get(args.id)
    if record is None:
        raise PermanentError(f"there is no event {args.id}: `vidsense events list` shows those that are")
    if args.json:
        say_json(event_json(record), indent=2)
        return 0
    for line in _lines(record):
        say(line)
    return 0


def _tail(args: argparse.Namespace) -> int:
    archive = open_storage_to_read().archive
    sequence = archive.newest_sequence()
    for record in reversed(archive.find(limit=args.last)):
        _say_change("", record, as_json=args.json)
    for kind, record in _changes(archive, sequence):
        _say_change(kind, record, as_json=args.json)
    return 0


def _changes(archive: EventArchive, sequence: int) -> Iterator[tuple[str, EventRecord]]:
    while True:
        for change in archive.newer_than(sequence):
            sequence = change.sequence
            yield change.kind, change.record
        time.sleep(_TAIL_EVERY_S)


def _say_change(kind: str, record: EventRecord, *, as_json: bool) -> None:
    if as_json:
        say_json({"change": kind or None, **event_json(record)})
    else:
        say("  ".join(part for part in (*_row(record)[:6], kind, words_of(record)) if part))


def _row(record: EventRecord) -> tuple[str, ...]:
    event = record.event
    return (
        event.started_at.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
        event.camera,
        event.trigger,
        f"{(event.ended_at - event.started_at).total_seconds():.0f}",
        event.id,
        record.opinion.verdict.value if record.opinion else "",
        words_of(record),
    )


def words_of(record: EventRecord) -> str:
    """The description's words, or what has become of it."""
    description = record.description
    if description is None:
        return ""
    return description.summary or f"({description.status.value})"


def _lines(record: EventRecord) -> Iterator[str]:
    event, description = record.event, record.description
    yield f"{event.id}  {event.state.value}, {event.source.value}"
    yield f"  camera       {event.camera}" + (f" ({', '.join(event.zones)})" if event.zones else "")
    yield f"  trigger      {event.trigger}: {event.prompt}  [{event.severity.value}]"
    film = "recording" if event.source is Source.REPLAY else "stream"
    for name, at, pts_s in (("from", event.started_at, event.started_pts_s), ("to", event.ended_at, event.ended_pts_s)):
        yield f"  {name:<11}  {at.astimezone():%Y-%m-%d %H:%M:%S}  ({pts_s:.1f} s of the {film})"
    if event.explanation:
        yield f"  because      {event.explanation}"
    if event.labels:
        yield f"  labels       {', '.join(event.labels)}"
    yield f"  score        {event.score:.2f} over background, by {event.encoder}"
    if description:
        by = " ".join(part for part in (description.backend, description.model) if part)
        yield f"  description  {description.summary or '–'}  [{description.status.value}{', ' + by if by else ''}]"
        for answer in description.answers:
            yield f"    {answer.question} {answer.answer}"
        if description.error:
            yield f"    error: {description.error}"
    yield from _judged(record)
    for still in record.stills:
        yield f"  still        {still.role:<6} {still.path}"
    if record.clip:
        yield f"  clip         {record.clip.duration_s:.0f} s   {record.clip.path}"


def _judged(record: EventRecord) -> Iterator[str]:
    """What people have said of it."""
    if record.opinion:
        note = f": {record.opinion.note}" if record.opinion.note else ""
        yield f"  verdict      {record.opinion.verdict.value}{note}"
    if record.acknowledged_at:
        yield f"  acknowledged {record.acknowledged_at.astimezone():%Y-%m-%d %H:%M:%S}"


def _export(args: argparse.Namespace) -> int:
    from vidsense_daemon.store.export import export_events

    storage = open_storage_to_read()
    with args.out.open("wb") if args.out else contextlib.nullcontext(sys.stdout.buffer) as out:
        exported = export_events(
            storage.database, out, form=args.format, camera=args.camera, since=args.since, until=args.until
        )
    note(some(exported, "event"))
    return EXIT_OK


def _acknowledge(args: argparse.Namespace) -> int:
    from vidsense_daemon.store.acknowledgements import Acknowledgements

    acknowledgements = Acknowledgements(open_storage_to_read().database)
    return _say_which(
        args.ids, lambda event_id: acknowledgements.acknowledge(event_id, datetime.now(UTC)), "acknowledged"
    )


def _feedback(args: argparse.Namespace) -> int:
    from vidsense_daemon.store.feedback import FeedbackStore

    if (args.verdict is None) != args.clear:
        raise PermanentError("say good or bad after the id, or --clear to take back what was said")
    feedback = FeedbackStore(open_storage_to_read().database, given_by="cli")
    if args.clear:
        return _say_which([args.id], feedback.clear, "its verdict is taken back", "it has no verdict")
    earlier = feedback.given([args.id]).get(args.id)
    note = (earlier.note if earlier else "") if args.note is None else args.note
    return _say_which(
        [args.id],
        lambda event_id: feedback.give(event_id, verdict=args.verdict, note=note, now=datetime.now(UTC)),
        args.verdict,
    )


def _pin(args: argparse.Namespace) -> int:
    from vidsense_daemon.store.retention import pin

    storage = open_storage_to_read()
    return _say_which(args.ids, lambda event_id: pin(storage.database, event_id, datetime.now(UTC)), "pinned")


def _unpin(args: argparse.Namespace) -> int:
    from vidsense_daemon.store.retention import unpin

    storage = open_storage_to_read()
    return _say_which(args.ids, lambda event_id: unpin(storage.database, event_id), "no longer pinned")


def _delete(args: argparse.Namespace) -> int:
    from vidsense_daemon.store.desk import EventDesk

    storage = open_storage_to_read()
    desk = EventDesk(storage.database, storage.media)
    still_open = "there is no such event that is over; one that is still open cannot be deleted"
    return _say_which(args.ids, lambda event_id: desk.delete(event_id, now=datetime.now(UTC)), "deleted", still_open)


def _say_which(
    event_ids: Sequence[str], act: Callable[[str], bool], done: str, missed: str = "there is no such event"
) -> int:
    """Act on each event; the exit status says whether all were there."""
    missing = [event_id for event_id in event_ids if not act(event_id)]
    for event_id in event_ids:
        say(f"{event_id}: {missed if event_id in missing else done}")
    return EXIT_FAILED if missing else EXIT_OK
