"""What one caller may ask for beyond the value: on which terms, how it came about, and what is known of it."""
