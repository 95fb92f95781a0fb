"""The journal writer: tells MariaDB what the lanes wrote down, each row exactly once."""
