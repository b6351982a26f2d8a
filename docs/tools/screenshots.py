"""Screenshots of a project's pages: report, evidence page, data quality, leaderboard, kedro viz and MLflow.

python docs/tools/screenshots.py --out screenshots            # every page: light, dark, 400 pixels wide, on paper
python docs/tools/screenshots.py --out docs/images --only evidence_page --text --views light --height 395 --from ".pair:has(mark.both)"

Run it at the root of a project in which `report` and `evidence_page` have run. It needs chromium or google-chrome. ``--text`` takes
the page with the text of posts: only for a corpus that nobody wrote. ``--from`` scrolls to the first match of a CSS selector.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
VIEWS = {
    "light": {"width": 1280},
    "dark": {"width": 1280, "dark": True},
    "phone": {"width": 400},
    "print": {"width": 800, "media": "print"},
}
"""Name of a view -> arguments of `Browser.show`."""
PAGES = {
    "report": "08_reporting/report/report.html/*/report.html",
    "evidence_page": "08_reporting/evidence_page/*.html/*/*.html",
    "data_quality": "08_reporting/data_quality.html",
    "leaderboard": "08_reporting/leaderboard.html",
}
TEXT_PAGES = "private/evidence_page/*.html/*/*.html"
SERVERS = {
    "viz": (
        ["kedro", "viz", "run", "--no-browser", "--port={port}", "--pipeline=full_hpo_all"],
        "/?pid=full_hpo_all&types=nodes&expandAllPipelines=false",
        ".pipeline-node",
    ),
    "mlflow": (
        ["mlflow", "ui", "--backend-store-uri", "sqlite:///mlruns/mlflow.db", "--port={port}"],
        "/#/experiments/{experiment}/runs",
        "a[href*='/runs/']",
    ),
}
"""Name -> command, address of the page below its root, and a part of the page that is there once it is ready."""
_SCROLL = "(part => {{ part?.scrollIntoView(); return part !== null; }})(document.querySelector({selector!r}))"
_CLOSE_HINTS = """
for (const button of document.querySelectorAll("button")) if (button.textContent === "Dismiss") button.click();
document.querySelector(".feature-hints [class*=close]")?.click();
"""
"""Hides what kedro viz says about itself."""
PATIENCE = 600
"""Seconds for a server to answer and for its page to be ready."""


def browser_class() -> Any:
    """The browser of the tests: it needs no package."""
    spec = spec_from_file_location("browser", ROOT / "tests" / "support" / "browser.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    if module.BROWSER is None:
        sys.exit("There is no chromium or google-chrome on the PATH: install one of them.")
    return module.Browser


@contextlib.contextmanager
def served(name: str, project: Path) -> Iterator[str]:
    """The address of a server's page, while it runs."""
    command, place, _ = SERVERS[name]
    port = next(filter(_is_free, range(20_000, 49_152)))  # kedro viz takes none above.
    environment = {**os.environ, "DO_NOT_TRACK": "true", "PYTHONUNBUFFERED": "1"}
    with tempfile.TemporaryFile("w+") as output:
        program = [sys.executable, "-m", *(part.format(port=port) for part in command)]
        server = subprocess.Popen(program, cwd=project, env=environment, stdout=output, stderr=output)
        try:
            wait_until(lambda: server.poll() is not None or _answers(port), f"{name} does not answer")
            if server.poll() is not None:
                output.seek(0)
                sys.exit(f"screenshots: {name} has ended:\n{output.read()[-2000:]}")
            yield f"http://127.0.0.1:{port}{place.format(experiment=_experiment(project)) if '{' in place else place}"
        finally:
            server.terminate()
            server.wait()


def _is_free(port: int) -> bool:
    with contextlib.suppress(OSError), socket.socket() as each:
        each.bind(("127.0.0.1", port))
        return True
    return False


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _experiment(project: Path) -> str:
    """The experiment with the most runs."""
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{project / 'mlruns' / 'mlflow.db'}")
    return max((each.experiment_id for each in client.search_experiments()), key=lambda each: len(client.search_runs([each])))


def wait_until(condition: Any, failure: str) -> None:
    """Wait until a condition holds.

    Raises:
        SystemExit: it does not hold within `PATIENCE`.
    """
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"screenshots: {failure}")
        time.sleep(0.2)


def addresses(project: Path, data: Path, wanted: list[str], text: bool) -> Iterator[tuple[str, str | Path]]:
    """Name and file of each page, and then the name of each server."""
    for name, pattern in PAGES.items():
        if name in wanted:
            found = sorted((project / data).glob(TEXT_PAGES if text and name == "evidence_page" else pattern), key=os.path.getmtime)
            if not found:
                sys.exit(f"screenshots: {project / data} has no {name}: run its pipeline first, or leave it out with --only.")
            yield name, found[-1]


def main() -> None:
    """Take the pictures that the arguments ask for."""
    names = [*PAGES, *SERVERS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--project", type=Path, default=Path(), help="root of the project")
    parser.add_argument("--data", type=Path, default=Path("data"), help="its data folder, such as data/test")
    parser.add_argument("--out", type=Path, required=True, help="folder of the pictures")
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="pages")
    parser.add_argument("--views", nargs="+", choices=list(VIEWS), default=list(VIEWS), help="views")
    parser.add_argument("--height", type=int, help="pixels; without it the whole page, or 900 of a server's")
    parser.add_argument("--from", dest="start", metavar="SELECTOR", help="part of the page at the picture's top; needs --height")
    parser.add_argument("--text", action="store_true", help="the evidence page with text")
    given = parser.parse_args()
    if given.start is not None and given.height is None:
        parser.error("--from needs --height: without it the picture shows the whole page")
    given.out.mkdir(parents=True, exist_ok=True)
    project = given.project.resolve()
    with tempfile.TemporaryDirectory() as profile, browser_class()(Path(profile)) as browser:
        for name, page in addresses(project, given.data, given.only, given.text):
            _pictures(browser, page.as_uri(), name, given, "body", whole=given.height is None)
        for name in (each for each in SERVERS if each in given.only):
            with served(name, project) as address:
                _pictures(browser, address, name, given, SERVERS[name][2], whole=False)


def _pictures(browser: Any, address: str, name: str, given: argparse.Namespace, ready: str, *, whole: bool) -> None:
    for view in given.views:
        browser.show(address, **VIEWS[view], height=given.height or 900)
        wait_until(lambda: browser.run(f"document.querySelectorAll({ready!r}).length > 0"), f"{address} shows nothing")
        if given.start is not None and not browser.run(_SCROLL.format(selector=given.start)):
            sys.exit(f"screenshots: {address} has nothing at {given.start}")
        time.sleep(2)  # Figures and graphs are drawn, and move to their places, after the page has loaded.
        browser.run(_CLOSE_HINTS)
        time.sleep(1)
        file = given.out / f"{name}-{view}.png"
        browser.picture(file, whole=whole)
        print(f"{file}: {file.stat().st_size // 1000} kB, {address}; {'; '.join(browser.complaints()) or 'no complaints'}")


if __name__ == "__main__":
    main()
