"""Memory and speed of prediction, by the number of posts in a file and by the length of the longest.

Each measurement runs in a separate process. The encoder is untrained and tiny (two layers, 32 units), so the figures show
the memory of posts and not of weights. The posts consist of sentences of the bundled corpus.

    python benchmarks/predicting.py --posts 2000 20000 --words 30 --long 0 100000
    python benchmarks/predicting.py --agent criteria --posts 20000 100000 1000000 --words 8 --long

- ``--posts``: files of this many posts of ``--words`` words.
- ``--long``: a file with one post of this many words and ten short ones.

All figures are resident memory, in MiB: with the model after one post, and the peak while the file is checked, in each
tenth of the posts, and while shards are merged. Seconds depend on the load of the machine; memory does not.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import resource
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]

CRITERIA = {"SLEEP": "Sleeps badly.", "FATIGUE": "Has no energy.", "MOOD": "Feels low."}


def save_encoder(folder: Path, words: list[str]) -> None:
    """Save a random BERT of two layers, and a tokenizer that knows the 1,000 most frequent words."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir(parents=True)
    counts = Counter(word.lower() for word in words)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", *(word for word, _ in counts.most_common(1000))]
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in vocabulary), encoding="utf-8")
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=len(vocabulary), **size)).save_pretrained(folder)


def save_model(folder: Path, agent: str, words: list[str]) -> None:
    """Save an untrained agent whose rule lets evidence through."""
    from psy_agents.agents.config import ModelConfig
    from psy_agents.agents.decoding import DecodingRule
    from psy_agents.agents.encoders.tokenizer import load_tokenizer
    from psy_agents.agents.registry import new_agent
    from psy_agents.agents.saved.agent import Decisions, InferenceSettings, save_agent

    encoder = folder.parent / "encoder"
    save_encoder(encoder, words)
    model = new_agent(agent, ModelConfig(encoder=str(encoder)), encoder)
    decisions = Decisions(0.5, DecodingRule(threshold=-1.0))
    save_agent(folder, model, agent, load_tokenizer(encoder), decisions, CRITERIA, {}, InferenceSettings())


def write_posts(file: Path, words: list[str], lengths: list[int]) -> None:
    """Posts of the given lengths in words, with a full stop after every tenth word."""
    drawn = random.Random(0)
    with file.open("w", encoding="utf-8") as out:
        out.write("post_id,text\n")
        for number, length in enumerate(lengths):
            text = " ".join(drawn.choice(words) + "." * (place % 10 == 9) for place in range(length))
            out.write(f'p{number},"{text}"\n')


def measure(agent: str, model: Path, project: Path, file: str, posts: int, answers: multiprocessing.Queue) -> None:
    """Predict the file; return memory by phase, and seconds."""
    import torch

    from psy_agents.inference.config import PredictConfig
    from psy_agents.inference.predict_file import load_predictor, predict_file

    torch.set_num_threads(1)
    load_predictor(agent, model).predict(["One post."])
    config = PredictConfig(project=project, posts=Path(file), work=project / file.replace(".", "_"))
    seen, started = Seen(config.work / f"{agent}.unfinished", -(-posts // config.chunk_posts)), time.monotonic()
    seen.start()
    predict_file(agent, model, config)
    answers.put((seen.stop(), time.monotonic() - started))


class Seen(threading.Thread):
    """Samples the resident memory five times a second, and reads the progress from the folder.

    Args:
        shards: their least number.
    """

    def __init__(self, folder: Path, shards: int) -> None:
        super().__init__(daemon=True)
        self._folder, self._shards, self._ended = folder, shards, threading.Event()
        self._most = {"with the model": resident()}

    def run(self) -> None:
        while not self._ended.wait(0.2):
            self._look()

    def stop(self) -> str:
        """Stop sampling; return the samples by phase, in order."""
        self._ended.set()
        self.join()
        whole = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return ", ".join(f"{phase} {most:.0f}" for phase, most in self._most.items()) + f", peak {whole:.0f}"

    def _look(self) -> None:
        phase = self._phase()
        self._most[phase] = max(self._most.get(phase, 0), resident())

    def _phase(self) -> str:
        if not (self._folder / "shards").is_dir():
            return "merged" if (self._folder / "predictions.parquet").exists() else "checked"
        if any(self._folder.glob(".predictions.*")):
            return "merged"
        done = len(os.listdir(self._folder / "shards"))
        return f"{min(10, 1 + 10 * done // self._shards)}0 %"


def resident() -> float:
    """This process's resident set, in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agent", default="joint")
    parser.add_argument("--posts", type=int, nargs="*", default=[2000, 20_000])
    parser.add_argument("--words", type=int, default=30)
    parser.add_argument("--long", type=int, nargs="*", default=[0, 100_000])
    given = parser.parse_args()
    words = (ROOT / "data/01_raw/synthetic/posts.csv").read_text(encoding="utf-8").replace('"', " ").replace(".", " ").split()
    words = [word for word in words if word.isalpha()]
    files = {f"{n} posts of {given.words} words": [given.words] * n for n in given.posts}
    files |= {f"10 posts of {given.words} words and one of {n}": [given.words] * 10 + [n] * (n > 0) for n in given.long}
    spawned = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        save_model(project / "version 1" / given.agent, given.agent, words)
        for number, (name, lengths) in enumerate(files.items()):
            write_posts(project / f"{number}.csv", words, lengths)
            answers = spawned.Queue()
            work = (given.agent, project / "version 1" / given.agent, project, f"{number}.csv", len(lengths), answers)
            process = spawned.Process(target=measure, args=work)
            process.start()
            memory, seconds = answers.get()
            process.join()
            print(f"{name}: {memory} MiB, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
