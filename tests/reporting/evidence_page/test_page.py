"""The page of evidence shows each pair's outcome, in the requested order, and no character of a post unless it may."""

import json
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from support.reporting.evidence_predictions import CANARY, CRITERIA, ID, PAIRS, POSTS, SENTENCES, predictions_and_texts

from psy_agents.corpus.agreement import Agreement
from psy_agents.corpus.fingerprint import hashed_id
from psy_agents.reporting.config import EvidencePageConfig
from psy_agents.reporting.evidence_page.page import evidence_page

SALT = "0123456789abcdef"


def page_of(spans=True, probabilities=True, agent="share", **config):
    table, texts = predictions_and_texts(spans, probabilities)
    return evidence_page(agent, table, texts, CRITERIA, SALT, EvidencePageConfig(**config))


def data_of(html):
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    return json.loads(found)


class Text(HTMLParser):
    """Text outside scripts and styles, and everything that a browser would load."""

    def __init__(self, html):
        super().__init__()
        self.text, self.loaded, self._hidden = "", [], False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self._hidden = tag in ("script", "style")
        self.loaded += [value for name, value in attrs if name in ("src", "srcset", "data", "action", "href") and value[:1] != "#"]

    def handle_endtag(self, tag):
        self._hidden = False

    def handle_data(self, data):
        self.text += "" if self._hidden else data


def test_a_redacted_page_holds_no_word_of_a_post_and_no_id():
    page = page_of()
    assert not page.reveals_text
    wordings = {word.lower() for text in (*CRITERIA, *CRITERIA.values()) for word in re.findall(r"\w{5,}", text)}
    words = {word.lower() for sentence in SENTENCES for word in re.findall(r"\w{5,}", sentence)} - wordings - {"canary", "script"}
    assert {"awake", "nothing", "tastes"} <= words
    for word in (CANARY, ID, "😀", *words):
        assert word not in page.html.lower(), word
    assert all(set(post) == {"id", "n", "pairs"} for post in data_of(page.html)["posts"])


def test_the_redacted_data_depend_on_counts_of_words_alone():
    """Other words, sentences, lines and lengths of words give the same page, to the letter."""
    table, texts = predictions_and_texts()
    config = EvidencePageConfig()
    longer = {}
    for post_id, text in texts.items():
        longer[post_id] = re.sub(r"\w+", lambda word: word[0] + "ing", text)
    moved = table.copy()

    def shifted(span, text):
        return span | {end: len(re.sub(r"\w+", lambda word: word[0] + "ing", text[: span[end]])) for end in ("start", "end")}

    for column in ("gold_spans", "spans"):
        moved[column] = [
            [shifted(span, texts[post_id]) for span in spans] for post_id, spans in zip(table["post_id"], table[column], strict=True)
        ]
    assert evidence_page("share", moved, longer, CRITERIA, SALT, config) == evidence_page("share", table, texts, CRITERIA, SALT, config)


def test_a_page_with_text_holds_it_as_data_that_no_post_can_end_and_warns_of_it():
    page = page_of(reveal_text=True)
    assert page.reveals_text
    _, texts = predictions_and_texts()
    shown = {post["id"]: post["text"] for post in data_of(page.html)["posts"]}
    assert shown == {hashed_id(post_id, SALT): text for post_id, text in texts.items()}
    assert "<b>&amp;</b> good" not in page.html and ID not in page.html
    assert "This page holds the text of posts. Leave it in this folder" in Text(page.html).text
    assert "This page holds no text of a post" in Text(page_of().html).text


@pytest.mark.parametrize("reveal", [False, True])
def test_every_pair_has_its_outcome(reveal):
    data = data_of(page_of(reveal_text=reveal).html)
    by_id = {post["id"]: post for post in data["posts"]}
    names = list(CRITERIA)
    wanted = {0: [[1, 0, 0]], 1: [[0, 1, 0]], 2: [[0, 0, 1], [1, 0, 0]], 3: [[0, 1, 1]], 4: [None], 5: [[1, 1, 1]]}
    for number in range(POSTS):
        pairs = {names[pair["c"]]: pair for pair in by_id[hashed_id(f"{ID}-{number}", SALT)]["pairs"]}
        assert list(pairs) == names
        given = [criterion for criterion, *_ in PAIRS.get(number % 10, [])]
        assert [pairs[criterion].get("o") for criterion in given] == wanted.get(number % 10, [])
        assert all("o" not in pairs[criterion] and "m" not in pairs[criterion] for criterion in set(names) - set(given))
        assert [pair.get("u", 0) for pair in pairs.values()] == [int(number % 10 == 4), 0, 0]


