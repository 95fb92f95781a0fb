"""The callback servers: take VK's events, verify them, keep them, answer. Nothing is processed here."""
