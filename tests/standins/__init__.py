"""Servers that stand in for services outside: real client libraries speak to them in the services' protocols."""
