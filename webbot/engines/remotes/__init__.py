"""The parts of the engine that asks a model server elsewhere: its address, the connection to it, what it is, its answers."""
