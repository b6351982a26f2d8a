"""A chat model, played by a local server that answers by the words of the post."""

import json
import logging
import sqlite3
import stat
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import ValidationError

from psy_agents.baselines.chat import server as module
from psy_agents.baselines.chat.answers import ChatAnswer, read_answer
from psy_agents.baselines.chat.server import ChatServer, is_local
from psy_agents.baselines.config import ChatConfig
from psy_agents.baselines.predict import baseline_table
from psy_agents.baselines.registry import systems_of
from psy_agents.baselines.systems.chat import Chat
from psy_agents.errors import UserError
from psy_agents.training.data import split_pairs

WORDS = {"Sleeps badly": "lie awake", "Feels low": "grey"}


class StandIn(ThreadingHTTPServer):
    """Says yes, with the sentence, where a post holds the criterion's words; the attributes change that."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.reply, self.status, self.fails_after = [], None, 200, None
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, self.headers.get("Authorization"), asked))
        message = asked["messages"][0]["content"]
        content = answer_to(message) if self.server.reply is None else self.server.reply
        body = json.dumps({"choices": [{"message": {"content": content}}]}).encode()
        fails = self.server.fails_after is not None and len(self.server.asked) > self.server.fails_after
        self.send_response(400 if fails else self.server.status)
        self.send_header("Location", "http://192.0.2.1/v1/chat/completions")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Write nothing."""


def answer_to(message):
    criterion, _, post = message.partition("Post:\n")
    word = next((word for name, word in WORDS.items() if name in criterion), "no such word")
    quotes = [f"{sentence.strip().upper()}." for sentence in post.split("\n")[0].split(".") if word in sentence]
    return f"<think>{{so}}</think> ```json\n{json.dumps({'probability': 90 if quotes else 5, 'evidence': quotes})}\n```"


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(module, "BACKOFF", 0.0)
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:9")
    with StandIn() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.02,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def answers(corpus, setup_of, section):
    """Asks a model about the validation pairs, with the given changes of the configuration."""
    return lambda **values: Chat(setup_of(chat=section(**values))).fit(None, None)(split_pairs(corpus, "validation"))


@pytest.fixture
def section(server, tmp_path):
    """The configuration of this server."""
    return lambda **values: {"model": "small", "url": server.url, "answers": tmp_path / "data" / "answers.db", "timeout": 30, **values}


def test_it_decides_and_shows_evidence_as_the_model_says_and_asks_each_pair_once(
    corpus, setup_of, server, section, answers, caplog, tmp_path
):
    caplog.set_level(logging.INFO)
    table = baseline_table(corpus, "validation", setup_of(chat=section()))
    assert (table["chat"]["macro_f1"], table["chat_quotes"]["token_f1"]) == (1.0, 1.0)
    messages = [asked["messages"][0]["content"] for *_, asked in server.asked]
    pairs = corpus.pairs["post_id"].isin(corpus.members("validation")).sum()
    assert len(messages) == len(set(messages)) == pairs and f"{pairs} of {pairs} answers" in caplog.text
    path, _, asked = server.asked[0]
    assert (path, asked["model"], asked["temperature"], asked["max_tokens"]) == ("/v1/chat/completions", "small", 0, 1024)

    again = answers(url="http://127.0.0.1:9/v1").probabilities_P
    assert len(again) == pairs and set(again) == {0.9, 0.05}, "stored answers need no server"
    file = tmp_path / "data" / "answers.db"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    said = file.read_bytes().lower() + caplog.text.lower().encode()
    assert not any(word in said for word in (b"awake", b"weather", b"grey", b"sleeps"))
    answers(prompt="{criterion}?\nPost:\n{post}")
    assert len(server.asked) == 2 * pairs, "another prompt is another question"


def test_answers_before_a_failure_are_kept_and_a_damaged_file_is_told(server, answers, tmp_path):
    server.fails_after = 10
    with pytest.raises(UserError, match="answers with status 400"):
        answers(requests_at_once=1)
    with sqlite3.connect(tmp_path / "data" / "answers.db") as database:
        assert database.execute("SELECT COUNT(*) FROM answers").fetchone() == (10,)
    server.asked.clear()
    server.fails_after = None
    assert len(answers().probabilities_P) == len(server.asked) + 10
    (tmp_path / "data" / "answers.db").write_bytes(b"no database" * 100)
    with pytest.raises(UserError, match=r"baselines\.chat\.answers cannot be read or written \(DatabaseError\)"):
        answers()


