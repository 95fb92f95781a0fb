"""Redis and MariaDB: private ones below the state directory, or checks of external ones."""
