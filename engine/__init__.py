"""What happens to one message: addressing, matching, answers, commands, VK. Imports ``db`` only."""
