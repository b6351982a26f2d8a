import subprocess
import sys


def test_a_search_starts_without_the_packages_that_only_its_workers_and_the_baselines_need():
    program = "import psy_agents.hpo.run_stage, psy_agents.reporting.search.plots, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "sklearn"} & set(done.stdout.split())
