"""Model selection: which model serves a request, one file each."""
