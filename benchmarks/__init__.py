"""Measurements against the real services, each as a ratio to something simple on the same machine."""
