"""A search over an encoder and a decoder with adapters, killed on the way, ends as one that nothing stopped."""

from support.search.dying_process import run_killed
from support.small_search import CRITERIA, SENTENCES
from support.training.tiny_decoders import build_decoder

from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.paths import StoragePaths
from psy_agents.hpo.run_stage import run_stage
from psy_agents.hpo.space.config import SearchSpaceConfig
from psy_agents.hpo.study.store import read_study
from psy_agents.hpo.study.topk import stage_records
from psy_agents.training.config import TrainingSettings

STAGE = StageConfig(
    name="stage0", label="sanity", n_trials=5, epochs=1, patience=1, top_k=5, seed=1, sampler={"name": "tpe", "n_startup_trials": 4},
    workers={"count": 1, "threads": 1},
)  # fmt: skip


def search_space(bert: str, llama: str) -> SearchSpaceConfig:
    """Only the decoder has adapters and a choice of attention. One trial of each goes first."""
    decoder = {"when": {"encoder": [llama]}}
    ranges = {
        "encoder": {"type": "categorical", "choices": [bert, llama]},
        "learning_rate": {"type": "float", "low": 1e-4, "high": 1e-2, "log": True},
        "lora_rank": {"type": "int", "low": 2, "high": 8, **decoder},
        "attention": {"type": "categorical", "choices": ["causal", "bidirectional"], **decoder},
    }
    first = [{"encoder": bert, "learning_rate": 1e-3}, {"encoder": llama, "learning_rate": 1e-3, "lora_rank": 4, "attention": "causal"}]
    return SearchSpaceConfig(small=ranges, large={}, first_trials={"small": {"criteria": first}})


def test_a_search_over_two_families_resumes_after_a_kill_and_ends_as_one_that_nothing_stopped(tmp_path, corpus, encoder):
    llama = tmp_path / "llama"
    build_decoder("llama", llama, [*SENTENCES.values(), *CRITERIA.values()])
    given = {
        "agent": "criteria", "corpus": corpus, "stage": STAGE, "spaces": search_space(str(encoder), str(llama)),
        "settings": TrainingSettings(precision="float32", fixed={"max_length": 48, "pooling": "mean"}),
    }  # fmt: skip
    ended = {}
    for name in ("whole", "killed"):
        folder = tmp_path / name
        folder.mkdir()
        given["paths"] = StoragePaths(folder / "studies.db", folder / "models")
        if name == "killed":
            run_killed(run_stage, given, folder, ends=3)
        output = run_stage(**given)
        ended[name] = [(record.params, record.seed, record.value, record.metrics) for record in output.result.records]
        study = read_study(folder / "studies.db", output.top_k["study"])
        assert all({"parameters", "trained_parameters", "ms_per_post"} == set(record.cost) for record in stage_records(study))
    assert ended["killed"] == ended["whole"]
    searched = [params["encoder"] for params, *_ in ended["whole"]]
    assert set(searched[:3]) == set(searched[3:]) == {str(encoder), str(llama)}, "both families before the kill, and both after"
    assert all(("lora_rank" in params) == ("attention" in params) == (params["encoder"] == str(llama)) for params, *_ in ended["whole"])
