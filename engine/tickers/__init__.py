"""What ticks do, in the workers: one file for each ticker's body. When they tick is the platform's affair."""
