"""Read model `balance`: a member's points now, and the totals of how they came and went."""
