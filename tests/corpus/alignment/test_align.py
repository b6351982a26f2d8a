"""Sentences are found at their own offsets, by the stage that they need, and not where they do not stand."""

import unicodedata

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.effort import counted

from psy_agents.corpus.alignment import normalisation
from psy_agents.corpus.alignment import post as alignment_post
from psy_agents.corpus.alignment.align import STAGES, align
from psy_agents.corpus.alignment.fuzzy import words_needed
from psy_agents.corpus.alignment.normalisation import normalise, trim
from psy_agents.corpus.alignment.tokens import words_of
from psy_agents.corpus.config import DEFAULT_FUZZY_THRESHOLD
from psy_agents.errors import UserError
from psy_agents.evaluation.spans import word_spans

POST = (
    "I moved house in March. Since then I wake at three every night and cannot fall asleep again until it is light. "
    "My sister says that I should see somebody about it, but I never find the energy to call.\n"
    "Nothing tastes of anything any more and I have lost eight kilos since the spring. "
    "At work I read the same page over and over without taking in a word of it."
)
NASTY = "aAbBeé\u0301ßſ  \n\u00a0\u200b\u00ad'’“\"-–—….½ﬁÅÂ\u0327Ãâ€™©\u200d👩🇩🇪Ｋ中\ud800"
# Ways of typing that leave the form as it is, one after the other too.
TYPINGS = (
    str.upper,
    str.casefold,
    lambda text: unicodedata.normalize("NFD", text),
    lambda text: unicodedata.normalize("NFC", text),
    lambda text: text.replace(" ", "\u00a0\n\u200b "),
    lambda text: text.replace("'", "’").replace('"', "„"),
    lambda text: text.replace("-", "—").replace("...", "…"),
    lambda text: "\u2060" + "\u00ad".join(text) if text.isascii() else text,
    lambda text: text.replace("fi", "ﬁ"),
)
WORDS = "I i'm can't Never re-find café naïve Straße Ångström \"so\" it... mood - sleep, night. 3 Ωmega don’t".split()
many = settings(max_examples=200, deadline=None)


def find(text, sentence, threshold=None):
    """(stage, the places' texts) of one sentence in one post."""
    found = align([text], np.array([0]), [sentence], threshold)
    return found.stage[0], [text[a:b] for a, b in zip(found.start, found.end, strict=True)]


def places(text, sentence, threshold=None):
    found = align([text], np.array([0]), [sentence], threshold)
    return list(zip(found.start.tolist(), found.end.tolist(), strict=True))


def test_each_sentence_has_the_first_stage_that_finds_it_its_score_and_its_places_in_the_given_order():
    texts = ["Not here.", POST]
    sentences = [
        "since the SPRING",
        "No such thing was said.",
        " since the spring\n",
        "Since then I woke at three every night and cannot fall asleep until it is light.",
        " \u200b\n",
        "since the spring",
    ]
    found = align(texts, np.array([1, 1, 1, 1, 1, 0]), sentences, 0.7)
    assert found.stage.tolist() == ["normalised", "not_found", "exact", "fuzzy", "blank", "not_found"]
    assert set(found.stage) <= set(STAGES)
    assert found.score[[0, 2]].tolist() == [1.0, 1.0]
    assert 0.7 <= found.score[3] < 1
    assert np.isnan(found.score[[1, 4, 5]]).all()
    assert found.sentence.tolist() == [0, 2, 3]
    assert [POST[a:b] for a, b in zip(found.start, found.end, strict=True)] == [
        "since the spring",
        "since the spring",
        "Since then I wake at three every night and cannot fall asleep again until it is light.",
    ]
    assert {found.sentence.dtype, found.start.dtype, found.end.dtype} == {np.dtype(np.int64)}


def test_no_sentences_give_no_places():
    found = align(["A post."], np.array([], dtype=np.int64), [], 0.7)
    assert len(found.stage) == len(found.score) == len(found.sentence) == len(found.start) == len(found.end) == 0


def test_a_sentence_is_found_at_every_place_and_inside_a_longer_word_only_if_nowhere_else():
    assert places("A cat. AA A", "A") == [(0, 1), (10, 11)]
    assert places("concatenate", "cat") == [(3, 6)]
    assert places("aaaa", "aa") == [(0, 2), (2, 4)]
    assert places("xa a a", "a a") == [(3, 6)]
    assert places("Ich LASSE es, lass es. LASS es", "laß") == [(14, 18), (23, 27)]
    assert places("cafe\u0301 or cafe", "cafe") == [(9, 13)]


