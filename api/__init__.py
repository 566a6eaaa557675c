"""What HTTP clients see: one package per dialect, all over the same node."""
