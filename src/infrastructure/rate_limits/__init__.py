"""Counting requests: in this process, or in a Valkey or Redis server that processes share."""
