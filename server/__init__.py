"""The platform: front door, supervisor, callback servers, dispatcher, journal, control, emulator."""
