"""Freed memory is kept: counted in the pages that the kernel has to clear again."""

import subprocess
import sys

import pytest

COUNT = """
import resource
import torch
from psy_agents.training.allocator import keep_freed_memory

def new_pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(60):
        torch.ones(12_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

given_back = new_pages()
assert keep_freed_memory()
print(new_pages(), given_back)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_tensors_as_large_as_ones_before_take_few_new_pages():
    counted = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True).stdout
    kept, given_back = map(int, counted.split())
    # Not none: a small block may settle in what a large one has left, until there is room for both.
    assert kept < given_back / 3
