"""The commands: one registry of declarations, the grammar that reads them, and the bodies of the bots' own ones.

The platform's bodies live in ``server.commands``; what they are called and take is declared here all the same.
"""
