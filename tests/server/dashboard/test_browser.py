"""A person's first visit, in a real browser, with the real server, worker and pipeline; then a check of every page.

Needs Chromium (``scripts/engines.sh three`` installs it); axe-core comes with npm.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from PIL import Image, ImageOps
from serving import Running, cli, free_port, stop, wait_for

from spherelinks.postgres import running as database_of

HERE = Path(__file__).parent
SAMPLES = HERE.parents[2] / "docs" / "samples"
EMAIL, PASSWORD = "ada@example.com", "three blue otters"
LIMIT_S = 120
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
KEY = re.compile(r"sk_sph_live_[0-9A-Za-z]{38}")

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="starts and stops a server by signal"),
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def site() -> Iterator[Running]:
    """``spherelinks serve`` with a home of its own."""
    home = Path(tempfile.mkdtemp(prefix="spherelinks-test-"))
    home.chmod(0o755)  # as root the database runs as another user, who must get through
    environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "STORAGE_URL")}
    environment |= {"SPHERELINKS_HOME": str(home)}
    log, port = home / "serve.log", free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(cli("serve", "--port", str(port)), env=environment, stdout=output, stderr=output)
    server = Running(process, port, environment, log)
    try:
        wait_for(server.is_ready, "ready", server)
        yield server
        stop(server)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)
        shutil.rmtree(home, ignore_errors=True)


class Visit:
    """A browser window on the site that notes whatever goes wrong in it."""

    def __init__(self, browser: Any, site: Running, state: Any = None, **settings: Any) -> None:
        self.base = f"http://127.0.0.1:{site.port}"
        # full motion is what is tested where nothing else is said
        settings = {"viewport": DESKTOP, "reduced_motion": "no-preference", **settings}
        self.context = browser.new_context(base_url=self.base, storage_state=state, **settings)
        self.context.set_default_timeout(1000 * LIMIT_S)
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(f"script: {error}"))
        self.page.on("console", self._note)
        self.page.on("request", self._check_address)

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """What the condition comes to; a page's policy forbids Playwright's own way to wait for one."""
        deadline = time.monotonic() + LIMIT_S
        while not (outcome := condition()):
            assert time.monotonic() < deadline, f"{what}: not within {LIMIT_S} s; {self.wrong}"
            self.page.wait_for_timeout(100)
        return outcome

    def _note(self, message: Any) -> None:
        if message.type == "error":
            self.wrong.append(f"console: {message.text}")

    def _check_address(self, request: Any) -> None:
        if not request.url.startswith((self.base, "blob:", "data:")):
            self.wrong.append(f"fetched {request.url}")


def ask(site: Running, path: str, key: str) -> int:
    return site.ask("GET", path, key)[0]


@pytest.fixture(scope="module")
def first_visit(chromium: Any, site: Running) -> dict[str, Any]:
    """What a person does and sees the first time, from the landing page on; each step is asserted as it is taken."""
    visit = Visit(chromium, site)
    page = visit.page
    seen: dict[str, Any] = {}

    page.goto("/")
    page.click("main >> text=Make your first model")
    page.fill("#email", EMAIL)
    page.fill("#password", PASSWORD)
    page.click("text=Create the account")
    page.wait_for_url("**/app/playground")
    assert "10 credits" in page.inner_text("[data-balance]")

    page.click("nav >> text=API keys")
    page.fill("#name", "First key")
    page.click("text=Create the key")
    seen["key"] = KEY.fullmatch(page.inner_text("#secret"))[0]
    assert ask(site, "/v1/status/none", seen["key"]) == 404
    page.click("[data-copy=secret]")
    page.wait_for_selector("text=Copied")
    assert page.url.endswith("/app/keys"), "so that a reload sends no form"
    page.click("text=Done, I have copied it")
    page.wait_for_selector("#secret", state="detached")
    assert seen["key"] not in page.content()

    page.click("nav >> text=Playground")
    page.set_input_files("input[name=picture]", SAMPLES / "mug.jpg")
    visit.until(lambda: "is dimmed is left out" in page.inner_text("[data-cutout-said]"), "the cut-out")
    assert "10 credits" in page.inner_text("[data-balance]"), "which cost nothing"
    assert page.input_value("#option-name") == "mug"
    page.click("label:has-text('Draft')")
    page.click("text=Advanced options")
    assert page.input_value("[name=textureSize]") == "512"
    assert not page.is_visible("[name=seed]"), "lift does not heed it"
    page.select_option("[name=generator]", "lift-flow")
    assert page.is_visible("[name=seed]")
    page.select_option("[name=generator]", "lift")
    assert not page.is_visible("[name=seed]")
    page.select_option("[name=compression]", "meshopt")  # which the viewer must know, too
    page.click("text=Make the model")
    stages = set()

    def finished() -> bool:
        now = page.query_selector("[data-output] .stages .now")
        stages.add(now.get_attribute("data-stage") if now else None)
        return page.query_selector("[data-output] model-viewer") is not None

    visit.until(finished, "a model")
    assert stages - {None}, "no stage was seen"  # which ones are depends on the machine
    visit.until(lambda: "9 credits" in page.inner_text("[data-balance]"), "the credit spent")
    viewer = page.query_selector("model-viewer")
    visit.until(lambda: viewer.evaluate("viewer => viewer.loaded"), "the model loaded")
    seen["job"] = page.get_attribute("[data-job]", "data-job")

    page.press("[data-viewer=turn]", "Enter")  # it turns by itself; hold it still
    visit.until(lambda: not viewer.evaluate("viewer => viewer.autoRotate"), "held still")
    page.click("[data-viewer=home]")
    front = drawn(visit, viewer)
    page.locator("model-viewer .userInput").focus()  # where the Tab key leads
    for _ in range(8):
        page.keyboard.press("ArrowLeft")
    visit.until(lambda: difference(front, drawn(visit, viewer)) > 0.02, "the model turned by the keyboard")

    page.click("[data-viewer=home]")
    for view in ("wireframe", "texture", "uv", "model"):
        shown = drawn(visit, viewer)
        page.select_option("[data-view]", view)
        visit.until(lambda view=view: viewer.get_attribute("data-shown") == view, view)
        visit.until(lambda shown=shown: difference(shown, drawn(visit, viewer)) > 0.01, f"another look: {view}")

    # the same picture with the same options is no other model, and a reload keeps it
    page.click("text=Make the model")
    page.wait_for_selector("text=this is the earlier model, at no cost")
    assert "9 credits" in page.inner_text("[data-balance]")
    page.reload()
    page.wait_for_selector("text=this is the earlier model, at no cost")
    assert page.query_selector(f"[data-output] ul [data-job={seen['job']}]")
    page.goto(f"/app/playground?jobs={seen['job']}")

    with page.expect_download() as download:
        page.click("text=Download GLB")
    seen["glb"] = download.value.path().read_bytes()
    assert download.value.suggested_filename == "mug.glb"

    page.click("nav >> text=Credits")
    page.wait_for_selector("tr[data-kind=grant]")
    rows = page.query_selector_all("tr[data-kind]")
    assert [row.get_attribute("data-kind") for row in rows] == ["capture", "hold", "grant"]
    assert seen["job"] in page.inner_html("tr[data-kind=capture]")

    page.click("nav >> text=API keys")
    page.click("summary:has-text('Rotate')")
    page.select_option("select[name=grace]", "1")
    page.click("button:has-text('Rotate the key')")
    seen["new_key"] = KEY.fullmatch(page.inner_text("#secret"))[0]
    assert not visit.wrong
    seen["state"] = visit.context.storage_state()
    visit.context.close()
    return seen


def drawn(visit: Visit, viewer: Any) -> Any:
    """The model as it is drawn, small and grey: (H, W) int."""
    import base64
    import io

    import numpy as np
    from PIL import Image

    url = viewer.evaluate("viewer => viewer.toDataURL('image/png')")
    picture = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("L").resize((96, 96))
    return np.asarray(picture).astype(int)


def difference(one: Any, other: Any) -> float:
    """Share of pixels that clearly differ."""
    return float((abs(one - other) > 24).mean())


def test_a_first_visit(first_visit: dict[str, Any], site: Running) -> None:
    assert first_visit["glb"][:4] == b"glTF"
    status, _, glb = site.ask("GET", f"/v1/download/{first_visit['job']}", first_visit["new_key"])
    assert (status, glb) == (200, first_visit["glb"])
    # within the grace both keys work, after it the new one alone
    assert ask(site, f"/v1/status/{first_visit['job']}", first_visit["key"]) == 200
    url = database_of(Path(site.environment["SPHERELINKS_HOME"]))
    assert url
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("UPDATE api_keys SET expires_at = expires_at - interval '61 minutes'")
    assert ask(site, f"/v1/status/{first_visit['job']}", first_visit["key"]) == 401
    assert ask(site, f"/v1/status/{first_visit['job']}", first_visit["new_key"]) == 200


@cache
def axe() -> str:
    """The source of axe-core, installed on first use."""
    file = HERE / "node_modules" / "axe-core" / "axe.min.js"
    npm = shutil.which("npm")
    if not file.exists() and npm:
        subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=HERE, capture_output=True, check=False)
    if not file.exists():
        pytest.skip("axe-core could not be installed with npm")
    return file.read_text()


def pages(first_visit: dict[str, Any]) -> list[tuple[Any, list[str]]]:
    """The paths of all pages, by who sees them."""
    model = f"/app/models/{first_visit['job']}"
    public = ["/", "/sign-in", "/sign-up", "/signed-up", "/server"]
    private = ["/app/playground", "/app/models", model, "/app/keys", "/app/credits", "/app/account", "/app/api"]
    private += [
        "/app/webhooks",
        f"/app/playground?jobs={first_visit['job']}",
        f"/app/playground?from={first_visit['job']}",
    ]
    return [(None, public), (first_visit["state"], private)]


@pytest.mark.parametrize("look", ["light desktop", "dark phone"])
def test_every_page_is_well_made(chromium: Any, site: Running, first_visit: dict[str, Any], look: str) -> None:
    """No serious fault for axe, nothing wider than the window, no fault in the console, nothing from elsewhere."""
    theme, size = look.split()
    settings = {"color_scheme": theme, "viewport": PHONE if size == "phone" else DESKTOP, "reduced_motion": "reduce"}
    for state, paths in pages(first_visit):
        visit = Visit(chromium, site, state, **settings)
        for path in paths:
            visit.page.goto(path)
            assert visit.page.evaluate("document.documentElement.dataset.theme") == theme
            visit.page.evaluate("() => { for (const one of document.querySelectorAll('details')) one.open = true; }")
            visit.page.evaluate(axe())
            found = visit.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
            serious = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
            assert not serious, (path, json.dumps(serious, indent=1)[:3000])
            wider = visit.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wider <= 0, f"{path} is {wider} px wider than the window"
        assert not visit.wrong
        visit.context.close()


def test_the_tab_key_reaches_all_that_can_be_used_on_every_page(
    chromium: Any, site: Running, first_visit: dict[str, Any]
) -> None:
    for state, paths in pages(first_visit):
        visit = Visit(chromium, site, state, reduced_motion="reduce")  # a model that turns keeps the machine busy
        for path in dict.fromkeys(path.partition("?")[0] for path in paths):
            visit.page.goto(path)
            stops = visit.page.evaluate(STOPS)
            assert len(stops) >= 5, path
            reached: set[str] = set()
            for _ in range(2 * len(stops) + 20):
                visit.page.keyboard.press("Tab")
                now = visit.page.evaluate("document.activeElement.dataset.stop")
                if now in reached and stops[0] == now:
                    break  # once round
                reached.add(now)
            assert set(stops) <= reached, (path, [visit.page.inner_html(f"[data-stop='{one}']") for one in stops])
        visit.context.close()


STOPS = """() => {
    const names = new Map(); // a group of radio buttons is one stop
    const usable = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
        .filter(one => !one.disabled && one.tabIndex >= 0 && one.checkVisibility({visibilityProperty: true}));
    return [...new Set(usable.map((one, at) => {
        const group = one.type === "radio" ? one.name : at;
        if (!names.has(group)) names.set(group, `${names.size}`);
        return one.dataset.stop = names.get(group);
    }))];
}"""
"""Marks all that can be used on a page, in its order."""


def test_by_keyboard_alone(chromium: Any, site: Running, first_visit: dict[str, Any]) -> None:
    visit = Visit(chromium, site, first_visit["state"])
    page = visit.page
    page.goto("/app/keys")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("By keyboard")
    page.keyboard.press("Enter")
    page.wait_for_selector("#secret")
    assert KEY.fullmatch(page.inner_text("#secret"))
    page.focus("[data-theme-toggle]")
    page.keyboard.press("Enter")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.goto("/app/credits")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.focus(".tools summary")
    page.keyboard.press("Enter")
    assert page.is_visible("text=Sign out")
    page.keyboard.press("Escape")
    assert not page.is_visible("text=Sign out")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    visit.context.close()


def test_the_api_reference_is_no_wider_than_a_phone(chromium: Any, site: Running) -> None:
    visit = Visit(chromium, site, viewport=PHONE)
    visit.page.goto("/v1/docs")
    visit.page.wait_for_selector("text=Turn a picture into a GLB")
    visit.page.wait_for_load_state("networkidle")
    moved = "() => { scrollTo(400, 0); const moved = scrollX; scrollTo(0, 0); return moved; }"
    assert visit.page.evaluate(moved) == 0
    assert visit.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    visit.context.close()


def test_a_lost_page(chromium: Any, site: Running) -> None:
    visit = Visit(chromium, site)
    answer = visit.page.goto("/nowhere/at/all")
    assert answer.status == 404
    assert visit.page.inner_text("h1") == "There is nothing here"
    visit.context.close()


def test_pictures_are_dropped_pasted_cut_out_and_queued(
    chromium: Any, site: Running, first_visit: dict[str, Any]
) -> None:
    visit = Visit(chromium, site, first_visit["state"], viewport={"width": 1440, "height": 900})
    page = visit.page
    page.goto("/app/playground")
    for size in (page.viewport_size, PHONE):
        page.set_viewport_size(size)
        box = page.locator("[data-make]").bounding_box()
        assert box["y"] + box["height"] <= size["height"], "the button is in view"
    page.set_viewport_size({"width": 1440, "height": 900})
    mug, robot = ([*(SAMPLES / name).read_bytes()] for name in ("mug.jpg", "robot.png"))
    page.evaluate(GIVE, ["paste", "body", [["thing", "image/gif", [1, 2, 3]]]])
    assert "not a JPEG, PNG or WebP" in page.inner_text("[data-problem]")
    page.evaluate(GIVE, ["paste", "body", [["thing", "image/png", robot[:2000]]]])
    assert page.inner_text("[data-problem]") == ""
    assert page.input_value("#option-name") == "thing"
    page.click("text=Make the model")  # whose bytes are cut off
    visit.until(lambda: "picture" in page.inner_text("[data-problem]"), "the server's answer")
    assert "9 credits" in page.inner_text("[data-balance]")
    # dropped anywhere, they queue behind it; one that is removed is gone
    page.evaluate(GIVE, ["drop", "footer", [["cup.jpg", "image/jpeg", mug], ["robot.png", "image/png", robot]]])
    assert page.inner_text("[data-make]") == "Make 3 models"
    page.click("[aria-label='Remove thing']")
    assert page.inner_text("[data-make]") == "Make 2 models"
    # the cut-out is mended: with the brush by keyboard, undone, and with a box
    said = "[data-cutout-said]"
    visit.until(lambda: "is dimmed is left out" in page.inner_text(said), "the cut-out")
    canvas = page.locator("[data-cutout] canvas")
    picture = "canvas => canvas.toDataURL()"
    page.click("text=Mend the cut-out")
    page.check("input[value=remove]")
    canvas.focus()
    page.keyboard.press("ArrowRight")
    before = canvas.evaluate(picture)
    page.keyboard.press("Space")
    assert canvas.evaluate(picture) != before
    page.click("[data-undo]")
    assert canvas.evaluate(picture) == before
    page.check("input[value=box]")
    spot = canvas.bounding_box()
    page.mouse.move(spot["x"] + 0.05 * spot["width"], spot["y"] + 0.05 * spot["height"])
    page.mouse.down()
    page.mouse.move(spot["x"] + 0.95 * spot["width"], spot["y"] + 0.95 * spot["height"], steps=3)
    page.mouse.up()
    visit.until(lambda: "in the box alone" in page.inner_text(said), "what is in the box")
    page.click("label:has-text('Draft')")
    page.click("text=Make 2 models")
    visit.until(lambda: page.query_selector("[data-output] ul.made"), "both sent")
    assert "7 credits" in page.inner_text("[data-balance]") or visit.until(
        lambda: "7 credits" in page.inner_text("[data-balance]"), "both held"
    )
    newest, older = (page.url.partition("jobs=")[2]).replace("%2C", ",").split(",")
    for job, mended in ((older, True), (newest, False)):
        visit.until(lambda job=job: ended(site, job, first_visit["new_key"]), "its end")
        assert ask(site, f"/v1/jobs/{job}/files/mask", first_visit["new_key"]) == (200 if mended else 404)
    visit.context.close()


GIVE = """([kind, target, files]) => {
    const transfer = new DataTransfer();
    for (const [name, type, bytes] of files) transfer.items.add(new File([new Uint8Array(bytes)], name, {type}));
    const Event = kind === "paste" ? ClipboardEvent : DragEvent;
    const given = {clipboardData: transfer, dataTransfer: transfer, bubbles: true, cancelable: true};
    document.querySelector(target).dispatchEvent(new Event(kind, given));
}"""
"""Pastes or drops files on an element, as (name, type, bytes)."""


def test_pictures_of_other_sides_make_one_model(chromium: Any, site: Running, first_visit: dict[str, Any]) -> None:
    visit = Visit(chromium, site, first_visit["state"], viewport=PHONE, reduced_motion="reduce")
    page = visit.page
    page.goto("/app/playground")
    buffer = io.BytesIO()
    ImageOps.mirror(Image.open(SAMPLES / "robot.png")).save(buffer, "PNG")  # its outline from behind
    behind = buffer.getvalue()
    back, left, right = (f"[data-slot={view}] input" for view in ("back", "left", "right"))

    def filled() -> list[str]:
        return page.eval_on_selector_all(".slot.filled", "slots => slots.map(slot => slot.dataset.slot)")

    # dropped, before there is a front; refused as any picture is
    page.evaluate(GIVE, ["drop", back, [["back.png", "image/png", [*behind]]]])
    page.evaluate(GIVE, ["drop", left, [["left.gif", "image/gif", [1]]]])
    assert "“left.gif” is not a JPEG, PNG or WebP" in page.inner_text("[data-problem]")
    page.set_input_files("input[name=picture]", SAMPLES / "robot.png")
    # chosen, and taken away by keyboard; pasted where the focus is
    page.set_input_files(left, SAMPLES / "robot.png")
    page.focus(right)
    page.evaluate(GIVE, ["paste", right, [["image.png", "image/png", [*behind]]]])
    assert filled() == ["back", "left", "right"]
    assert not page.is_visible("[data-queue]"), "one model's"
    for view in ("left", "right"):
        page.focus(f"[data-slot={view}] input")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.inner_text("[data-announce]") == f"Picture of the {view} removed"
        assert page.evaluate("document.activeElement.name") == view
    assert filled() == ["back"]
    # another model of the queue has its own; a generator that uses one picture is offered none
    page.evaluate(GIVE, ["drop", "footer", [["mug.jpg", "image/jpeg", [*(SAMPLES / "mug.jpg").read_bytes()]]]])
    assert filled() == []
    page.click("[aria-label='Remove mug']")
    assert filled() == ["back"]
    page.click("text=Advanced options")
    page.select_option("[name=generator]", "inflate")
    assert not page.is_visible(back)
    page.select_option("[name=generator]", "lift")
    page.click("label:has-text('Draft')")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    visit.until(lambda: "is dimmed is left out" in page.inner_text("[data-cutout-said]"), "the cut-out")
    before = credits(page)
    page.click("text=Make the model")
    visit.until(lambda: page.query_selector("[data-output] model-viewer"), "a model")
    visit.until(lambda: credits(page) == before - 1, "one credit spent")
    job = page.get_attribute("[data-output] [data-job]", "data-job")
    kinds = json.loads(site.ask("GET", f"/v1/jobs/{job}", first_visit["new_key"])[2])["files"]
    assert {"picture", "back"} <= kinds.keys()
    assert not {"left", "right"} & kinds.keys()
    assert site.ask("GET", kinds["back"], first_visit["new_key"])[2] == behind
    assert b"backSha256" in site.ask("GET", kinds["glb"], first_visit["new_key"])[2], "made from both"
    # with other options, from the same pictures
    page.goto(f"/app/playground?from={job}")
    visit.until(lambda: filled() == ["back"], "the back of before")
    assert not visit.wrong
    visit.context.close()


def credits(page: Any) -> int:
    return int(page.text_content("[data-balance]").split()[0])


def ended(site: Running, job: str, key: str) -> bool:
    return bool(json.loads(site.ask("GET", f"/v1/status/{job}", key)[2])["status"] != "PROCESSING")


def test_the_first_pages_are_light(chromium: Any, site: Running, first_visit: dict[str, Any]) -> None:
    """Each within 200 kB, without the viewer and people's own pictures and models."""
    apart = ("/vendor/model-viewer.min.js", "/meshopt.js", "/files/", "/samples/")
    for path, state in (("/", None), ("/app/playground", first_visit["state"]), ("/app/models", first_visit["state"])):
        visit = Visit(chromium, site, state)
        came = []
        visit.page.on("response", lambda answer, came=came: came.append(answer))
        visit.page.goto(path, wait_until="networkidle")
        sizes = {answer.url: len(answer.body()) for answer in came if not any(part in answer.url for part in apart)}
        assert len(sizes) > 4
        assert sum(sizes.values()) < 200_000, sizes
        visit.context.close()


def test_the_owner_at_home_needs_no_password(chromium: Any, site: Running) -> None:
    pattern = rf"http://127\.0\.0\.1:{site.port}/welcome/\S+"
    link = wait_for(lambda: re.search(pattern, site.said()), "the link", site)
    visit = Visit(chromium, site)
    visit.page.goto(link[0])
    visit.page.click("main button")
    visit.page.wait_for_url("**/app/models")
    assert visit.page.inner_text("h1") == "Models"
    assert not visit.wrong
    visit.context.close()
    visit = Visit(chromium, site)
    visit.page.goto(link[0])
    visit.page.click("main button")
    visit.page.wait_for_selector("text=already been used")
    assert visit.page.query_selector("h1:has-text('Sign in')")
    visit.context.close()
