"""A package, so that pytest ends its programs with its tests: others count their children."""
