"""The outbox: results to the PACS, alerts to people, until somebody acknowledges."""
