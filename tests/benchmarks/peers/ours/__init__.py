"""This project's side of the comparison: scripts like those of the peers, in our environment."""