def test_marks_of_a_page_with_text_are_the_spans_to_the_letter():
    table, texts = predictions_and_texts()
    text = texts[f"{ID}-5"]
    data = data_of(page_of(reveal_text=True).html)
    (post,) = [post for post in data["posts"] if post["id"] == hashed_id(f"{ID}-5", SALT)]
    (pair,) = [pair for pair in post["pairs"] if "o" in pair]
    first, second, third = (sentence.format(canary=CANARY, n=5) for sentence in SENTENCES)
    assert [(text[start:end], kind) for start, end, kind in pair["m"]] == [(first, 1), (second, 3), (third, 2)]
    assert pair["s"] == [1.5, 1.5]


def test_posts_come_by_mistakes_or_by_hash_and_only_so_many():
    def mistakes(post):
        return sum(sum(pair.get("o", [0, 0, 0])[1:]) for pair in post["pairs"])

    posts = data_of(page_of().html)["posts"]
    assert [mistakes(post) for post in posts] == sorted(map(mistakes, posts), reverse=True)
    assert all(a["id"] < b["id"] for a, b in pairwise(posts) if mistakes(a) == mistakes(b))
    by_hash = [post["id"] for post in data_of(page_of(order="id").html)["posts"]]
    assert by_hash == sorted(by_hash) and len(by_hash) == POSTS
    few = page_of(order="id", max_posts=7).html
    assert [post["id"] for post in data_of(few)["posts"]] == by_hash[:7]
    assert "7 of 40 posts of the test split, by their hashed ids: these posts are like a random sample." in Text(few).text
    assert "these posts look worse than the whole split" in Text(page_of(max_posts=7).html).text
    assert "All 40 posts of the test split" in Text(page_of().html).text


def test_an_agent_of_criteria_is_shown_by_its_decisions():
    html = page_of(spans=False, agent="criteria").html
    data = data_of(html)
    assert data["outcomes"] == ["right", "missed", "wrong", "neither"] and not data["spans"]
    (post,) = [post for post in data["posts"] if post["id"] == hashed_id(f"{ID}-3", SALT)]
    (pair,) = [pair for pair in post["pairs"] if "o" in pair]
    assert pair["o"] == [1, 0, 0] and {kind for *_, kind in pair["m"]} == {1} and "s" not in pair
    assert "This agent predicts whether a criterion is met. It predicts no spans." in Text(html).text


def test_an_agent_of_evidence_alone_has_no_probabilities_and_the_page_names_what_it_derives():
    html = page_of(probabilities=False, agent="evidence").html
    assert all("p" not in pair for post in data_of(html)["posts"] for pair in post["pairs"])
    assert "a criterion with a span counts as met" in Text(html).text
    assert "a criterion with a span counts as met" not in Text(page_of().html).text


def test_the_page_names_the_agreement_if_there_is_one():
    agreement = Agreement(name="Posts <agreement>", url="https://example.org/a?b&c")
    shown, revealed = (Text(page_of(agreement=agreement, reveal_text=reveal).html).text for reveal in (False, True))
    assert "under an agreement, Posts <agreement> (https://example.org/a?b&c)" in shown
    assert "Everyone who sees this page must have signed it" in revealed
    assert "agreement" not in Text(page_of().html).text


def test_the_page_is_titled_by_agent_and_corpus():
    html = page_of(corpus="a<b>").html
    assert "<title>Evidence: share on a&lt;b&gt;</title>" in html and "<h1>Evidence: share on a&lt;b&gt;</h1>" in html


def test_the_page_is_whole_in_itself_and_the_same_each_time():
    page = page_of(reveal_text=True)
    assert page == page_of(reveal_text=True)
    assert Text(page.html).loaded == []
    assert "default-src 'none'" in page.html and "url(" not in page.html
    assert "plotly" not in page.html
    assert all(criterion in Text(page.html).text for criterion in CRITERIA.values())
