"""The pages in a real browser, as their owner uses them; each test leaves a picture of what it saw."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import wait_until
from store import scenes

from vidsense_daemon.domain.events import Severity
from vidsense_daemon.review.access import password_hash

from .browsing import DESKTOP, PHONE, chromium
from .house import CameraSays, House, frame

_SLOWEST_MS = 10_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def complaints() -> list[str]:
    """What the browser said went wrong: script errors, broken pictures, blocked content."""
    return []


@pytest.fixture
def page(browser: Any, house: House, complaints: list[str], tmp_path: Path) -> Iterator[Any]:
    """A browser window that listens for complaints; what it shows in the end is kept as a picture."""
    page = browser.new_context(base_url=house.url, viewport=DESKTOP).new_page()
    page.set_default_timeout(_SLOWEST_MS)
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    page.screenshot(path=tmp_path / "seen.png")
    page.context.close()
    assert complaints == []


def cards(page: Any) -> list[str]:
    ids: list[str] = page.evaluate("[...document.querySelectorAll('.card')].map((card) => card.dataset.id)")
    return ids


def test_an_evening_of_reviewing_by_keyboard(house: House, page: Any) -> None:
    """j and k walk, g and b judge and go on, r marks as reviewed, Enter opens, u leads back."""
    oldest, middle, newest = (house.happens(minutes=minute) for minute in range(3))
    page.goto("/")

    page.keyboard.press("j")
    page.keyboard.press("b")
    page.locator(f"#e-{middle}.current").wait_for()
    page.keyboard.press("r")
    page.locator(f"#e-{oldest}.current").wait_for()
    page.keyboard.press("k")
    page.keyboard.press("g")
    page.locator(f"#e-{middle} .verdict.good:visible").wait_for()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url("**/events/*")
    page.keyboard.press("u")
    page.wait_for_url(lambda url: "/events/" not in url)

    opinions = house.opinions.given([newest, middle])
    assert (opinions[newest].verdict, opinions[middle].verdict) == ("bad", "good")
    assert house.is_reviewed(middle)


def test_what_was_reviewed_is_out_of_the_way(house: House, page: Any) -> None:
    """Unreviewed comes first; one press marks all, and what comes later is new again."""
    house.happens()
    page.goto("/")
    page.get_by_role("button", name="Mark all reviewed").click()
    page.locator("#empty").wait_for()

    later = house.happens(minutes=1)
    page.locator(f"#e-{later}").wait_for()

    assert cards(page) == [later]


def test_events_appear_and_change_by_themselves(house: House, page: Any) -> None:
    """A card comes when the event opens and gets its words when they are written, without a reload."""
    page.goto("/")
    page.locator("#empty").wait_for()
    event = scenes.event()
    house.rooms.events.opened(event, scenes.still(), scenes.window())
    card = page.locator(f"#e-{event.id}")
    card.get_by_text("still going on").wait_for()

    house.rooms.events.closed(scenes.ended(event), [], scenes.window())
    house.rooms.descriptions.finish(event.id, scenes.words("A fox at the gate."), scenes.NOON)
    card.get_by_text("A fox at the gate.").wait_for()


def test_filters_and_search_narrow_the_list(house: House, page: Any) -> None:
    """A choice takes effect at once; the slash key leads to the search box."""
    door = house.happens(words=scenes.words("A courier leaves a parcel."))
    yard = house.happens(minutes=1, camera="yard", severity=Severity.INFO, words=scenes.words("A grey cat."))
    page.goto("/")

    page.get_by_label("Camera", exact=True).select_option("yard")
    page.wait_for_url("**/?*camera=yard*")
    assert cards(page) == [yard]

    page.goto("/")
    page.keyboard.press("/")
    page.keyboard.type("parcel")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?*q=parcel*")
    assert cards(page) == [door]


def test_an_events_page_shows_its_evidence_and_takes_an_opinion(house: House, page: Any) -> None:
    """Film strip, attention, claims with their support; a note goes with good or bad; pin and describe again work."""
    words = scenes.words()
    claims = [
        {"claim": "a courier", "support": 0.4, "certain": True},
        {"claim": "an umbrella", "support": 0.02, "certain": False},
    ]
    words.details["claims"] = claims  # type: ignore[index]
    id_ = house.happens(words=words)
    page.goto(f"/events/{id_}")

    assert page.locator(".strip img").count() == 3
    assert page.locator(".attention rect").count() == 8
    assert "not supported" in page.locator(".claims .unsupported").inner_text()

    page.get_by_placeholder("Note").fill("the neighbour's parcel")
    page.get_by_role("button", name="Bad").click()
    page.locator("[data-key=b][aria-pressed=true]").wait_for()
    page.get_by_role("button", name="Pin").click()
    page.locator("form[data-action^=pin] button[aria-pressed=true]").wait_for()
    page.get_by_role("button", name="Describe again").click()
    page.get_by_text("pending, by ollama").wait_for()

    opinion = house.opinions.given([id_])[id_]
    assert (opinion.verdict, opinion.note) == ("bad", "the neighbour's parcel")
    assert id_ in house.desk.pinned([id_])


def test_looking_at_an_event_reviews_it(house: House, page: Any) -> None:
    """Who has read it for a moment need not press anything."""
    id_ = house.happens()
    page.goto(f"/events/{id_}")

    wait_until(lambda: house.is_reviewed(id_), "the event to be reviewed")


def test_deleting_asks_twice(house: House, page: Any) -> None:
    """The button is hidden until it is looked for; then it leads back to the list."""
    id_ = house.happens()
    page.goto(f"/events/{id_}")

    page.get_by_text("Delete …").click()
    page.get_by_role("button", name="Delete it with its stills").click()
    page.wait_for_url(lambda url: "/events/" not in url)

    assert house.is_deleted(id_)


def test_a_trigger_is_tried_on_the_past_and_saved(house: House, page: Any) -> None:
    """The stills it would have fired on; moving the threshold counts again; a name keeps it."""
    for minute in range(6):
        house.happens(minutes=minute)
    page.goto("/triggers")

    page.get_by_label("Look for").fill("a person carrying a parcel")
    page.get_by_role("button", name="Try it").click()
    page.locator("#firings .card").first.wait_for()
    before = page.locator("#rate").inner_text()
    page.locator("#threshold").fill("0.25")
    after = page.locator("#rate").inner_text()
    page.get_by_label("Name").fill("parcel")
    page.get_by_role("button", name="Save").click()
    wait_until(lambda: bool(house.past.saved), "the trigger to be saved")

    assert (before, after) == ("≈ 0.3 a day (2 in 7 days)", "≈ 0.7 a day (5 in 7 days)")
    assert house.past.saved == ["parcel: a person carrying a parcel at 0.25"]


def test_a_question_is_answered_with_its_events(house: House, page: Any) -> None:
    """The answer shows what it rests on, as cards."""
    id_ = house.happens()
    page.goto("/ask")

    page.get_by_label("Question").fill("did anyone come?")
    page.get_by_role("button", name="Ask").click()
    page.locator(f"#answer #e-{id_} .open").click()
    page.wait_for_url(f"**/events/{id_}")


@pytest.mark.parametrize("path", ["/", "/events/{id}", "/live", "/triggers", "/ask", "/health"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_phone(
    scheme: Any, path: str, browser: Any, house: House, tmp_path: Path, complaints: list[str]
) -> None:
    """390 px wide, dark and light: nothing sticks out to the side, what is pressed is large enough for a finger."""
    id_ = house.happens(words=scenes.words("A" + "very" * 40 + "longwordthatnobodybreaks"))
    page = browser.new_context(base_url=house.url, viewport=PHONE, color_scheme=scheme, has_touch=True).new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.format(id=id_))
    page.screenshot(path=tmp_path / "phone.png")

    wider_px = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    lowest_px = page.evaluate(
        "Math.min(...[...document.querySelectorAll('main button, main select')].filter(one => one.offsetHeight)"
        ".map(one => one.offsetHeight), 99)"
    )
    page.context.close()

    assert wider_px <= 0
    assert lowest_px >= 36
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(scheme: Any, browser: Any, house: House) -> None:
    """WCAG AA: every colour of text has a contrast of 4.5 : 1 on page and panel."""
    page = browser.new_context(base_url=house.url, color_scheme=scheme).new_page()
    page.goto("/")
    ratios = page.evaluate(_CONTRASTS)
    page.context.close()

    assert {name: ratio for name, ratio in ratios.items() if ratio < 4.5} == {}


# relative luminance and contrast by WCAG 2.2; colours are read as the browser resolves them
_CONTRASTS = """() => {
  const probe = document.body.appendChild(document.createElement("i"));
  const light = (name) => {
    probe.className = "";
    const value = getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
    const rgb = [1, 3, 5].map((at) => Number.parseInt(value.slice(at, at + 2), 16) / 255);
    const [r, g, b] = rgb.map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = {};
  for (const text of ["text", "faint", "accent", "alert", "warning", "info", "good"]) {
    for (const behind of ["page", "panel"]) {
      const [dark, bright] = [light(text), light(behind)].sort((a, b) => a - b);
      found[text + " on " + behind] = (bright + 0.05) / (dark + 0.05);
    }
  }
  return found;
}"""


def test_everything_has_a_name_for_those_who_cannot_see_it(house: House, page: Any) -> None:
    """Every field, button, link and picture is named or marked as decoration; headings begin at the top."""
    id_ = house.happens()
    nameless = """() => [...document.querySelectorAll("a, button, input:not([type=hidden]), select, textarea, svg")]
        .filter((one) => !one.closest("[aria-hidden=true], svg *"))
        .filter((one) => !(one.getAttribute("aria-label") || one.labels?.length || one.textContent.trim()
            || one.querySelector("img[alt]:not([alt=''])")))
        .map((one) => one.outerHTML)"""
    for path in ("/", f"/events/{id_}", "/live", "/triggers", "/ask", "/health"):
        page.goto(path)

        assert page.evaluate(nameless) == []
        assert page.locator("img:not([alt])").count() == 0
        assert page.locator("h1").count() == 1
        assert page.locator("html[lang]").count() == 1


def test_ten_thousand_events_scroll(house: House, page: Any) -> None:
    """Cards come page by page, and those off the screen cost no layout."""
    ids = house.happened(10_000)
    page.goto("/?show=all")

    for _ in range(4):
        seen = page.locator(".card").count()
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        wait_until(lambda seen=seen: page.locator(".card").count() > seen, "more cards")  # type: ignore[misc]

    shown = cards(page)
    assert shown == ids[::-1][: len(shown)]
    assert page.locator("#cards > .cards").first.evaluate("one => getComputedStyle(one).contentVisibility") == "auto"


def test_scripts_that_get_into_a_page_do_not_run(house: House, page: Any, complaints: list[str]) -> None:
    """The last line of defence, tried in the browser itself: inline scripts and handlers are blocked."""
    house.happens(words=scenes.words("<img src=x onerror=document.title='owned'>"))
    page.goto("/")
    page.evaluate(
        """() => { const bad = document.createElement("div");
        bad.innerHTML = "<img src=/nothing onerror=\\"document.title='owned'\\">"; document.body.append(bad);
        const script = document.createElement("script"); script.textContent = "document.title='owned'";
        document.body.append(script); }"""
    )
    blocked = "Content Security Policy"
    wait_until(lambda: page.evaluate("true") and sum(blocked in one for one in complaints) == 2, "both to be blocked")
    # the picture that is not there is told of as well, sooner or later
    wait_until(lambda: page.evaluate("true") and any("404" in one for one in complaints), "the missing picture")

    assert page.title() != "owned"
    complaints.clear()


def test_logging_in_with_a_browser(browser: Any, tmp_path: Path) -> None:
    """The login page leads on to what was asked for, and logging out closes the door."""
    with House(tmp_path / "locked", users={"anna": password_hash("correct horse")}) as house:
        page = browser.new_context(base_url=house.url).new_page()
        page.goto("/live")
        page.get_by_label("Name").fill("anna")
        page.get_by_label("Password").fill("correct horse")
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/live")
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url("**/login")
        page.goto("/live")

        assert "/login" in page.url
        page.context.close()


def test_a_picture_that_was_removed_is_told_of(house: House, page: Any, complaints: list[str]) -> None:
    """Retention took the files: the place says so, and shows no torn picture."""
    id_ = house.happens()
    for still in house.get(id_).stills:
        Path(still.path).unlink()
    for path in ("/", f"/events/{id_}"):
        page.goto(path)
        page.get_by_text("the picture is no longer there").first.wait_for()

    assert page.locator("main img").count() == 0
    complaints.clear()  # the browser has told of the missing files


def test_a_date_is_typed_without_being_interrupted(house: House, page: Any) -> None:
    """While its year is typed it is 0002 first; the page waits for a day that can be meant."""
    id_ = house.happens()
    page.goto("/?show=all")
    page.get_by_label("Day").focus()
    page.keyboard.type("03142026")
    page.wait_for_url("**/?*day=2026-03-14*")

    assert cards(page) == [id_]


def test_live_updates_outlive_the_daemon(browser: Any, tmp_path: Path) -> None:
    """The page says that it hears nothing while the daemon is away, and goes on by itself when it is back."""
    with House(tmp_path / "state") as house:
        address, port = house.url, int(house.url.rpartition(":")[2])
        page = browser.new_context(base_url=address).new_page()
        page.goto("/")
    page.get_by_text("No live updates right now").wait_for(timeout=_SLOWEST_MS)
    with House(tmp_path / "state", port=port) as house:
        id_ = house.happens()
        page.locator(f"#e-{id_}").wait_for(timeout=2 * _SLOWEST_MS)
        page.get_by_text("No live updates right now").wait_for(state="hidden", timeout=_SLOWEST_MS)
        page.context.close()


def test_a_tab_that_nobody_looks_at_keeps_no_connection(house: House, page: Any) -> None:
    """A browser opens six to one address: seven forgotten tabs must not lock out the eighth."""
    page.goto("/")
    turn = """(state) => { Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
        document.dispatchEvent(new Event("visibilitychange")); }"""
    with page.expect_event("requestfailed", lambda one: "/api/events/stream" in one.url):
        page.evaluate(turn, "hidden")
    id_ = house.happens()
    page.evaluate(turn, "visible")
    page.locator(f"#e-{id_}").wait_for()

    assert cards(page) == [id_]


def test_the_live_page_follows_its_cameras(house: House, page: Any) -> None:
    """A camera that goes offline says so with its reason and since when, beside its last picture."""
    page.goto("/live")
    yard = page.locator("[data-camera=yard]")
    house.board.saw(frame("yard", moving=True, with_still=True))
    house.board.heard(CameraSays("yard", phase="waiting", message="no route to the camera"))
    yard.get_by_text("no route to the camera").wait_for()

    assert yard.locator(".state").inner_text() == "offline"
    assert "offline since 12:00:00" in yard.inner_text()
    assert yard.locator("img").count() == 1
