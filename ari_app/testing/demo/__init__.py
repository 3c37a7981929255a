"""`make demo`: one warm transfer on a real Asterisk, told as it happens and proven from what everybody received.

`script.py` says who says what; `speakers.py` gives the phones voices and pilot tones, `ears_and_voice.py` the agent;
`performance.py` plays the call; `listening.py` measures; `proofs.py` judges; `picture.py` and `canvas.py` draw;
`leaflet.py` writes and prints.
"""
