"""Where a pair's label comes from: its annotations, or that it has none."""

POSITIVE = "positive"
EXPLICIT_NEGATIVE = "explicit_negative"
IMPLICIT_NEGATIVE = "implicit_negative"
