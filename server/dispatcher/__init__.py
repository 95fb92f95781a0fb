"""The lanes: one per bot, each with a lease, an index of what waits, and jobs handed to the shared workers."""