def test_an_answer_is_its_last_json_object_with_a_probability_and_the_quotes_that_are_in_the_post():
    post = "I sleep badly. The day was long. I sleep badly."
    said = '{"probability": 1} or {"x": {"probability": 30, "evidence": ["i sleep  BADLY", "nothing of it at all", 3, " "]}'
    assert read_answer(said, post) == ChatAnswer(0.3, ((0, 13), (33, 46)), 1)
    assert read_answer('{"probability": 0}', post) == ChatAnswer(0.0)
    for unread in ("", "yes", '{"probability": 101}', '{"probability": true}', '{"probability": NaN}', '{"probability": "90"}', "{" * 5000):
        assert read_answer(unread, post) == ChatAnswer(None)


def test_answers_that_are_no_json_count_as_no_and_are_told_and_none_is_an_error(server, answers, caplog):
    server.reply = "It depends."
    with pytest.raises(UserError, match=r"None of \d+ answers .* change baselines\.chat\.prompt"):
        answers()
    server.reply = '{"probability": 40, "evidence": ["Nowhere."]}'
    found = answers(max_tokens=64)
    assert set(found.probabilities_P) == {0.4} and not len(found.candidates.pair)
    assert "quoted sentences are not in their posts and are left out" in caplog.text


@pytest.mark.parametrize(("status", "requests"), [(500, 4), (302, 1), (404, 1)])
def test_a_server_that_fails_is_asked_again_and_one_that_redirects_is_not_followed(server, section, status, requests):
    server.status = status
    with pytest.raises(UserError, match=f"status {status}"):
        ChatServer(ChatConfig(**section())).ask("A secret text.")
    assert len(server.asked) == requests


def test_a_key_is_read_from_its_file_and_what_is_no_server_is_refused_without_a_text(server, section, tmp_path):
    (tmp_path / "key").write_text("abc\n")
    assert ChatServer(ChatConfig(**section(key_file=tmp_path / "key"))).ask("Post:\n") and server.asked[0][1] == "Bearer abc"
    (tmp_path / "key").write_text("")
    for wrong, message in (
        ({"key_file": tmp_path / "key"}, "holds no key"),
        ({"key_file": tmp_path / "none"}, r"cannot be read \(FileNotFoundError\)"),
        ({"url": "http://127.0.0.1:9/v1"}, r"does not answer \(ConnectionError\)"),
        ({"url": "http://8.8.8.8/v1"}, "leads out of this machine"),
    ):
        with pytest.raises(UserError, match=message) as caught:
            ChatServer(ChatConfig(**section(**wrong))).ask("A secret text.")
        assert "secret" not in str(caught.value)
    server.reply, server.status = "x", 200
    assert ChatServer(ChatConfig(**section(url=f"{server.url}/"))).ask("a") == "x"


def test_only_this_machine_and_private_networks_are_local():
    local = ("127.0.0.1", "localhost", "[::1]", "10.1.2.3", "192.168.0.4", "172.20.1.1", "[fd00::1]", "[::ffff:10.0.0.1]")
    assert all(is_local(f"http://{host}:80/v1") for host in local)
    remote = ("8.8.8.8", "172.32.0.1", "169.254.169.254", "0.0.0.0", "[2001:db8::1]", "[::ffff:8.8.8.8]")
    assert not any(is_local(f"http://{host}:80/v1") for host in remote)


@pytest.mark.parametrize(
    ("name", "value"),
    [("url", "file:///etc"), ("url", "http://me:key@10.0.0.1/v1"), ("url", "127.0.0.1"), ("prompt", "{post}"), ("prompt", "{criterion}")],
)
def test_settings_that_cannot_work_are_refused(name, value):
    with pytest.raises(ValidationError, match="must"):
        ChatConfig(model="small", **{name: value})


def test_a_post_that_names_the_criterion_is_shown_as_it_is():
    assert ChatConfig(prompt="{criterion}: {post}").prompted([("a {criterion} and {post}", "b")]) == ["b: a {criterion} and {post}"]


def test_without_a_file_each_run_asks_again(server, answers, tmp_path):
    first, second = (answers(answers=None).probabilities_P for _ in range(2))
    assert (first == second).all() and len(server.asked) == 2 * len(first) and not list(tmp_path.iterdir())


def test_it_is_off_unless_a_model_is_named(setup_of, section):
    assert not any(isinstance(system, Chat) for system in systems_of(setup_of()))
    assert any(isinstance(system, Chat) for system in systems_of(setup_of(chat=section())))
