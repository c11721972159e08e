"""First guesses of equilibria: classical ones and learned ones, the gate that lets them pass, the family they are made for."""