@many
@given(st.text(NASTY, max_size=12), st.text(NASTY, min_size=1, max_size=8), st.text(NASTY, max_size=12))
def test_any_cut_of_any_text_is_found_verbatim_where_it_was_cut(before, cut, after):
    sentence = trim(cut)
    assume(sentence)
    text = before + cut + after
    start = len(before) + cut.index(sentence)
    end = start + len(sentence)
    assert find(text, cut)[0] == "exact"
    found = places(text, cut)
    assert all(text[a:b] == sentence for a, b in found)
    # Places do not overlap, and those inside a longer word give way to those that are not.
    overlapped = any(a < end and start < b for a, b in found)
    neighbours = [text[at - 1 : at + 1] for at in (start, end) if 0 < at < len(text)]
    assert overlapped or any(all(unicodedata.category(c)[0] in "LNM" for c in pair) for pair in neighbours)


@many
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=10), st.data())
def test_whole_words_that_stand_once_are_found_exactly_where_they_were_cut(words, data):
    plain = [f"{word} w{number}" for number, word in enumerate(words)]
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    sentence = " ".join(plain[first : last + 1])
    start = len("".join(f"{part} " for part in plain[:first]))
    assert find(" ".join(plain), f" {sentence}\n") == ("exact", [sentence])
    assert places(" ".join(plain), sentence) == [(start, start + len(sentence))]


@pytest.mark.parametrize(
    ("text", "sentence", "cut"),
    [
        ("So: “I can’t”, he said.", "\"I can't\"", "“I can’t”"),
        ("It was long–lost — really.", "long-lost - really", "long–lost — really"),
        ("It was -- well -- odd", "well — odd", "well -- odd"),
        ("I waited… and left", "I waited... and", "I waited… and"),
        ("no\u00a0\u2003sleep\r\n\tat all", "no sleep at all", "no\u00a0\u2003sleep\r\n\tat all"),
        ("in\u00adsom\u200bnia again", "insomnia", "in\u00adsom\u200bnia"),
        ("Die STRASSE war leer", "die straße", "Die STRASSE"),
        ("a diﬃcult ﬁnd", "difficult find", "diﬃcult ﬁnd"),
        ("Ｉ　ａｍ tired", "i am", "Ｉ　ａｍ"),
        ("un cafe\u0301 noir", "CAFÉ", "cafe\u0301"),
        ("un café noir", "cafe\u0301", "café"),
        ("\u1100\u1161\u11a8 나", "각", "\u1100\u1161\u11a8"),
        ("I donâ€™t know", "I don't", "I donâ€™t"),
        ("un cafÃ© noir", "un café", "un cafÃ©"),
        ("it´s late", "it's", "it´s"),
        ("I ❤\ufe0f you", "i ❤ you", "I ❤\ufe0f you"),
    ],
)
def test_a_sentence_that_was_typed_otherwise_is_found_at_its_exact_offsets(text, sentence, cut):
    assert find(text, sentence) == ("normalised", [cut])
    assert find(sentence, cut)[0] == "normalised"


def test_a_place_covers_whole_characters():
    assert find("the ﬁnd", "IND") == ("not_found", [])
    assert find("½ of it", "1") == ("not_found", [])
    assert find("cafe\u0301", "CAFE") == ("not_found", [])


def test_german_closing_quotes_are_no_mojibake():
    assert find("Das macht „Spaß“, sagt er", 'macht "spass"') == ("normalised", ["macht „Spaß“"])


@many
@given(st.data())
def test_a_sentence_is_found_at_its_exact_offsets_after_any_typing_of_it_and_of_the_post(data):
    words = data.draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=10))
    # The number after each word makes every stretch of the text unlike any other.
    plain = [f"{word} w{number}" for number, word in enumerate(words)]
    typed = [data.draw(st.sampled_from(TYPINGS))(part) for part in plain]
    typed = [part.replace("é", "Ã©") if data.draw(st.booleans()) else part for part in typed]
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    start = len("".join(f"{part} " for part in typed[:first]))
    cut = " ".join(typed[first : last + 1])

    sentence = " ".join(plain[first : last + 1])
    for typing in data.draw(st.lists(st.sampled_from(TYPINGS), max_size=3)):
        sentence = typing(sentence)
    found = places(" ".join(typed), sentence)
    start += cut.index(trim(cut))
    assert found == [(start, start + len(trim(cut)))]


@many
@given(st.text(NASTY, max_size=30))
def test_a_stretch_of_whole_characters_has_as_its_form_that_stretch_of_the_form(text):
    form = normalise(text)
    assert len(form.text) == len(form.start) == len(form.end)
    for start in np.flatnonzero(form.opens):
        for end in np.flatnonzero(form.closes) + 1:
            if start < end:
                a, b = form.span(start, end)
                assert normalise(text[a:b]).text == form.text[start:end]


