from psy_agents.hpo.workers.dask.share import Share


def test_the_parts_of_a_cluster_are_whole_and_together_the_whole_and_never_nothing():
    for of in (1, 2, 3, 4):
        for capacity in (of, 5, 8, 9):
            assert sum(Share(rank, of).places(capacity) for rank in range(of)) == capacity
    assert [Share(rank, 4).places(6) for rank in range(4)] == [2, 2, 1, 1]
    assert [Share(rank, 4).places(2) for rank in range(4)] == [1, 1, 1, 1]  # Two of them wait for their turn.


def test_a_part_only_grows_when_another_search_ends():
    for capacity in range(1, 12):
        for ends in range(4):
            left = [rank for rank in range(4) if rank != ends]
            for now, before in enumerate(left):
                assert Share(now, 3).places(capacity) >= Share(before, 4).places(capacity)
