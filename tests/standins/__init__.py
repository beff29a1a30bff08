"""Servers that stand in for services outside: they speak the services' wire protocols to the real client libraries."""
