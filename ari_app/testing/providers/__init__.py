"""Local servers that speak the cloud providers' wire protocols, with scripted answers and faults."""
