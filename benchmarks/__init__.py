"""Measurements: ours beside hand-written SQL, plain Tortoise and the official npm packages, in one run."""
