"""Predict new posts with refitted agents."""
