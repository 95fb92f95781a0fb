"""The ground floor: settings, errors, names, Redis keys and scripts, MariaDB bases. Imports no other room."""
