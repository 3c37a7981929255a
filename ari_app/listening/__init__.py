"""A transcript made by the app, for agents that send none: caller and agent are overheard while they talk.

`overhearing.py` decides whom and how long, `ear.py` understands one side, `tap.py` is what that takes in Asterisk.
"""
