"""How the box is: what is wrong, who was told, and what is said once a day. Pure decisions."""
