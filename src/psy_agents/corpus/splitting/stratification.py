"""Assigns groups of posts to subsets of given sizes: every label has its share, and rare labels are in every subset."""

from __future__ import annotations

import numpy as np

# Moves per gap (a label that a subset lacks) after which the repair gives up.
MOVES_PER_GAP = 50
# Most moves for which a moved group rests; otherwise two labels could move it back and forth.
LONGEST_REST = 10


def stratify(counts: np.ndarray, sizes: np.ndarray, ratios: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A subset for each group, by iterative stratification.

    Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-Label Data", ECML PKDD 2011, Algorithm 1:
    always hand out the examples of the label with the fewest left, each to the subset that still wants most of
    that label, then most examples of any kind, then at random. Different here: an example is a group of posts,
    so a label counts once for each of its posts that carries it, and a group without labels comes last.

    Args:
        counts: (groups, labels) posts of the group that carry the label.
        sizes: (groups) posts in the group.
        ratios: (subsets) r_j, the share of each subset; sums to 1.
        rng: breaks the last ties.

    Returns:
        (groups) index of the group's subset.
    """
    subset = np.full(len(sizes), -1)
    left = counts.sum(axis=0)  # posts with each label that are not handed out yet
    wanted = ratios * sizes.sum()  # c_j: posts that each subset still wants
    wanted_of_label = np.outer(ratios, left)  # c_j^i: posts with label i that it still wants

    def hand_out(group: int, label_wish: np.ndarray) -> None:
        best = np.flatnonzero(label_wish >= label_wish.max() - 1e-9)
        if len(best) > 1:
            best = best[wanted[best] >= wanted[best].max() - 1e-9]
        chosen = best[0] if len(best) == 1 else rng.choice(best)
        subset[group] = chosen
        wanted[chosen] -= sizes[group]
        wanted_of_label[chosen] -= counts[group]
        np.subtract(left, counts[group], out=left)

    while left.any():
        label = np.where(left > 0, left, np.iinfo(np.int64).max).argmin()
        for group in np.flatnonzero((subset < 0) & (counts[:, label] > 0)):
            hand_out(group, wanted_of_label[:, label])
    for group in np.flatnonzero(subset < 0):
        hand_out(group, wanted)
    return subset


def cover(
    subset: np.ndarray, counts: np.ndarray, sizes: np.ndarray, ratios: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The subsets, repaired so that each has every label that is in at least as many groups as there are subsets.

    Iterative stratification hands a group out for its rarest label and may so leave another label out of a subset.
    While a subset lacks a label, a group that carries the label moves there: the one that opens the fewest gaps
    elsewhere for those that it closes, then the one that brings sizes and labels nearest to their shares. A moved
    group rests for a few moves (tabu search; Glover, "Tabu Search - Part I", ORSA Journal on Computing 1989).
    Afterwards at most as many groups as moved go the other way, each for as long as it brings sizes and labels nearer
    to their shares and opens no gap.

    Labels can exclude each other: if each three of five groups share a label of their own, not all of these labels
    can be in three subsets. Then as few gaps remain as were found. Many rare labels in few groups also cost the sizes.
    Subsets without a gap come back as they were.

    Args:
        subset: (groups) as `stratify` returns it.
        counts, sizes, ratios, rng: as there.
    """
    plan = _Plan(subset.copy(), counts, sizes, ratios)
    gaps = plan.gaps()
    fewest, best = gaps.sum(), plan.subset.copy()
    resting_until = np.zeros(len(sizes), dtype=np.int64)
    for move in range(MOVES_PER_GAP * fewest):
        if not fewest:
            break
        target, label = rng.choice(np.argwhere(gaps))
        groups = np.flatnonzero(plan.carries[:, label])
        free = groups[(resting_until[groups] <= move) & (plan.groups_in()[plan.subset[groups]] > 1)]
        if len(free) == 0:
            continue
        more_gaps = plan.opened(free) - (plan.carries[free] & gaps[target]).sum(axis=1)
        free = free[more_gaps == more_gaps.min()]
        chosen = free[plan.distance_change(free, target).argmin()]
        plan.move(chosen, target)
        resting_until[chosen] = move + 1 + rng.integers(LONGEST_REST)
        gaps = plan.gaps()
        if gaps.sum() < fewest:
            fewest, best = gaps.sum(), plan.subset.copy()

    plan = _Plan(best, counts, sizes, ratios)
    for _ in range((best != subset).sum()):
        if not plan.take_best_move():
            break
    return plan.subset


class _Plan:
    """Groups in subsets, with what each subset has of every label and of the posts.

    The posts count as one more column next to the labels, with the weight of all labels together. The distance of
    a plan from the shares is the weighted sum of (had - wanted)^2 / wanted over subsets and columns.
    """

    def __init__(self, subset: np.ndarray, counts: np.ndarray, sizes: np.ndarray, ratios: np.ndarray):
        self.subset = subset
        self.carries = counts > 0  # (groups, labels)
        self.needed = self.carries.sum(axis=0) >= len(ratios)  # (labels)
        self.groups_with = np.stack([self.carries[subset == s].sum(axis=0) for s in range(len(ratios))])
        used = counts.any(axis=0)
        self.amounts = np.column_stack([counts[:, used], sizes]).astype(np.float64)  # (groups, columns)
        wanted = np.outer(ratios, self.amounts.sum(axis=0))  # (subsets, columns)
        weights = np.append(np.ones(used.sum()), max(used.sum(), 1))
        self.scale = weights / wanted
        self.surplus = np.stack([self.amounts[subset == s].sum(axis=0) for s in range(len(ratios))]) - wanted

    def gaps(self) -> np.ndarray:
        """(subsets, labels) True where a subset lacks a label that it should have."""
        return self.needed & (self.groups_with == 0)

    def groups_in(self) -> np.ndarray:
        """(subsets) groups in each."""
        return np.bincount(self.subset, minlength=len(self.surplus))

    def opened(self, groups: np.ndarray) -> np.ndarray:
        """(groups given) gaps that each would leave behind."""
        last = self.needed & (self.groups_with == 1)
        return (self.carries[groups] & last[self.subset[groups]]).sum(axis=1)

    def distance_change(self, groups: np.ndarray, target: int) -> np.ndarray:
        """(groups given) change of the distance if that group alone moved to the target."""
        amounts, source = self.amounts[groups], self.subset[groups]
        left = self.scale[source] * amounts * (amounts - 2 * self.surplus[source])
        arrived = self.scale[target] * amounts * (amounts + 2 * self.surplus[target])
        return (left + arrived).sum(axis=1)

    def move(self, group: int, target: int) -> None:
        source = self.subset[group]
        self.subset[group] = target
        for row, sign in ((source, -1), (target, 1)):
            self.groups_with[row] += sign * self.carries[group]
            self.surplus[row] += sign * self.amounts[group]

    def take_best_move(self) -> bool:
        """Make the move that brings the plan nearest to the shares and opens no gap, if there is one."""
        groups = np.arange(len(self.subset))
        groups = groups[(self.opened(groups) == 0) & (self.groups_in()[self.subset] > 1)]
        if len(groups) == 0:
            return False
        changes = np.stack([self.distance_change(groups, target) for target in range(len(self.surplus))])
        changes[self.subset[groups], np.arange(len(groups))] = 0
        target, place = np.unravel_index(changes.argmin(), changes.shape)
        if changes[target, place] > -1e-9:
            return False
        self.move(groups[place], target)
        return True
