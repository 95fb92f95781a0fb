"""``salo demo``: three bots, people who chat with them, and a judge, all on one passing stage."""
