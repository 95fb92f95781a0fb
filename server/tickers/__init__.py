"""Periodic duties: which there are, one file for each, and when they tick. What they do is done in ticker workers."""
