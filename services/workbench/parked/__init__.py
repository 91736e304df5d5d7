"""`tallystick parked`: records that could not be read, looked at, read again, or discarded (docs/parked.md)."""
