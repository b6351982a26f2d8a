"""Clusters of near-duplicate posts (equal, similar or quoted texts), which a split keeps whole."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import regex

from psy_agents.corpus.scripts import SOUTH_EAST_ASIAN
from psy_agents.errors import UserError

# A changed word changes at most this many shingles, so short posts still match after an edit; word triples are rare enough to
# keep unrelated posts far below any sensible threshold.
SHINGLE_WORDS = 3
# A text inside a longer one counts as quoted from this length on. Shorter ones are sentences that many people use: of 10,000
# posts composed of stock sentences, 8 words chain 3,000 into one cluster, 20 words chain two.
QUOTE_WORDS = 20
# Letters of South East Asian scripts stand for words, since no spaces do: this many are about as rare as a word is. Runs of three
# letters would be common to all texts of a language.
LETTERS_A_WORD = 4
LETTER = regex.compile(rf"[{SOUTH_EAST_ASIAN}]\p{{M}}*")  # With its marks.
FIRST_LETTER = "\u0e00"  # No such script begins before it: a quick look at a text's highest character is enough for most.
PERMUTATIONS = 128
# Share of the pairs exactly at the threshold that the buckets may miss; pairs above it are missed less often.
MISSED_AT_THRESHOLD = 0.001
# The exact similarity is computed only where the estimate from the signatures is this near to the threshold: four standard
# errors, sqrt(0.25 / PERMUTATIONS) at most. This saves time in large buckets of posts with a common boilerplate.
ESTIMATE_MARGIN = 0.18
# Counters for runs of words, 64 MB of them: about one for each run of 70,000 posts of 250 words.
COUNTERS = 2**24
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def cluster_near_duplicates(texts: Sequence[str], threshold: float | None, seed: int) -> np.ndarray:
    """Cluster posts whose texts are

    - equal up to case, white space, punctuation and Unicode form (`same_text_key`), always;
    - near-duplicates: the Jaccard similarity of their sets of word triples is at least ``threshold``. A text of
      fewer than three words is one shingle; four letters of a script like Thai count as a word. Candidates come from
      MinHash and LSH (Broder, "On the resemblance and containment of documents", SEQUENCES 1997; Leskovec, Rajaraman
      and Ullman, "Mining of Massive Datasets", chapter 3) and each is checked on the full sets of 64-bit shingle
      hashes: no pair below the threshold is joined, and about 1 in 1000 of the pairs at the threshold is missed;
    - quoted: a longer text contains a text of at least 20 words, word for word.

    Clusters are the connected components: two texts may share a cluster because both resemble a third. Not found:
    reposts that are both quoted and edited, posts that share a passage while neither contains the other, and reworded or
    translated posts.

    The partition depends on the texts, the threshold and the seed, not on the texts' order. Time and memory grow
    linearly with the words, as long as most posts resemble few others.

    Args:
        texts: the posts' texts.
        threshold: above 0 and at most 1; None joins equal texts only.
        seed: of the MinHash permutations.

    Returns:
        (posts) cluster of each text, numbered by first appearance.
    """
    if threshold is not None and not 0 < threshold <= 1:
        raise UserError(
            f"The near-duplicate threshold {threshold} is no similarity: give a number above 0 and at most 1, "
            f"or null to join equal texts only."
        )
    text_of_post, distinct = pd.factorize(np.array([plain_text(text) for text in texts], dtype=object))
    cluster = pd.factorize(np.array([_without_spaces(text) for text in distinct], dtype=object))[0]
    if threshold is not None:
        hash_of_word = _WordHashes()
        words = [np.array([hash_of_word[word] for word in text.split(" ")], dtype=np.uint64) for text in distinct]
        parts = np.array([_parts_a_word(text) for text in distinct], dtype=np.int64)
        shingles = [np.unique(_hash_runs(hashes, SHINGLE_WORDS * each)) for hashes, each in zip(words, parts.tolist(), strict=True)]
        cluster = _join_alike(cluster, shingles, threshold, seed)
        cluster = _join_quotes(cluster, distinct, words, QUOTE_WORDS * parts)
    return pd.factorize(cluster[text_of_post])[0]


def plain_text(text: str) -> str:
    """The text's words, one space between them: case, punctuation, white space and Unicode form do not matter.

    Case is folded and compatible characters become one (NFKC). A wide character (Chinese, Japanese, Korean, emoji)
    counts as a word, and so does a letter of Thai, Lao, Khmer, Burmese and their like with its marks, because such texts have no
    spaces between words.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.translate(_PLAIN).replace(f" {_JOINED}", "").split())


