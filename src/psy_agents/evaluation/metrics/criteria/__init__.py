"""Metrics of the decision whether a criterion is met."""
