"""What each pipeline does in one line, for ``python -m psy_agents``."""

SUMMARIES = {
    "__default__": "preprocessing alone, without its page",
    "synthetic_corpus": "writes the bundled corpus again",
    "preprocessing": "raw files become posts, pairs and splits; the data-quality page",
    "baselines": "simple systems on the same validation pairs",
    "hpo_stage0": "sanity: 8 trials x 3 epochs an agent",
    "hpo_stage1": "coarse: 20 x 10, builds on stage 0",
    "hpo_stage2": "fine: 50 x 15, builds on stage 1",
    "maximal_hpo": "one large search: 600 to 1,200 trials an agent",
    "refit": "the best trials over several seeds; the winner trained again and tested",
    "cross_validation": "search, refit and test of each fold",
    "leaderboard": "the best trial of each agent, stage and encoder",
    "report": "agents and baselines on test, for a paper",
    "evidence_page": "test posts with annotated and predicted evidence",
    "predict": "a file of new posts",
    "export": "a refitted model with its card, to give away",
    "publish": "an exported model to the Hugging Face hub, after asking",
    "full_hpo_all": "all stages, refits and the report, of all agents",
    "maximal_hpo_all": "the large search, refits and the report, of all agents",
}
"""What each registered pipeline does."""
