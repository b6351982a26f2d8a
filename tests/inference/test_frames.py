"""Posts as a data frame: rows that cannot be predicted are refused by their number, without their text."""

from __future__ import annotations

import pandas as pd
import pytest

from psy_agents.errors import UserError
from psy_agents.inference.frames import posts_of_frame


@pytest.mark.parametrize("blank", [" \n", "\u200b\u2060"])
def test_a_row_without_visible_text_is_refused_by_its_number(blank):
    with pytest.raises(UserError, match=r"^1 of 2 rows have no visible text, first row 1 \(from 0 on\)\.$"):
        posts_of_frame(pd.DataFrame({"text": ["secret", blank]}))


@pytest.mark.parametrize("posts", [{"text": ["secret", None]}, {"text": ["secret", "a"], "post_id": ["1", None]}])
def test_a_row_without_text_or_id_is_refused_by_its_number(posts):
    name = "post_id" if "post_id" in posts else "text"
    with pytest.raises(UserError, match=rf"^1 of 2 rows have no {name} that is a string, first row 1") as caught:
        posts_of_frame(pd.DataFrame(posts))
    assert "secret" not in str(caught.value)


def test_a_frame_without_texts_is_refused():
    with pytest.raises(UserError, match="no column text: rename the column"):
        posts_of_frame(pd.DataFrame({"post": ["secret"]}))
