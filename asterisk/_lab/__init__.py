"""A real Asterisk with the shipped configuration, on loopback, for tests and for a first try. No containers, no root.

`debian` unpacks Asterisk once into a cache, `distribution` says how to run it, `site` writes one lab's folder, `ports`
keeps labs out of each other's way, `process` starts and ends, `verbs` is what the command line calls.
Standard library only: `asterisk/lab` runs before anything is installed.
"""
