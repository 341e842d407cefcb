"""Places outside the process: of which kinds they are, how they are named and opened, and how values get there."""
