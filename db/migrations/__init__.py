"""Numbered steps that make a base's schema: one re-runnable step a file, since MariaDB's DDL does not roll back.

A step that ran is never edited; a change is the next number.
"""
