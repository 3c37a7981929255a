"""The control API: thin skins over `ports.Control`. Routes in `api`, the rest one file each."""
