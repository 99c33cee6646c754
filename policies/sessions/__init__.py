"""What is decided over a whole session or caller rather than one request: one mechanism a file, each pure."""
