"""Does knowledge help, and by how much? A world of real facts, arms that differ in one thing, and what they know afterwards."""
