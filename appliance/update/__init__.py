"""Updates as the box sees them: what to trust, what to fetch, what to offer to the analyser."""
