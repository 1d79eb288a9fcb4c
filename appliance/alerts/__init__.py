"""How a person is told: texts, channels, the printed page."""
