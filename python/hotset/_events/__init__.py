"""What happens that somebody may want to know of: events, and the hooks that are told of them. The log is the first."""
