"""Training of the dr-fracture pack: fractures on radiographs of the limbs."""
