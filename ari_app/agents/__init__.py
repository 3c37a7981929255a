"""The Python SDK of agents: `session` is what they hold, `messages` what they give and get, `tools` what their model
may call. Three transports carry it: `over_ari`, `over_http` and `in_process`.

Nothing here loads a server, a database or a provider; `ari_app.agent` is the door."""
