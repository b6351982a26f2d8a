"""Near-duplicates: what is together, what is not, and that order and seed do not matter for it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psy_agents.corpus.splitting import near_duplicates
from psy_agents.corpus.splitting.near_duplicates import cluster_near_duplicates, jaccard, plain_text, same_text_key
from psy_agents.errors import UserError

WORDS = [f"word{i}" for i in range(5000)]


def post(rng, n=120):
    return " ".join(rng.choice(WORDS, size=n))


def partition(clusters):
    return {frozenset(np.flatnonzero(clusters == cluster).tolist()) for cluster in set(clusters.tolist())}


def triples(text):
    words = text.split()
    return {tuple(words[i : i + 3]) for i in range(max(1, len(words) - 2))}


@pytest.mark.parametrize("threshold", [None, 0.8])
def test_texts_that_differ_in_form_only_are_together(threshold):
    same = [
        "I can\u2019t sleep -- caf\u00e9s  keep me up.",
        "i cant SLEEP: cafe\u0301s keep me\nup",
        "I can't sleep! (Caf\u00e9s keep me up)",
        "\ufeffI can't sle\u00adep... \uff43af\u00e9s keep me up!",
    ]
    clusters = cluster_near_duplicates([*same, "I can sleep, caf\u00e9s keep me up.", same[0]], threshold, seed=0)
    assert clusters.tolist() == [0, 0, 0, 0, 1, 0]


def test_plain_text_folds_form_and_keeps_what_carries_meaning():
    assert plain_text(" Stra\u00dfe,\tN\u00ba\u00a05 ") == "strasse no 5"
    assert plain_text("\u6211\u5f88\u7d2f") == "\u6211 \u5f88 \u7d2f"
    assert plain_text("\u0e19\u0e2d\u0e44\u0e21\u0e48 ok") == "\u0e19 \u0e2d \u0e44 \u0e21\u0e48 ok"  # A mark stays with its letter.
    assert same_text_key("\U0001f622 sad") != same_text_key("\U0001f600 sad")
    assert same_text_key("\u0915\u093f") != same_text_key("\u0915\u0941")  # vowel signs are no punctuation


def test_an_edited_post_is_together_with_its_source_from_the_threshold_on():
    rng = np.random.default_rng(0)
    source = post(rng)
    words = source.split()
    words[40:43] = ["changed"] * 3
    edited = " ".join(words)
    texts = [source, post(rng), edited, post(rng)]
    likeness = len(triples(source) & triples(edited)) / len(triples(source) | triples(edited))
    assert cluster_near_duplicates(texts, likeness, seed=0).tolist() == [0, 1, 0, 2]
    assert cluster_near_duplicates(texts, likeness + 0.001, seed=0).tolist() == [0, 1, 2, 3]
    assert cluster_near_duplicates(texts, None, seed=0).tolist() == [0, 1, 2, 3]


def test_short_posts_are_together_only_where_they_are_nearly_equal():
    texts = ["i am so tired", "so tired", "i am so tired today", "i am so sad", "tired", "", "...", "Tired!"]
    assert cluster_near_duplicates(texts, 0.8, seed=0).tolist() == [0, 1, 2, 3, 4, 5, 5, 4]
    assert cluster_near_duplicates(texts, 0.6, seed=0).tolist() == [0, 1, 0, 2, 3, 4, 4, 3]


def test_a_post_quoted_whole_in_a_longer_one_is_together_with_it():
    rng = np.random.default_rng(1)
    quoted, sentence = post(rng, 30), post(rng, 10)
    texts = [post(rng), f"{post(rng, 80)} \u201c{quoted.upper()}\u201d {sentence} {post(rng, 80)}", quoted, sentence]
    assert cluster_near_duplicates(texts, 0.9, seed=0).tolist() == [0, 1, 1, 2]
    assert cluster_near_duplicates(texts, None, seed=0).tolist() == [0, 1, 2, 3]
    cut = " ".join(quoted.split()[1:] + ["other"])
    assert cluster_near_duplicates([texts[1], cut], 0.9, seed=0).tolist() == [0, 1]


# Words of Thai, Lao and Khmer, which are written without spaces: I, sleep, not, feel, tired, eat and so on.
UNSPACED = {
    "Thai": "ฉัน นอน ไม่ หลับ รู้สึก เหนื่อย มาก กิน ข้าว งาน บ้าน แม่ เพื่อน เดิน ตลาด ฝน ตก คิด เรื่อง เก่า แล้ว ตื่น สาย กลัว เงิน",
    "Lao": "ຂ້ອຍ ນອນ ບໍ່ ຫຼັບ ຮູ້ສຶກ ເມື່ອຍ ຫຼາຍ ກິນ ເຂົ້າ ວຽກ ເຮືອນ ແມ່ ໝູ່ ຍ່າງ ຕະຫຼາດ ຝົນ ຕົກ ຄິດ ເລື່ອງ ເກົ່າ ແລ້ວ ຕື່ນ ສວາຍ ຢ້ານ ເງິນ",
    "Khmer": "ខ្ញុំ គេង មិន លក់ អារម្មណ៍ ហត់ ណាស់ ញ៉ាំ បាយ ការងារ ផ្ទះ ម្តាយ មិត្ត ដើរ ផ្សារ ភ្លៀង ធ្លាក់ គិត រឿង ចាស់ ហើយ ភ្ញាក់ យឺត ខ្លាច លុយ",
}


@pytest.mark.parametrize("script", UNSPACED)
def test_edits_and_quotes_are_found_in_scripts_without_spaces(script):
    rng = np.random.default_rng(5)
    words = UNSPACED[script].split()
    sources = [rng.choice(words, size=120) for _ in range(6)]
    edited = [[*source[:60], "ok", *source[61:]] for source in sources]
    quote, sentence = rng.choice(words, size=40), rng.choice(words, size=6)
    quoting = [*rng.choice(words, size=80), *quote, *sentence, *rng.choice(words, size=80)]
    texts = ["".join(each) for each in (*sources, *edited, quoting, quote, sentence)]
    assert cluster_near_duplicates(texts, 0.8, seed=0).tolist() == [*range(6), *range(6), 6, 6, 7]


def test_quotes_are_found_where_runs_of_words_share_a_counter(monkeypatch):
    monkeypatch.setattr(near_duplicates, "COUNTERS", 1)
    rng = np.random.default_rng(1)
    quoted = post(rng, 30)
    assert cluster_near_duplicates([f"{post(rng)} {quoted}", post(rng), quoted], 0.9, seed=0).tolist() == [0, 1, 0]


def test_a_chain_of_edits_is_one_cluster():
    rng = np.random.default_rng(2)
    words = rng.choice(WORDS, size=200)
    chain = []
    for step in range(12):
        words = words.copy()
        words[step * 10 : step * 10 + 3] = f"step{step}"
        chain.append(" ".join(words))
    others = [post(rng) for _ in range(5)]
    clusters = cluster_near_duplicates([*chain, *others], 0.9, seed=0)
    assert len(triples(chain[0]) & triples(chain[-1])) / len(triples(chain[0]) | triples(chain[-1])) < 0.6
    assert clusters.tolist() == [0] * 12 + [1, 2, 3, 4, 5]


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from([0.3, 0.5, 0.7, 0.8, 0.95, 1.0]))
def test_clusters_are_the_components_of_the_exact_similarity_in_any_order_of_the_posts(number, threshold):
    rng = np.random.default_rng(number)
    texts = []
    for _ in range(30):
        if texts and rng.random() < 0.6:
            words = str(rng.choice(texts)).split()
            words[int(rng.integers(len(words)))] = "new"
            texts.append(" ".join(words))
        else:
            texts.append(post(rng, int(rng.integers(1, 19))))
    clusters = cluster_near_duplicates(texts, threshold, seed=0)
    expected = np.arange(len(texts))
    for i in range(len(texts)):
        for j in range(i):
            a, b = triples(texts[i]), triples(texts[j])
            if len(a & b) >= threshold * len(a | b) or texts[i] == texts[j]:
                expected[expected == expected[i]] = expected[j]
    # The candidates are random: a pair in a thousand at the threshold may be missed, but none may join wrongly.
    for group in partition(clusters):
        assert any(group <= other for other in partition(expected))
    assert len(partition(clusters)) - len(partition(expected)) <= 1
    order = rng.permutation(len(texts))
    again = cluster_near_duplicates([texts[i] for i in order], threshold, seed=0)
    back = np.empty_like(again)
    back[order] = again
    assert partition(back) == partition(clusters)


def test_many_edited_posts_are_all_found_whatever_the_seed():
    rng = np.random.default_rng(3)
    sources = [post(rng, 60) for _ in range(200)]
    edited = [" ".join([*text.split()[:-3], "one", "two", "three"]) for text in sources]
    for seed in (0, 1):
        clusters = cluster_near_duplicates([*sources, *edited], 0.8, seed)
        assert clusters.tolist() == [*range(200), *range(200)]


def test_posts_that_share_half_their_words_stay_apart():
    rng = np.random.default_rng(4)
    boilerplate = post(rng, 60)
    texts = [f"{boilerplate} {post(rng, 60)}" for _ in range(300)]
    assert len(set(cluster_near_duplicates(texts, 0.8, seed=0))) == 300


def test_no_posts_have_no_clusters():
    assert cluster_near_duplicates([], 0.8, seed=0).tolist() == []


@pytest.mark.parametrize("threshold", [0, -0.1, 1.5, float("nan")])
def test_a_threshold_that_is_no_similarity_is_refused(threshold):
    with pytest.raises(UserError, match="above 0 and at most 1"):
        cluster_near_duplicates(["a"], threshold, seed=0)


def test_jaccard_is_shared_over_all():
    assert jaccard(np.array([1, 2, 3]), np.array([2, 3, 4])) == 0.5
