"""Settings of all tests."""

from hypothesis import settings

# A busy machine is no defect: how long something takes is for bench/.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
