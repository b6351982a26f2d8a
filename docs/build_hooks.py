"""MkDocs hooks: generate the tables of parameters and convert formulas to MathML.

Formulas are fenced blocks named ``math``, as on GitHub. The pages need no script of another site.
"""

from __future__ import annotations

import re
from pathlib import Path

from latex2mathml.converter import convert
from tools.parameters_reference import hyperparameters_reference, parameters_reference

CONF = Path(__file__).parents[1] / "conf"
TABLES = {"parameters": parameters_reference, "hyper-parameters": hyperparameters_reference}


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replace marks such as ``<!-- table of the parameters -->`` by tables, and formulas by MathML."""
    markdown = re.sub(r"^<!-- table of the ([\w-]+) -->$", lambda mark: TABLES[mark[1]](CONF), markdown, flags=re.M)
    return re.sub(
        r"^```math\n(.*?)^```$",
        lambda formula: f'<div class="formula">{convert(" ".join(formula[1].split()), display="block")}</div>',
        markdown,
        flags=re.M | re.S,
    )
