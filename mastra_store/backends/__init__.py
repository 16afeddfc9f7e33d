"""Backends: stored formats, queries and connections, one folder each."""