@many
@given(st.text(NASTY, max_size=30), st.sampled_from(["NFC", "NFD"]))
def test_the_form_does_not_depend_on_composition(text, composition):
    assume("Ã" not in text and "Â" not in text and "â" not in text)
    assert normalise(unicodedata.normalize(composition, text)).text == normalise(text).text


def test_every_character_that_is_seen_has_a_form_and_it_is_no_white_space():
    # Two planes and the tags: those above hold ideographs and nothing else.
    for code in [*range(0x20000), *range(0xE0000, 0xE1000)]:
        character = chr(code)
        form = normalisation._form(character)
        assert bool(trim(character)) == bool(form.strip())
        assert form == " " or not any(part.isspace() for part in form)


@pytest.mark.parametrize(
    "sentence",
    [
        "Since then I wake at four every day and cannot fall asleep again until it is light.",
        "Since then wake at three every night and cannot asleep again until it light.",
        "And since then I always wake at three every night and cannot fall asleep again until it is very light.",
        "SINCE THEN I wakke at thre every nigth and canot fall asleep agian until it is lihgt",
        "Yesterday then I wake at three every night and cannot fall asleep again until it is dark.",
        "Since then I wake at three every nightâ€¦ and cannot fall â�� asleep again until it is light.",
    ],
)
def test_a_sentence_of_changed_words_is_found_on_the_edges_of_the_sentence(sentence):
    place = "Since then I wake at three every night and cannot fall asleep again until it is light."
    assert find(POST, sentence) == ("not_found", [])
    assert find(POST, sentence, DEFAULT_FUZZY_THRESHOLD) == ("fuzzy", [place])


def test_a_fuzzy_place_inside_a_sentence_ends_with_words_and_a_newline_ends_a_sentence():
    assert find(POST, "lost eigth kilograms since the", 0.6) == ("fuzzy", ["lost eight kilos since the"])
    text = "nobody calls me these days\nI lie awake for hours every single night\nmy food has no taste"
    assert find(text, "you lie awake for hours every single evening", 0.6)[1] == [text.split("\n")[1]]


@pytest.mark.parametrize("sentence", ["I never fund", "My brother", "eight kilograms", "Nothing tasted", "Hi."])
def test_a_sentence_of_a_few_words_matches_nothing_that_only_looks_like_it(sentence):
    assert find(POST, sentence, 0.3) == ("not_found", [])


def test_more_words_must_agree_in_a_longer_post_and_for_a_shorter_sentence():
    assert words_needed(1, places=100) is None
    assert words_needed(2, places=100) is None
    assert words_needed(3, places=100) == 3
    assert words_needed(4, places=100) == 3
    assert words_needed(4, places=7000) == 4
    assert words_needed(30, places=7000) == 7
    assert words_needed(30, places=70) == 5


def test_two_places_that_are_nearly_as_near_are_in_doubt_but_two_that_read_the_same_are_both_given():
    one, other = "I wake at two in the night and lie there.", "I wake at ten in the night and lie there."
    sentence = "I woke at six in the night and lie there."
    assert find(f"{one} Then nothing. {other}", sentence, 0.6) == ("not_found", [])
    assert find(f"{one} Then nothing. {one}", sentence, 0.6) == ("fuzzy", [one, one])
    assert find(f"{one} Then nothing. {other}", "I wakke at two in the night and lie there.", 0.6) == ("fuzzy", [one])


def test_scripts_without_spaces_have_fuzzy_places():
    text = "我搬家了。从那以后我每天晚上三点醒来再也睡不着。我的姐姐很担心。"
    assert find(text, "从那以后他每天晚上四点醒来再也睡不着。", 0.7) == ("fuzzy", ["从那以后我每天晚上三点醒来再也睡不着。"])


def test_the_threshold_only_sets_aside_places_of_a_lower_score_and_none_sets_aside_all():
    sentence = "Since then I wake at four every day and cannot fall asleep again until it is bright."
    score = align([POST], np.array([0]), [sentence], 0.3).score[0]
    assert align([POST], np.array([0]), [sentence], score).score[0] == score
    assert find(POST, sentence, np.nextafter(score, 1)) == ("not_found", [])
    assert find(POST, sentence, None) == ("not_found", [])
    for wrong in (0, -0.1, 1.1, float("nan")):
        with pytest.raises(UserError, match="fuzzy threshold"):
            align([POST], np.array([0]), [sentence], wrong)


