"""Prices: what a basket costs this member now. Pure. The price given is then a fact, in the lines of the purchase."""
