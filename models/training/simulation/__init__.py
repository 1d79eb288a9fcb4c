"""Fractures made in real images; numpy and scipy only, so the demo and the tests can use them."""
