"""Training of the `ct-thorax-fracture` pack."""