def damaged(rng, sentence, vocabulary, share):
    words = sentence.split()
    for number in rng.choice(len(words), size=round(share * len(words)), replace=False):
        words[number] = str(rng.choice(vocabulary))
    return " ".join(words)


def test_damaged_sentences_are_found_where_they_stand_and_absent_ones_nowhere():
    rng = np.random.default_rng(0)
    letters = list("abcdefghijklmnopqrstuvwxyz")
    vocabulary = ["".join(rng.choice(letters, size=rng.integers(2, 10))) for _ in range(300)]

    def sentence():
        return " ".join(rng.choice(vocabulary, size=rng.integers(6, 25))).capitalize() + "."

    written = [[sentence() for _ in range(20)] for _ in range(10)]
    texts = [" ".join(sentences) for sentences in written]
    post = np.repeat(np.arange(10), 20)
    true = [text for sentences in written for text in sentences]
    start = np.array([texts[i].index(text) for i, text in zip(post, true, strict=True)])

    end = start + np.array([len(text) for text in true])

    right = []
    for typing in (str, str.upper, lambda text: text.replace(" ", "\u00a0 ")):
        changed = [typing(damaged(rng, text, vocabulary, 0.2)) for text in true]
        found = align(texts, post, changed, 0.6)
        overlap = np.minimum(found.end, end[found.sentence]) - np.maximum(found.start, start[found.sentence])
        union = np.maximum(found.end, end[found.sentence]) - np.minimum(found.start, start[found.sentence])
        assert (overlap > 0.6 * union).all()
        assert len(np.unique(found.sentence)) >= 0.97 * len(true)
        right.extend(overlap >= 0.8 * union)
    assert np.mean(right) >= 0.99
    assert (align(texts, (post + 1) % 10, true, 0.6).stage == "not_found").all()


def test_a_posts_form_is_made_once_and_only_if_a_sentence_is_not_there_verbatim(monkeypatch):
    seen = []
    monkeypatch.setattr(alignment_post, "normalise", lambda text: seen.append(text) or normalise(text))
    align([POST, "Other."], np.array([0, 1, 0]), ["since the spring", "Other.", "At work"], 0.7)
    assert seen == []
    align([POST, "Other."], np.array([0, 1, 0, 0]), ["SINCE THE", "Other.", "AT WORK", "Nothing at all of it"], 0.7)
    assert seen.count(POST) == 1
    assert "Other." not in seen


@pytest.mark.parametrize("sentence", ["SINCE THE SPRING", "My sister said that I should see somebody about that"])
def test_a_place_that_does_not_hold_its_sentence_is_a_program_error_that_quotes_nothing(monkeypatch, sentence):
    monkeypatch.setattr(normalisation.Normalised, "span", lambda form, start, end: (start + 60, end + 60))
    with pytest.raises(RuntimeError, match="stage gave a place that does not hold its sentence") as error:
        align([POST], np.array([0]), [sentence], 0.6)
    assert "spring" not in str(error.value).lower()
    assert "sister" not in str(error.value)


def test_long_posts_and_many_equal_sentences_take_little_work():
    rng = np.random.default_rng(0)
    words = [f"word{number}" for number in rng.zipf(1.3, size=7000) % 3000]
    text = " ".join(words)
    sentences = [damaged(rng, " ".join(words[at : at + 30]), words, 0.2) for at in rng.integers(0, 6900, size=20)]
    found, calls = counted(lambda: align([text], np.zeros(20, dtype=np.int64), sentences, 0.6))
    equal, more = counted(lambda: align(["I am sad and tired of it all. " * 500], np.array([0]), ["I am mad and tired of that all."], 0.6))
    assert max(calls, more) < 200_000
    assert (found.stage == "fuzzy").sum() >= 15
    assert len(equal.start) == 500


@pytest.mark.parametrize("text", ["ヒーロー", "ㄅㄆㄇ", "ᦎᦷᦺᦑ", "ᥖᥭᥰ", "ᨲ᩠ᩅᩫ", "ꪼꪕ", "眠れない", "นอนไม่หลับ"])
def test_in_scripts_without_spaces_its_words_are_those_of_the_evaluation(text):
    assert words_of(text) == [text[start:end] for start, end in word_spans(text)]
    assert len(words_of(text)) > 1


@pytest.mark.parametrize("stop", "。！？।؟۔။។።")
def test_a_full_stop_of_any_script_ends_a_sentence(stop):
    tokens = alignment_post.Post(f"abc{stop} def").tokens
    assert [token.closes for token in tokens] == [False, True, True]