def same_text_key(text: str) -> str:
    """A key that is equal for texts that differ only in case, white space, punctuation and Unicode form."""
    return _without_spaces(plain_text(text))


_JOINED = "\0"  # Before a mark that belongs to the word before it; no text keeps this character.


class _PlainCharacters(dict):
    """The replacement of each character in `plain_text`, by code point, computed when it first occurs."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if category[0] in "PZ" or character.isspace():
            plain = " "
        elif category in ("Cc", "Cf"):  # soft hyphens, zero-width joiners and the like occur inside words
            plain = ""
        elif unicodedata.east_asian_width(character) in "WF":
            plain = f" {character} "
        elif LETTER.match(character):
            plain = f"{_JOINED}{character} " if category[0] == "M" else f" {character} "
        else:
            plain = character
        self[code] = plain
        return plain


_PLAIN = _PlainCharacters()


def _without_spaces(plain: str) -> str:
    return plain.replace(" ", "")


def _parts_a_word(plain: str) -> int:
    """How many words of `plain_text` make up a word of the language: 1, or the letters of one where most of a text is letters."""
    if max(plain, default="") < FIRST_LETTER:
        return 1
    letters = len(LETTER.findall(plain))
    return LETTERS_A_WORD if 2 * letters > plain.count(" ") + 1 else 1


class _WordHashes(dict):
    """Each word's 64-bit hash, the same in every process."""

    def __missing__(self, word: str) -> int:
        digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        self[word] = value = int.from_bytes(digest, "little")
        return value


def _hash_runs(words: np.ndarray, length: int) -> np.ndarray:
    """(runs) a 64-bit hash of each run of ``length`` words, or of the whole text where it has fewer."""
    length = min(length, len(words))
    runs = np.zeros(len(words) - length + 1, dtype=np.uint64)
    for offset in range(length):
        runs = runs * MULTIPLIER + words[offset : offset + len(runs)]
    return runs


def _join_quotes(cluster: np.ndarray, texts: Sequence[str], words: list[np.ndarray], least: np.ndarray) -> np.ndarray:
    """(texts) the clusters, joined where a longer text contains a text of at least ``least`` (texts) words.

    A text that contains another contains each of its runs of words. One run of each text, about its rarest, is looked up
    among the runs of all others, and what it finds is compared word for word. How often a run occurs is counted in
    counters that several runs may share: a collision costs time and never hides a quote.
    """
    length = np.array([len(hashes) for hashes in words])
    long_enough = np.flatnonzero(length >= QUOTE_WORDS)
    occurrences = np.zeros(COUNTERS, dtype=np.int32)
    for text in long_enough:
        occurrences[np.unique(_hash_runs(words[text], QUOTE_WORDS) % COUNTERS)] += 1
    signs, quoted = [], []
    for text in long_enough:
        runs = _hash_runs(words[text], QUOTE_WORDS)
        rarity = occurrences[runs % COUNTERS]
        if length[text] >= least[text] and rarity.min() > 1:  # otherwise no other text has that run
            signs.append(runs[rarity == rarity.min()].min())
            quoted.append(text)
    order = np.argsort(np.array(signs, dtype=np.uint64), kind="stable")
    signs, quoted = np.array(signs, dtype=np.uint64)[order], np.array(quoted, dtype=np.int64)[order]

    joined = []
    for holder in long_enough:
        runs = np.unique(_hash_runs(words[holder], QUOTE_WORDS))
        first, last = np.searchsorted(signs, runs, "left"), np.searchsorted(signs, runs, "right")
        for place in np.flatnonzero(last > first):
            texts_found = quoted[first[place] : last[place]]
            news = (length[texts_found] < length[holder]) & (cluster[texts_found] != cluster[holder])
            joined.extend(
                (text, holder) for text in texts_found[news] if f" {texts[text]} " in f" {texts[holder]} "
            )
    return join_clusters(cluster, np.array(joined, dtype=np.int64).reshape(-1, 2))


