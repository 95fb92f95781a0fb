"""Bots Long Poll: events of communities that VK cannot post to, fetched and put into the same inboxes."""
