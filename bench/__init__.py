"""Measurements on a real Asterisk, judged from outside. How and why: docs/explanation/speed.md."""
