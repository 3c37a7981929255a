"""What the rows of the table do: one short story for each thing that can happen.

An action reads and writes the scratch pad of the step (`Turn`); it never waits, and never asks the world.
"""
