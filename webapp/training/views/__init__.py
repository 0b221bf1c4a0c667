"""Pages of snapshots, training runs and pipelines."""
