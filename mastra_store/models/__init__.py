"""Tortoise models, one group per domain, declared once as abstract definitions and bound per database."""
