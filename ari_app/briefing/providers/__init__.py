"""Cloud engines of the briefing, one provider a file. Each file imports its SDK, so import it only when configured."""
