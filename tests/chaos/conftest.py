"""The stage of the stories, for walks nobody has written down."""

from tests.sipp.conftest import clouds, lab, stage, usual  # noqa: F401
