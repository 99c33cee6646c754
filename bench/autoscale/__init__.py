"""A recorded week served by a fleet that is scaled: Weir's policy, other projects', and a clairvoyant."""
