"""Joined evidence has a place for each stretch; punctuation at ends, vowel signs and markup do not mislead the alignment."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psy_agents.corpus.alignment.align import align
from psy_agents.corpus.alignment.normalisation import is_blank, trim
from psy_agents.corpus.config import DEFAULT_FUZZY_THRESHOLD

DIARY = (
    "Up early. I lie awake. The bus came, and it was blue. No food. I get up at three because of the noise from the street. "
    "No food for the cat. I never see my friends.\nDown again. No food."
)
NOISE = "I get up at three because of the noise from the street."
WORDS = "I i'm can't Never re-find café naïve Straße \"so\" it... mood sleep, night. 3 don’t".split()


def find(text, sentence, threshold=None):
    """(stage, the places' texts) of one sentence in one post."""
    found = align([text], np.array([0]), [sentence], threshold)
    return found.stage[0], [text[a:b] for a, b in zip(found.start, found.end, strict=True)]


@pytest.mark.parametrize(
    ("text", "sentence", "cut"),
    [
        ("Fatigue", "Fatigue.", "Fatigue"),
        ("Up, dry mouth, down", "Dry mouth .", "dry mouth"),
        ("I am so tired, really", "... so tired!!", "so tired"),
        ("I was fatigued", "Fatigue.", None),
        ("At 3 in the night", "<3", None),
        ("Nothing.", "?!", None),
    ],
)
def test_punctuation_at_the_ends_of_a_sentence_does_not_count(text, sentence, cut):
    assert find(text, sentence) == (("normalised", [cut]) if cut else ("not_found", []))


@pytest.mark.parametrize(
    ("with_signs", "without"),
    [("لا أَسْتَطِيعُ النَّوْمَ", "لا أستطيع النوم"), ("لا أستطـــيع", "لا أستطيع"), ("שָׁלוֹם עֲלֵיכֶם", "שלום עליכם")],
)
def test_arabic_and_hebrew_are_found_with_and_without_vowel_signs(with_signs, without):
    assert find(f"{with_signs} .", without) == ("normalised", [with_signs])
    assert find(f"{without} .", with_signs) == ("normalised", [without])


@pytest.mark.parametrize("text", ["", " \n\u00a0", "\u200b\u2060\ufeff", "\u3164\u2800", "\u0640\x07"])
def test_a_text_of_white_space_and_invisible_characters_is_blank(text):
    assert is_blank(text) and trim(text) == ""
    assert not is_blank(f"{text}.{text}") and trim(f"{text}.{text}") == "."


@pytest.mark.parametrize(
    ("sentence", "stretches"),
    [
        ("I lie awake. I get up at three", ["I lie awake.", "I get up at three"]),
        ("i LIE awake ... I never see my friends", ["I lie awake", "I never see my friends"]),
        ("I never see my friends / I lie awake", ["I lie awake", "I never see my friends"]),
        ("and it was blue I get up at three", ["and it was blue", "I get up at three"]),
        ("I get up at three [...] from the street.", ["I get up at three", "from the street."]),
        ("Up early; Down again.", ["Up early", "Down again."]),
        ("I lie awake.\nI never see my friends.", ["I lie awake.", "I never see my friends."]),
        ("I never see my friends ... I lie awake\nI get up at three", ["I lie awake", "I get up at three", "I never see my friends"]),
        ("I get up at three because of. because of the noise.", ["I get up at three because of", "because of the noise"]),
        ("No food. I lie awake.", ["I lie awake.", "No food.", "No food."]),  # As "No food." alone has both places.
    ],
)
def test_a_sentence_joined_from_stretches_of_the_post_has_a_place_for_each(sentence, stretches):
    assert find(DIARY, sentence, DEFAULT_FUZZY_THRESHOLD) == ("joined", stretches)
    assert find(DIARY, sentence) == ("joined", stretches)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_two_stretches_of_a_post_are_found_exactly_where_they_were_cut(data):
    words = [f"{data.draw(st.sampled_from(WORDS))} w{number}" for number in range(12)]
    first, gap, second = (data.draw(st.integers(2, 4)) for _ in range(3))  # Of two words each.
    stretches = [" ".join(words[:first]), " ".join(words[first + gap : first + gap + second])]
    joint = data.draw(st.sampled_from([" ... ", " [...] ", "; ", "\n"]))
    if data.draw(st.booleans()):
        stretches.reverse()
    text = " ".join(words)
    stage, found = find(text, joint.join(stretches), DEFAULT_FUZZY_THRESHOLD)
    edges = " \"-.,;"
    assert (stage, sorted(part.strip(edges) for part in found)) == ("joined", sorted(part.strip(edges) for part in stretches))


@pytest.mark.parametrize(
    "sentence",
    [
        "I lie awake. I see nobody at three.",  # The second part is not there.
        "I get up at three becuse of the noise from the street. I never see my frends",  # Joined and damaged.
        "it was. I lie awake.",  # Two words that are no sentence of the post.
        "No food / I lie awake.",  # A short part that also begins a longer sentence.
    ],
)
def test_a_sentence_that_is_neither_whole_in_stretches_nor_one_place_is_not_placed(sentence):
    assert find(DIARY, sentence, DEFAULT_FUZZY_THRESHOLD) == ("not_found", [])


def test_a_sentence_that_leaves_out_a_word_or_two_is_one_place():
    assert find(DIARY, NOISE.replace("of the ", "", 1), 0.7) == ("fuzzy", [NOISE])
    assert find(DIARY, "I get up at three because of from the street.", 0.95)[0] == "joined"  # Not similar enough for one place.


@pytest.mark.parametrize(
    ("text", "sentence", "cut"),
    [
        ("See [my story about sleeping badly](https://ex.org/a). Up.", "See my story about slepping bad", "my story about sleeping badly"),
        ("Oh, I **lie awake for hours every single night** and so on", "I lie awake for hours every singel night", None),
        ("<p>I lie awake for hours every single night</p>", "you lie awake for hours every singel night p", None),
        ("I lie awake for hours each night, see https://ex.org/night/x", "I lye awake for hours each night, see https ex org", None),
    ],
)
def test_a_fuzzy_place_does_not_end_inside_markup_or_a_link(text, sentence, cut):
    stage, (found,) = find(text, sentence, 0.6)
    assert stage == "fuzzy" and (cut is None or found == cut)
    assert found.count("**") % 2 == 0 and found.count("[") == found.count("]") and "<" not in found
    assert "https" not in found or found.endswith("https://ex.org/night/x")
