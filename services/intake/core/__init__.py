"""The pure part of intake: bytes to what was said, what was said to what is to be done. No server, no clock."""
