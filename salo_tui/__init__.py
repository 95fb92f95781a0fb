"""The operator's face. Knows the platform through the control socket only."""
