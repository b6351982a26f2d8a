"""MkDocs hooks: convert formulas to MathML, and make the search work from the disk and the choice of colours at all.

Formulas are fenced blocks named ``math``, as on GitHub. The pages need no script of another site.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from latex2mathml.converter import convert

PLUGIN_SCRIPT = "search/main.js"
"""The search plugin's script: it starts a worker, which a browser refuses to a page on the disk."""

COLOUR_SHEETS = '<style id="hljs-light"></style><style id="hljs-dark"></style>'
"""The theme's script switches the style sheets of the highlighter, and fails where there is none."""


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replace formulas by MathML."""
    return re.sub(
        r"^```math\n(.*?)^```$",
        lambda formula: f'<div class="formula">{convert(" ".join(formula[1].split()), display="block")}</div>',
        markdown,
        flags=re.M | re.S,
    )


def on_env(env: object, config: dict, **_: object) -> object:
    """Leave out the plugin's script: pages.js searches its index."""
    config["extra_javascript"] = [script for script in config["extra_javascript"] if str(script) != PLUGIN_SCRIPT]
    return env


def on_post_page(output: str, **_: object) -> str:
    """Add the style sheets that the theme's choice of colours expects."""
    return output.replace("</head>", f"{COLOUR_SHEETS}</head>", 1)


def on_post_build(config: dict) -> None:
    """Write the plugin's index once more, as a script, which a page on the disk may load."""
    folder = Path(config["site_dir"]) / "search"
    index = json.loads((folder / "search_index.json").read_text(encoding="utf-8"))
    entries = json.dumps([[entry["location"], entry["title"], entry["text"]] for entry in index["docs"]], ensure_ascii=False)
    (folder / "index.js").write_text(f"const SEARCH_INDEX = {entries};\n", encoding="utf-8")
