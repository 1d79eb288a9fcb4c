"""How the packs are made: data, simulation, networks, quantization, evaluation, signing."""
