"""``salo chaos``: people talk with many bots while parts of the platform are killed and frozen, and a judge counts."""
