"""Bayesian optimisation of noisy ranks: the regression, and the sampler that asks it."""
