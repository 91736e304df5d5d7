"""Read model `tier`: the level a member is in, since when, and the spend that counts towards it."""
