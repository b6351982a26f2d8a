"""Metrics, one file each; `registry` finds them."""