def _join_alike(cluster: np.ndarray, shingles: list[np.ndarray], threshold: float, seed: int) -> np.ndarray:
    """(texts) the clusters, joined where two texts share a bucket and their Jaccard similarity is high enough.

    The buckets are numpy arrays: the library's index keeps a Python set for each text and band, ten times the memory of the
    signatures, and lists each text's candidates, which is quadratic in a cluster's size. Here a text is compared only with
    the texts of its bucket that are not in its cluster yet.
    """
    signatures = _signatures(shingles, seed)
    for buckets in _bands(signatures, threshold):
        joined: list[tuple[int, int]] = []
        for members in buckets:
            reached, pending = [members[0]], members[1:]
            while len(pending):
                if not reached:
                    reached, pending = [pending[0]], pending[1:]
                    continue
                text = reached.pop()
                alike = cluster[pending] == cluster[text]
                estimate = (signatures[pending] == signatures[text]).mean(axis=1)
                for place in np.flatnonzero(~alike & (estimate >= threshold - ESTIMATE_MARGIN)):
                    alike[place] = jaccard(shingles[text], shingles[pending[place]]) >= threshold
                joined.extend((text, other) for other in pending[alike])
                reached.extend(pending[alike])
                pending = pending[~alike]
        cluster = join_clusters(cluster, np.array(joined, dtype=np.int64).reshape(-1, 2))
    return cluster


def jaccard(first: np.ndarray, second: np.ndarray) -> float:
    """Shared elements over all elements of two sets, each given as an array without repeats."""
    shared = len(np.intersect1d(first, second, assume_unique=True))
    return shared / (len(first) + len(second) - shared)


def _signatures(shingles: list[np.ndarray], seed: int) -> np.ndarray:
    """(texts, permutations) MinHash values, uint32."""
    from datasketch import MinHash  # not at the top: it is slow to import and only this function needs it

    low = (hashes.astype(np.uint32).tolist() for hashes in shingles)  # MinHash's permutations take 32 bits
    minhashes = MinHash.generator(low, num_perm=PERMUTATIONS, seed=seed, hashfunc=int)
    signatures = np.empty((len(shingles), PERMUTATIONS), dtype=np.uint32)
    for row, minhash in enumerate(minhashes):
        signatures[row] = minhash.hashvalues
    return signatures


def _bands(signatures: np.ndarray, threshold: float) -> Iterator[list[np.ndarray]]:
    """For each band of the signatures its buckets: the texts, two or more, that agree in the whole band.

    Of b bands of r values each, two texts of similarity s share one with probability 1 - (1 - s^r)^b: the longest
    band is taken that misses few enough pairs at the threshold.
    """
    rows = max(
        r
        for r in range(1, PERMUTATIONS + 1)
        if r == 1 or (1 - threshold**r) ** (PERMUTATIONS // r) <= MISSED_AT_THRESHOLD
    )
    for column in range(0, PERMUTATIONS - rows + 1, rows):
        band = np.ascontiguousarray(signatures[:, column : column + rows])
        keys = band.view(np.dtype((np.void, band.dtype.itemsize * rows))).ravel()
        bucket, sizes = np.unique(keys, return_inverse=True, return_counts=True)[1:]
        order = np.argsort(bucket, kind="stable")
        start, shared = np.cumsum(sizes) - sizes, sizes > 1
        yield [order[a : a + n] for a, n in zip(start[shared], sizes[shared], strict=True)]


def join_clusters(cluster: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """(texts) the clusters, with those of each pair of texts made one.

    Args:
        pairs: (pairs, 2) indices of texts.
    """
    from scipy.sparse import coo_array  # not at the top: every kedro command would import it
    from scipy.sparse.csgraph import connected_components

    count = cluster.max(initial=-1) + 1
    links = (np.ones(len(pairs), dtype=np.int8), (cluster[pairs[:, 0]], cluster[pairs[:, 1]]))
    return connected_components(coo_array(links, shape=(count, count)), directed=False)[1][cluster]
