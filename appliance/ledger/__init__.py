"""One SQLite ledger for each unit that writes."""
