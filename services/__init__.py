"""The processes and the pure rooms they work in."""
