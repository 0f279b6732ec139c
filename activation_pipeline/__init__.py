"""Activation contracts for reverse ETL: what was gated is what is sent."""
