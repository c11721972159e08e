"""Neural fields whose initialisation is learned: a few gradient steps from it solve a new instance of a problem."""
