"""The maker's side of updates: keys, packs, repository, fleet. No part of the box."""
