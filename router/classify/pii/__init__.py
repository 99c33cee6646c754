"""Personal data in a text: recognisers of what has a form, and a tagger for what has only a context."""
