"""Runs on clusters: how long they take, how they are sent, many of them as one sweep."""
