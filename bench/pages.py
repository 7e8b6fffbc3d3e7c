"""Screenshots of every page of the dashboard and of its states, at two widths and in both themes, to be looked at.

    python bench/pages.py FOLDER [--only NAME …] [--docs]

Starts a server with a home of its own, makes an account with models, keys and a webhook, and one with nothing. Writes
FOLDER/NAME_LOOK.png, whole pages, and FOLDER/NAME.png, the four of a state side by side; with --docs also the pictures
in docs/images, from what is in FOLDER. Needs Chromium.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from browsing import chromium  # noqa: E402
from serving import Served, local_server  # noqa: E402

SAMPLES = ROOT / "docs/samples"
LOOKS = {
    f"{theme}_{width}": {"color_scheme": theme, "viewport": {"width": width, "height": height}}
    for (width, height), theme in itertools.product(((1440, 900), (390, 844)), ("light", "dark"))
}
STRIP = {1440: 720, 390: 390}
"""Width of a page of each width beside the others, px."""
LIMIT_MS = 180_000
EMAIL, OTHER, PASSWORD = "ada@example.com", "new@example.com", "three blue otters"
FEATURED = {"mug.jpg": {}, "robot.png": {}, "duck.webp": {}, "armchair.jpg": {"collider": "decomposed", "lods": [0.5]}}
DOCS = ROOT / "docs/images"
SCREENS = {
    "landing": "landing_light_1440",
    "playground": "playground_light_1440",
    "sides": "playground_sides_light_1440",
    "models": "models_light_1440",
    "model": "model_collider_dark_1440",
    "keys": "keys_light_1440",
    "credits": "credits_light_1440",
}
"""The first screen of these is in docs/images, as dashboard-NAME.png."""
PHONES = ("playground_done_light_390", "models_dark_390", "model_light_390")
State = Callable[[Any], None]


class Receiver(BaseHTTPRequestHandler):
    """Takes webhooks; every second message is refused."""

    number = itertools.count()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204 if next(self.number) % 2 == 0 else 503)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def receiver() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()


class Stay:
    """What is on the server, and how each state is brought about; the pages are a browser's."""

    def __init__(self, browser: Any, served: Served, hook: int) -> None:
        self.browser, self.served, self.hook = browser, served, hook
        self.known = self._signed_up(EMAIL)
        self.fresh = self._signed_up(OTHER)
        self.owner = self._owner()
        self.jobs, self.key = self._furnished()

    def context(self, state: Any = None, **settings: Any) -> Any:
        settings = {"viewport": {"width": 1440, "height": 900}, "reduced_motion": "reduce"} | settings
        context = self.browser.new_context(base_url=self.served.address, storage_state=state, **settings)
        context.set_default_timeout(LIMIT_MS)
        return context

    def _signed_up(self, email: str) -> Any:
        context = self.context()
        page = context.new_page()
        page.goto("/sign-up")
        page.fill("#email", email)
        page.fill("#password", PASSWORD)
        page.click("text=Create the account")
        page.wait_for_url("**/app/playground")
        return context.storage_state()

    def link(self) -> str:
        """A link that signs the owner in."""
        address = ["--address", self.served.address]
        return str(self.served.running.command("users", "link", *address)["link"])

    def _owner(self) -> Any:
        context = self.context()
        page = context.new_page()
        page.goto(self.link())
        page.click("main button")
        page.wait_for_url("**/app/models")
        return context.storage_state()

    def _furnished(self) -> tuple[dict[str, str], str]:
        """Models, one of them failed, keys and a webhook with messages."""
        context = self.context(self.known)
        page = context.new_page()
        page.goto("/app/webhooks")
        page.fill("#url", f"http://127.0.0.1:{self.hook}/spherelinks")
        page.click("text=Add the webhook")
        page.wait_for_url("**/app/webhooks/**")
        self.webhook = page.url.removeprefix(self.served.address)
        key = self.new_key(page, "Level editor")
        self.new_key(page, "Continuous integration", sandbox=True)
        for _ in range(2):
            page.goto(self.webhook)
            page.click("text=Send a test")
            page.wait_for_timeout(1500)
        nothing = io.BytesIO()
        Image.new("RGB", (640, 480), (203, 196, 184)).save(nothing, "PNG")
        pictures = {name: ((SAMPLES / name).read_bytes(), options) for name, options in FEATURED.items()}
        pictures["wall.png"] = (nothing.getvalue(), {})
        jobs = {Path(name).stem: self.sent(key, name, *each) for name, each in pictures.items()}
        for job in jobs.values():
            self.ended(key, job)
        return jobs, key

    def new_key(self, page: Any, name: str, *, sandbox: bool = False) -> str:
        page.goto("/app/keys")
        page.fill("#name", name)
        if sandbox:
            page.click("summary:has-text('Limits')")
            page.check("[name=sandbox]")
        page.click("text=Create the key")
        return str(page.inner_text("#secret"))

    def sent(self, key: str, name: str, picture: bytes, options: dict[str, Any]) -> str:
        boundary = "5phere"
        fields = {"image": (f'; filename="{name}"', picture), "options": ("", json.dumps(options).encode())}
        fields |= {view: (f'; filename="{path.name}"', path.read_bytes()) for view, path in sides(name).items()}
        body = b"".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"{more}\r\n\r\n'.encode() + data + b"\r\n"
            for field, (more, data) in fields.items()
        )
        kind = f"multipart/form-data; boundary={boundary}"
        answer = self._asked(key, "generate", body + f"--{boundary}--\r\n".encode(), {"Content-Type": kind})
        return str(answer["jobId"])

    def ended(self, key: str, job: str) -> None:
        while self._asked(key, f"status/{job}?wait=30")["status"] == "PROCESSING":
            pass

    def _asked(self, key: str, path: str, body: bytes | None = None, more: dict[str, str] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {key}"} | (more or {})
        request = urllib.request.Request(f"{self.served.address}/v1/{path}", body, headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    def states(self) -> dict[str, tuple[Any, State]]:
        """Each state's name, who sees it, and what brings a page there."""
        chair, failed = self.jobs["armchair"], self.jobs["wall"]
        known, fresh, owner = self.known, self.fresh, self.owner

        def at(path: str, *steps: State) -> State:
            def go(page: Any) -> None:
                page.goto(path)
                for step in steps:
                    step(page)

            return go

        def keyed(page: Any) -> None:
            self.new_key(page, "Blender at home")

        return {
            "landing": (None, at("/", drawn)),
            "sign-in": (None, at("/sign-in")),
            "sign-in_refused": (None, at("/sign-in", entered("wrong otters, all of them"))),
            "sign-up": (None, at("/sign-up")),
            "sign-up_refused": (None, at("/sign-up", entered("short"))),
            "welcome": (None, at(self.link())),
            "server": (None, at("/server")),
            "lost": (None, at("/nowhere/at/all")),
            "reference": (None, at("/v1/docs", settled)),
            "playground_empty": (fresh, at("/app/playground")),
            "playground_cutout": (known, at("/app/playground", chosen("robot.png"), opened("Mend the cut-out"))),
            "playground_sides": (known, at("/app/playground", chosen("mug.jpg"), sided)),
            "playground_queue": (known, at("/app/playground", chosen("mug.jpg", "duck.webp", "toadstool.jpg"))),
            "playground_error": (known, at("/app/playground", refused)),
            "playground_options": (known, at("/app/playground", opened("Advanced options"))),
            "playground_working": (known, at("/app/playground", chosen("toadstool.jpg"), made)),
            "playground": (known, at(f"/app/playground?jobs={chair}", drawn, chosen("toadstool.jpg"))),
            "playground_done": (known, at(f"/app/playground?jobs={chair},{self.jobs['duck']}", drawn)),
            "models_empty": (fresh, at("/app/models")),
            "models": (known, at("/app/models", settled)),
            "models_selected": (known, at("/app/models", settled, selected)),
            "models_not_found": (known, at("/app/models?q=teapot")),
            "model": (known, at(f"/app/models/{chair}", drawn)),
            "model_sides": (known, at(f"/app/models/{self.jobs['mug']}", drawn)),
            "model_collider": (known, at(f"/app/models/{chair}", drawn, viewed("collider"))),
            "model_failed": (known, at(f"/app/models/{failed}", settled)),
            "keys_empty": (fresh, at("/app/keys")),
            "key_made": (known, keyed),
            "keys": (known, at("/app/keys", opened("Rotate"))),
            "credits": (known, at("/app/credits")),
            "usage": (owner, at("/app/credits")),
            "webhooks_empty": (fresh, at("/app/webhooks")),
            "webhooks": (known, at("/app/webhooks")),
            "webhook": (known, at(self.webhook, opened("Show it"))),
            "account": (known, at("/app/account")),
            "account_owner": (owner, at("/app/account")),
            "api": (known, at("/app/api")),
        }


def settled(page: Any) -> None:
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)


def drawn(page: Any) -> None:
    viewer = page.wait_for_selector("model-viewer")
    viewer.scroll_into_view_if_needed()  # it does not load before it is seen
    waited(page, lambda: viewer.evaluate("viewer => viewer.loaded"))
    settled(page)


def waited(page: Any, condition: Callable[[], Any]) -> None:
    """The pages' policy forbids Playwright's own way to wait for a condition."""
    deadline = time.monotonic() + LIMIT_MS / 1000
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{page.url}: {page.inner_text('main')}")
        page.wait_for_timeout(100)


def entered(password: str) -> State:
    def enter(page: Any) -> None:
        page.fill("#email", "grace@example.com")
        page.fill("#password", password)
        page.evaluate("() => { for (const form of document.forms) form.noValidate = true; }")
        page.click("main form button.primary")
        page.wait_for_selector("[role=alert]")

    return enter


def chosen(*names: str) -> State:
    def choose(page: Any) -> None:
        page.set_input_files("input[name=picture]", [SAMPLES / name for name in names])
        waited(page, lambda: "is dimmed is left out" in page.inner_text("[data-cutout-said]"))

    return choose


def sides(name: str) -> dict[str, Path]:
    """The pictures of other sides that there are of a sample, by side."""
    found = (SAMPLES / "sides").glob(f"{Path(name).stem}_*")
    return {path.stem.rpartition("_")[2]: path for path in sorted(found)}


def sided(page: Any) -> None:
    for view, path in list(sides("mug.jpg").items())[:2]:
        page.set_input_files(f"input[name={view}]", path)
    page.wait_for_timeout(300)


def opened(summary: str) -> State:
    return lambda page: page.click(f"summary:has-text('{summary}')")


def refused(page: Any) -> None:
    page.set_input_files("input[name=picture]", {"name": "mug.gif", "mimeType": "image/gif", "buffer": b"GIF89a"})
    page.wait_for_selector("[data-problem] [role=alert]")


def made(page: Any) -> None:
    page.click("summary:has-text('Advanced options')")
    page.check("[name=fresh]")
    page.click("summary:has-text('Advanced options')")
    page.click("[data-make]")
    page.wait_for_selector("[data-output] .stages .now")


def selected(page: Any) -> None:
    for box in page.query_selector_all("input[name=job]")[:2]:
        box.check()


def viewed(view: str) -> State:
    def change(page: Any) -> None:
        page.select_option("[data-view]", view)
        waited(page, lambda: page.get_attribute("model-viewer", "data-shown") == view)
        settled(page)

    return change


def strip(pictures: list[Path]) -> Image.Image:
    """Pages side by side, cut where they are much longer than a screen."""
    pages = []
    for path in pictures:
        page = Image.open(path).convert("RGB")
        width = STRIP[min(STRIP, key=lambda width: abs(width - page.width))]
        pages.append(page.resize((width, round(page.height * width / page.width)), Image.Resampling.LANCZOS))
    whole = Image.new("RGB", (sum(page.width + 12 for page in pages), max(page.height for page in pages)), "grey")
    left = 0
    for page in pages:
        whole.paste(page, (left, 0))
        left += page.width + 12
    return whole


def illustrate(folder: Path) -> None:
    """The pictures in docs/images: first screens, and three telephones beside each other."""
    for name, picture in SCREENS.items():
        page = Image.open(folder / f"{picture}.png").convert("RGB")
        small(page.crop((0, 0, 1440, 900)), DOCS / f"dashboard-{name}.png")
    phones = Image.new("RGB", (3 * 390 + 2 * 20, 844), "white")
    for place, picture in enumerate(PHONES):
        page = Image.open(folder / f"{picture}.png").convert("RGB")
        # the playground's model is below its form
        top = max(0, page.height - 1400) if picture.startswith("playground") else 0
        phones.paste(page.crop((0, top, 390, top + 844)), (place * 410, 0))
    small(phones, DOCS / "dashboard-phone.png")
    states = sorted({path.stem.rsplit("_", 2)[0] for path in folder.glob("*_light_1440.png")})
    overview(folder, states).save(DOCS / "dashboard-pages.jpg", quality=80)


def overview(folder: Path, states: list[str]) -> Image.Image:
    """The first screen of every state in all looks, two states in a row."""
    sizes = {1440: (320, 200), 390: (92, 200)}
    shapes = {look: sizes[settings["viewport"]["width"]] for look, settings in LOOKS.items()}
    cells = [(state, look, shape) for state in states for look, shape in shapes.items()]
    gap, across = 8, sum(size[0] + 8 for *_, size in cells[: len(LOOKS)]) + 16
    whole = Image.new("RGB", (2 * across - 16, -(-len(states) // 2) * (200 + gap)), "white")
    left = 0
    for number, (state, look, (width, height)) in enumerate(cells):
        at, place = divmod(number, len(LOOKS))
        left = (at % 2) * across if place == 0 else left
        page = Image.open(folder / f"{state}_{look}.png").convert("RGB")
        screen = page.crop((0, 0, page.width, round(page.width * height / width)))
        whole.paste(screen.resize((width, height), Image.Resampling.LANCZOS), (left, at // 2 * (height + gap)))
        left += width + gap
    return whole


def small(picture: Image.Image, path: Path) -> None:
    # with a palette of its own Pillow does not dither
    picture.quantize(256, palette=picture.quantize(256), dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--docs", action="store_true")
    a = parser.parse_args()
    a.folder.mkdir(parents=True, exist_ok=True)
    with receiver() as hook, chromium() as browser, local_server(webhooks(hook)) as served:
        stay = Stay(browser, served, hook)
        for name, (who, go) in stay.states().items():
            if a.only and name not in a.only:
                continue
            pictures = []
            for look, settings in LOOKS.items():
                context = stay.context(who, **settings)
                page = context.new_page()
                go(page)
                page.evaluate("scrollTo(0, 0)")
                pictures.append(a.folder / f"{name}_{look}.png")
                page.screenshot(path=pictures[-1], full_page=True)
                context.close()
            strip(pictures).save(a.folder / f"{name}.png")
            print(name, flush=True)
    if a.docs:
        illustrate(a.folder)


def webhooks(port: int) -> dict[str, str]:
    """Settings that let webhooks reach a program on this machine."""
    return {"SPHERELINKS_WEBHOOK_NETWORKS": "127.0.0.0/8", "SPHERELINKS_WEBHOOK_PORTS": str(port)}


if __name__ == "__main__":
    main()
