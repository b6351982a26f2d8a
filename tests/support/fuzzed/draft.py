"""The tables of a small corpus before they are damaged and written.

Every word of a post, a sentence or an explanation holds TEXT_MARK, and every id of a post holds ID_MARK where it
holds letters, so that a message that quotes any part of a cell gives itself away.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

TEXT_MARK = "zq"
ID_MARK = "qzid"
NUMBER_MARK = "90071992"  # of ids that are numbers
STEMS = ("zqbano", "mizqo", "zqtelu", "Razqin", "zqé", "zqß", "ZQON", "zqmañ", "眠zq", "zq🙂", "zq’t", "“zqil”", "zq—re")
ENDS = (". ", "! ", "?\n", "… ", ".\r\n\r\n", ".  ")
CRITERIA = ("SLEEP", "mood/low", "A 3", "疲れ")
EXPLANATION = "zqexplains, at “zqlength”"

Rows = list[list[str]]


@dataclass
class Draft:
    """Tables whose first row is the header, and what the criteria file will hold as (id, text)."""

    posts: Rows
    annotations: Rows
    criteria: list[tuple[object, object]]


def valid_draft(random: Random) -> Draft:
    """Ten to twenty posts of one to eight sentences, some of them annotated; long posts among them."""
    posts = [["post_id", "text", "split"]]
    annotations = [["post_id", "sentence_id", "sentence_text", "DSM5_symptom", "status", "explanation"]]
    criteria = list(CRITERIA[: random.randint(1, len(CRITERIA))])
    for number in range(random.randint(10, 20)):
        post_id = f"{ID_MARK}_{number:03d}"
        sentences = [random_sentence(random) for _ in range(200 if random.random() < 0.03 else random.randint(1, 8))]
        text = "".join(sentence + random.choice(ENDS) for sentence in sentences)
        posts.append([post_id, text, ("train", "dev", "test")[number % 3]])
        for order in range(random.choice((0, 0, 1, 1, 2, 3))):
            row = [post_id, str(order), random.choice(sentences), random.choice(criteria), random.choice("011"), EXPLANATION]
            annotations.append(row)
    annotations.append([posts[1][0], "0", sentences[0], criteria[0], "0", EXPLANATION])
    return Draft(posts, annotations, [(criterion, f"The text of {criterion}.") for criterion in criteria])


def random_sentence(random: Random) -> str:
    return " ".join(random.choice(STEMS) + str(random.randint(0, 999)) for _ in range(random.randint(1, 12)))
