"""A run's folder as a page to read: one file, without an address outside of it."""
