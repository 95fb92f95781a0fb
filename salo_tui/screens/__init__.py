"""The terminal's screens, one file each."""
