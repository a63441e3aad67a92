"""Measure what the models are worth, on the owner's clips and on public sets, always beside their baselines."""
