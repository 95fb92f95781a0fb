"""VK as the engine sees it: one client, the meaning of its errors, the numbers that make a repeat harmless."""
