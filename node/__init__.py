"""One running node: its identity on disk, store, jobs, tasks, events and data sources."""
