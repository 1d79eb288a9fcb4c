"""What becomes of an offered pack: tried beside the studies, put into use, taken back."""
