"""The bodies of the platform's commands, and how they are run: rights, storage, audit."""
